//! What waiting costs: attempts asleep in the sandbox, deferred tasks, followers of events.

pub(crate) mod followers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use flow_tests::Host;
use serde_json::json;

use crate::check;
use crate::course::Course;
use crate::figures::float;
use crate::process::resident_mib;
use crate::workloads::{finished, prepare};

/// Attempts that sleep in their sandboxes, all at once.
pub(crate) async fn sleeping(course: &mut Course<'_>) {
    let (host, slots) = roomy_host(course);
    let tenant = prepare(&host).await;
    finished(&tenant, "naps", json!({"count": 2, "millis": 1})).await;
    let before = resident_mib(host.id());
    // Long enough for the first one to sleep still when the last one begins.
    let nap = course.form.pick(2, 4, 20);
    let conf = json!({"count": slots, "millis": nap * 1000});
    let run = tenant.trigger("naps", conf).await;
    let (begun, mut most) = (Instant::now(), 0);
    while most < slots && begun.elapsed() < Duration::from_secs(nap * 2) {
        most = most.max(check::count(&tenant, "naps", &run, "state=running&task_id=nap").await);
    }
    let asleep = resident_mib(host.id());
    let figures = &mut course.out.figures;
    figures.add("sleeping_tasks", [float(most)]);
    figures.add("sleeping_rss_mib", [asleep]);
    figures.add("sleeping_kib_each", [(asleep - before) * 1024.0 / float(most.max(1))]);
    assert_eq!(tenant.wait("naps", &run).await, "success");
    check::all_tasks(&tenant, "naps", &run, slots + 1).await;
}

/// A host with as many slots as the machine gives it address space and memory maps for, and how many these are.
fn roomy_host(course: &Course<'_>) -> (Host, usize) {
    let wanted = course.form.pick(&[50][..], &[1_000], &[10_000, 9_000, 7_500, 5_000]);
    for &slots in wanted {
        let start = || course.place.host(&["--workers", &slots.to_string()]);
        if let Ok(host) = catch_unwind(AssertUnwindSafe(start)) {
            return (host, slots);
        }
        eprintln!("  the host does not start with {slots} slots");
    }
    panic!("the host starts with none of {wanted:?} slots");
}

/// Tasks that wait without a slot.
pub(crate) async fn deferred(course: &mut Course<'_>) {
    let host = course.place.host(&[]);
    let tenant = prepare(&host).await;
    let run = finished(&tenant, "waits", json!({"count": 2, "millis": 50})).await;
    check::all_tasks(&tenant, "waits", &run, 3).await;
    let count = course.form.pick(50, 2_000, 100_000);
    let before = resident_mib(host.id());
    let begun = Instant::now();
    let run = tenant.trigger("waits", json!({"count": count, "millis": 3_600_000})).await;
    let mut there = 0;
    while there < count {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = check::count(&tenant, "waits", &run, "state=deferred").await;
        let left = float(count - now) / float((now - there).max(1)) * 0.2;
        there = now;
        let is_hopeless = there > 0 && !course.has_time(Duration::from_secs_f64(left), || deferred_of(there, count));
        if is_hopeless {
            break;
        }
    }
    let after = resident_mib(host.id());
    let figures = &mut course.out.figures;
    figures.add("deferred_tasks", [float(there)]);
    figures.add("deferred_per_s", [float(there) / begun.elapsed().as_secs_f64()]);
    figures.add("deferred_rss_mib", [after]);
    figures.add("deferred_kib_each", [(after - before) * 1024.0 / float(there.max(1))]);
}

fn deferred_of(there: usize, count: usize) -> String {
    format!("deferred tasks: {there} of {count}")
}
