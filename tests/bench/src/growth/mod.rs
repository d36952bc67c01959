//! How cost grows: the same measurement at growing sizes, and the power of the size that it follows.

pub(crate) mod claims;
pub(crate) mod runs;
pub(crate) mod standing;
pub(crate) mod workers;

use std::time::{Duration, Instant};

use flow_model::ids::{Digest, TenantId};
use flow_model::time::Millis;
use flow_tests::Client;

use crate::course::Course;
use crate::figures::{Series, float};

/// Measures at growing sizes, as long as the next one can be expected to fit into the part's time.
async fn grow(course: &mut Course<'_>, series: Series, sizes: &[usize], mut measure: impl AsyncFnMut(usize) -> f64) {
    let mut took: Vec<(f64, f64)> = Vec::new();
    let name = series.name;
    let at = course.out.growth.len();
    course.out.growth.push(series);
    for &size in sizes {
        if !course.has_time(expected(&took, float(size)), || format!("{name} of {size}")) {
            break;
        }
        let begun = Instant::now();
        let measured = measure(size).await;
        eprintln!("  {name} of {size}: {measured:.3}");
        course.out.growth[at].points.push((float(size), measured));
        took.push((float(size), begun.elapsed().as_secs_f64()));
    }
    if let Some(exponent) = course.out.growth[at].exponent() {
        eprintln!("  {name} grows with the power of {exponent:.2}");
    }
}

/// How long a size can be expected to take, by the line through the two before it.
fn expected(took: &[(f64, f64)], size: f64) -> Duration {
    let seconds = match took {
        [.., (one, first), (two, second)] => second + (second - first).max(0.0) / (two - one) * (size - two),
        [(_, only)] => 2.0 * only,
        [] => 0.0,
    };
    Duration::from_secs_f64(seconds)
}

/// The digest of the module that a tenant uploaded.
async fn digest_of(tenant: &Client, module: &str) -> Digest {
    let module = tenant.get(format_args!("/api/v2/modules/{module}")).await.expect(200);
    serde_json::from_value(module["digest"].clone()).expect("a digest")
}

/// The tenant of the workloads.
fn tenant_id() -> TenantId {
    "bench".parse().expect("a tenant's name")
}

#[expect(clippy::disallowed_methods, reason = "rows that are put into a running host's database are of its present")]
fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    Millis(i64::try_from(since.as_millis()).expect("it is before the end of time"))
}
