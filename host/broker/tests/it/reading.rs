//! What people read: lists with their filters, orders and pages, and single objects, on both databases.

mod catalog;
mod logs;
mod runs;
mod tasks;

use flow_broker::ServiceError;
use flow_model::ids::DagId;
use flow_model::rest::{Page, PageRequest};
use flow_test_support::{Stage, spec};
use serde_json::json;

/// A page of everything, sorted like this.
fn by(order: &[&str]) -> PageRequest {
    PageRequest { order_by: order.iter().map(ToString::to_string).collect(), ..PageRequest::default() }
}

fn all() -> PageRequest {
    PageRequest::default()
}

/// What the entries of a page are called.
fn names<T, N: ToString>(page: &Page<T>, name: impl Fn(&T) -> &N) -> Vec<String> {
    page.entries.iter().map(|entry| name(entry).to_string()).collect()
}

fn is_not_found<T>(answer: &Result<T, ServiceError>) -> bool {
    matches!(answer, Err(ServiceError::NotFound { .. }))
}

/// A DAG of one task that can be tried twice.
async fn know_one(stage: &Stage<flow_broker::LocalBroker>, dag: &str) -> DagId {
    let task = json!({"task_id": "a", "function": "f", "retries": 1, "retry_delay_ms": 60_000});
    stage.know(spec(json!({"dag_id": dag, "tasks": [task]}))).await
}
