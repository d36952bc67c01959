//! How soon a task starts, as somebody hears it who listens.

use std::time::Instant;

use flow_tests::Client;
use futures::{Stream, StreamExt as _};
use serde_json::{Value, json};

use crate::check;
use crate::form::Times;
use crate::process::millis;

/// From sending the trigger to hearing, over `/api/v2/events`, that the first task runs, in milliseconds.
pub(super) async fn latencies(tenant: &Client, times: Times) -> Vec<f64> {
    let mut events = Box::pin(events(tenant).await);
    let mut measured = Vec::new();
    let mut run = String::new();
    for _ in times {
        let begun = Instant::now();
        run = tenant.trigger("single", json!({})).await;
        while !is_running(&events.next().await.expect("the stream stays open"), &run) {}
        measured.push(millis(begun.elapsed()));
        assert_eq!(tenant.wait("single", &run).await, "success");
    }
    check::every_task(tenant, "single", &run, 1).await;
    measured
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
