//! The workloads, each driven over HTTP and checked.

use std::time::Instant;

use flow_tests::{Client, component};
use futures::future::join_all;
use futures::{Stream, StreamExt};
use serde_json::{Value, json};

use crate::Repeat;
use crate::machine::millis;

const RUNS: usize = 10;
const TASKS: usize = 100;

/// Uploads the module of the workloads and sets the variable that one of them reads.
pub(crate) async fn prepare(tenant: &Client) {
    let answer = tenant.upload("bench", component("bench")).await;
    assert!(answer.status.is_success(), "{}", answer.body);
    tenant.post("/api/v2/variables", &json!({"key": "bench", "value": "x"})).await.expect(201);
}

/// From sending a component that the host has never seen to its DAGs being ready, in milliseconds.
pub(crate) async fn uploads(tenant: &Client, repeat: Repeat) -> Vec<f64> {
    let mut measured = Vec::new();
    for round in 0..repeat.few {
        let mut bytes = component("hello");
        // A custom section makes the bytes, and so the digest, new: id 0, size, name length, name.
        let mark = format!("{round:04}");
        bytes.extend([0, 5, 4]);
        bytes.extend(mark.as_bytes());
        let begun = Instant::now();
        tenant.upload("hello", bytes).await.expect(201);
        measured.push(millis(begun.elapsed()));
    }
    measured
}

/// Tasks a second: ten runs of a hundred independent tasks, from the first trigger to the last end.
pub(crate) async fn throughput(tenant: &Client, repeat: Repeat) -> Vec<f64> {
    let mut measured = Vec::new();
    for _ in 0..repeat.few {
        let begun = Instant::now();
        let runs = join_all((0..RUNS).map(|_| finished(tenant, "fan100"))).await;
        let seconds = begun.elapsed().as_secs_f64();
        for run in runs {
            check(tenant, "fan100", &run, TASKS).await;
        }
        #[expect(clippy::cast_precision_loss, reason = "a thousand is exact")]
        measured.push((RUNS * TASKS) as f64 / seconds);
    }
    measured
}

/// From trigger to the end of a run, in milliseconds.
pub(crate) async fn wall(tenant: &Client, dag: &str, repeat: Repeat) -> Vec<f64> {
    finished(tenant, dag).await;
    let mut measured = Vec::new();
    for _ in 0..repeat.many / 10 {
        let begun = Instant::now();
        finished(tenant, dag).await;
        measured.push(millis(begun.elapsed()));
    }
    measured
}

/// From sending the trigger to hearing, over `/api/v2/events`, that the first task runs, in milliseconds.
pub(crate) async fn start_latencies(tenant: &Client, repeat: Repeat) -> Vec<f64> {
    let mut events = Box::pin(events(tenant).await);
    let mut measured = Vec::new();
    for _ in 0..repeat.many {
        let begun = Instant::now();
        let run = tenant.trigger("single", json!({})).await;
        while !is_running(&events.next().await.expect("the stream stays open"), &run) {}
        measured.push(millis(begun.elapsed()));
        assert_eq!(tenant.wait("single", &run).await, "success");
    }
    measured
}

/// One `variables.get` from a running task, in microseconds, as the task itself measured it.
pub(crate) async fn variable_get(tenant: &Client, repeat: Repeat) -> Vec<f64> {
    let mut measured = Vec::new();
    for _ in 0..repeat.few {
        let run = tenant.trigger("variable_get", json!({"reads": 2000})).await;
        assert_eq!(tenant.wait("variable_get", &run).await, "success");
        let nanoseconds = tenant.result("variable_get", &run, "read_variable").await;
        measured.push(nanoseconds.as_f64().expect("a number of nanoseconds") / 1000.0);
    }
    measured
}

async fn finished(tenant: &Client, dag: &str) -> String {
    let run = tenant.trigger(dag, json!({})).await;
    assert_eq!(tenant.wait(dag, &run).await, "success", "{dag} {run}");
    run
}

/// Every task of the run succeeded at its first try and left its result.
async fn check(tenant: &Client, dag: &str, run: &str, tasks: usize) {
    let path = format!("/api/v2/dags/{dag}/dagRuns/{run}");
    let instances = tenant.get(format_args!("{path}/taskInstances?limit=1000")).await.expect(200);
    let instances = instances["task_instances"].as_array().expect("a list");
    assert_eq!(instances.len(), tasks);
    assert!(instances.iter().all(|it| it["state"] == "success" && it["try_number"] == 1), "{instances:?}");
    let xcoms = tenant.get(format_args!("{path}/taskInstances/~/xcomEntries?limit=1000")).await.expect(200);
    assert_eq!(xcoms["total_entries"], tasks);
}

/// The tenant's state changes, as they arrive.
async fn events(tenant: &Client) -> impl Stream<Item = Value> + use<> {
    let request = tenant.request(reqwest::Method::GET, &"/api/v2/events");
    let response = request.send().await.expect("an answer").error_for_status().expect("200");
    let mut rest = String::new();
    response.bytes_stream().flat_map(move |chunk| {
        rest.push_str(std::str::from_utf8(&chunk.expect("the stream stays open")).expect("events are UTF-8"));
        let complete = rest.rfind('\n').map_or(0, |at| at + 1);
        let lines: String = rest.drain(..complete).collect();
        let data = lines.lines().filter_map(|line| line.strip_prefix("data:").map(str::trim));
        let events: Vec<Value> = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
        futures::stream::iter(events)
    })
}

fn is_running(event: &Value, run: &str) -> bool {
    event["dag_run_id"] == run && event["task_id"].is_string() && event["state"] == "running"
}
