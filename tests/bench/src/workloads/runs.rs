//! Workloads of whole runs, driven over HTTP and checked.

use std::time::Instant;

use flow_tests::Client;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::check;
use crate::form::Times;
use crate::process::{millis, per_second};

const RUNS: usize = 10;
const TASKS: usize = 100;
const READS: usize = 2_000;

/// Tasks a second, several times.
pub(crate) async fn throughput(tenant: &Client, times: Times) -> Vec<f64> {
    throughput_once(tenant).await;
    let mut measured = Vec::new();
    for _ in times {
        measured.push(throughput_once(tenant).await);
    }
    measured
}

/// Tasks a second of ten runs of a hundred independent tasks, from the first trigger to the last end.
pub(crate) async fn throughput_once(tenant: &Client) -> f64 {
    let begun = Instant::now();
    let runs = join_all((0..RUNS).map(|_| finished(tenant, "fan100", json!({})))).await;
    let span = begun.elapsed();
    for run in runs {
        check::every_task(tenant, "fan100", &run, TASKS).await;
    }
    per_second(RUNS * TASKS, span)
}

/// From trigger to the end of a run of so many tasks, in milliseconds.
pub(crate) async fn walls(tenant: &Client, dag: &str, tasks: usize, times: Times) -> Vec<f64> {
    finished(tenant, dag, json!({})).await;
    let mut measured = Vec::new();
    for _ in times {
        let begun = Instant::now();
        let run = finished(tenant, dag, json!({})).await;
        measured.push(millis(begun.elapsed()));
        check::every_task(tenant, dag, &run, tasks).await;
    }
    measured
}

/// One `variables.get` from a running task, in microseconds, as the task itself measured it.
pub(crate) async fn variable_get(tenant: &Client, times: Times) -> Vec<f64> {
    let mut measured = Vec::new();
    for _ in times {
        let run = finished(tenant, "variable_get", json!({"reads": READS})).await;
        let nanoseconds = tenant.result("variable_get", &run, "read_variable").await;
        measured.push(nanoseconds.as_f64().expect("a number of nanoseconds") / 1000.0);
    }
    measured
}

/// A run that was triggered and succeeded.
pub(crate) async fn finished(tenant: &Client, dag: &str, conf: Value) -> String {
    let run = tenant.trigger(dag, conf).await;
    assert_eq!(tenant.wait(dag, &run).await, "success", "{dag} {run}");
    run
}
