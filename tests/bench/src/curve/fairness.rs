//! What one tenant's queue does to another's latency.

use std::time::{Duration, Instant};

use flow_tests::Client;
use futures::future::join_all;
use serde_json::json;
use tokio::time::interval;

use crate::check;
use crate::course::Course;
use crate::figures::{float, percentile};
use crate::process::millis;
use crate::workloads::{finished, prepare};

const RUN: usize = 1_000;
const EVERY: Duration = Duration::from_millis(100);

/// One tenant triggers a run of one task ten times a second, first alone, then while another's queue is long.
pub(crate) async fn fairness(course: &mut Course<'_>) {
    let host = course.place.host(&[]);
    let small = prepare(&host).await;
    let large = host.tenant("large").await;
    large.upload("bench", flow_tests::component("bench")).await.expect(201);
    let times = course.form.pick(5, 15, 100);
    let alone = walls(&small, times, async || true).await;
    let runs = course.form.pick(2, 5, 100);
    join_all((0..runs).map(|_| large.trigger("fan1000", json!({})))).await;
    let is_busy = async || unfinished(&large).await > 0;
    let beside = walls(&small, times, is_busy).await;
    let figures = &mut course.out.figures;
    figures.add("fairness_queued_tasks", [float(runs * RUN)]);
    for (name, measured) in [("fairness_idle", &alone), ("fairness_busy", &beside)] {
        for percent in [50, 99] {
            figures.add(format!("{name}_p{percent}_ms"), [percentile(measured, percent)]);
        }
    }
    figures.add("fairness_ratio", [percentile(&beside, 99) / percentile(&alone, 99)]);
    figures.add("fairness_measured_runs", [float(beside.len())]);
    assert!(!beside.is_empty(), "the queue was empty before anything was measured beside it");
}

/// From trigger to success, in milliseconds, as often as asked for or as long as the other tenant is busy.
async fn walls(tenant: &Client, times: usize, goes_on: impl AsyncFn() -> bool) -> Vec<f64> {
    finished(tenant, "single", json!({})).await;
    let mut ticks = interval(EVERY);
    let mut measured = Vec::new();
    let mut last = String::new();
    for _ in 0..times {
        ticks.tick().await;
        let begun = Instant::now();
        last = finished(tenant, "single", json!({})).await;
        let wall = millis(begun.elapsed());
        if !goes_on().await {
            return measured;
        }
        measured.push(wall);
    }
    check::every_task(tenant, "single", &last, 1).await;
    measured
}

/// How many of the tenant's runs have not ended.
async fn unfinished(tenant: &Client) -> u64 {
    let runs = tenant.get("/api/v2/dags/fan1000/dagRuns?limit=1&state=running&state=queued").await.expect(200);
    runs["total_entries"].as_u64().expect("a count")
}
