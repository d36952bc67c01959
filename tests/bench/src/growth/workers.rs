//! What a task costs when more and more workers share the work.

use flow_model::time::Millis;
use flow_tests::{Client, RemoteWorker};

use super::{grow, now};
use crate::course::Course;
use crate::figures::{Series, percentile};
use crate::workloads::{prepare, throughput};

/// How many tasks all workers run at once.
const SLOTS: usize = 64;

/// Workers in processes of their own.
pub(crate) async fn workers(course: &mut Course<'_>) {
    let title = "remote workers, with 64 slots in all → time per task, µs";
    let series = Series { name: "workers", title, limit: 0.0, points: Vec::new() };
    let sizes = course.form.pick(&[1, 2][..], &[1, 2, 4], &[1, 4, 16, 64]);
    let times = course.form.few();
    let host = course.place.host(&["--workers", "0"]);
    let mut crew = vec![RemoteWorker::start(&host, "first", &["--log", "error"]).await];
    let tenant = prepare(&host).await;
    crew.drain(..).for_each(RemoteWorker::stop);
    grow(course, series, sizes, async |size| {
        let since = now();
        let slots = (SLOTS / size).max(1).to_string();
        for at in 0..size {
            let name = format!("worker{size}-{at}");
            crew.push(RemoteWorker::start(&host, &name, &["--log", "error", "--concurrency", &slots]).await);
        }
        while begun(&tenant, since).await < size {}
        let measured = throughput(&tenant, times).await;
        crew.drain(..).for_each(RemoteWorker::stop);
        1e6 / percentile(&measured, 50)
    })
    .await;
}

/// How many workers the host has heard of since then.
async fn begun(tenant: &Client, since: Millis) -> usize {
    let path = format!("/api/v2/jobs?limit=1000&job_type=WorkerJob&start_date_gte={since}");
    tenant.get(path).await.expect(200)["jobs"].as_array().expect("a list").len()
}
