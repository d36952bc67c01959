//! What mapped instances cost the database: statements and rows, as its driver counts them for this whole process, so that
//! nothing else runs in it. Ten times as many instances cost ten times as much.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use flow_broker::LocalBroker;
use flow_model::port::{Broker, Report};
use flow_model::state::RunState;
use flow_model::work::{Usage, Work};
use flow_test_support::{Stage, TestStore, returns, spec};
use futures::future::join_all;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static STATEMENTS: AtomicU64 = AtomicU64::new(0);
static ROWS: AtomicU64 = AtomicU64::new(0);

/// Counts what the driver reports.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut rows = Rows::default();
        event.record(&mut rows);
        STATEMENTS.fetch_add(1, Ordering::Relaxed);
        // SQLite says of a query that it affected what the statement before it did.
        let counted = if rows.is_query { rows.returned } else { rows.affected.max(rows.returned) };
        ROWS.fetch_add(counted, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Rows {
    is_query: bool,
    affected: u64,
    returned: u64,
}

impl Visit for Rows {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.is_query |= field.name() == "summary" && value.trim_start().starts_with("SELECT");
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "rows_affected" => self.affected = value,
            "rows_returned" => self.returned = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

async fn finish(stage: &Stage<LocalBroker>, work: &Work, value: &str) {
    let report = Report { end: returns(value), usage: Usage::default(), retry: None, map_label: None };
    stage.port.finish(&work.grant, report).await.expect("the attempt counts");
}

/// Statements and rows for so many instances to be made, to run side by side, and to be joined.
async fn cost(stage: &Stage<LocalBroker>, instances: usize) -> (u64, u64) {
    let dag = stage
        .know(spec(json!({"dag_id": format!("of_{instances}"), "tasks": [
            {"task_id": "list", "function": "f"},
            {"task_id": "each", "function": "f", "arguments": [{"expand": {"output": "list"}}]},
            {"task_id": "join", "function": "f", "arguments": [{"output": "each"}]},
        ]})))
        .await;
    let run = stage.trigger(&dag).await;
    let before = (STATEMENTS.load(Ordering::Relaxed), ROWS.load(Ordering::Relaxed));
    let list = json!(vec![0; instances]).to_string();
    let mut played = 0;
    loop {
        // Always as many at a time, so that as many share a transaction.
        let work = stage.claim(100).await;
        if work.is_empty() {
            break;
        }
        join_all(work.iter().map(|work| stage.port_start(work))).await;
        join_all(work.iter().map(|work| finish(stage, work, if played == 0 { &list } else { "1" }))).await;
        played += work.len();
    }
    assert_eq!(played, instances + 2);
    assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    (STATEMENTS.load(Ordering::Relaxed) - before.0, ROWS.load(Ordering::Relaxed) - before.1)
}

#[tokio::test]
async fn ten_times_as_many_instances_cost_ten_times_as_much() {
    tracing::subscriber::set_global_default(Listener).expect("nobody else listens");
    for db in TestStore::both().await {
        let name = if db.store.is_shared() { "PostgreSQL" } else { "SQLite" };
        let stage = Stage::open(db).await;
        let few = cost(&stage, 100).await;
        let many = cost(&stage, 1_000).await;
        let most = cost(&stage, 10_000).await;
        println!("{name}: {few:?}, {many:?} and {most:?} statements and rows for 100, 1,000 and 10,000 instances");
        for (fewer, more) in [(few, many), (many, most)] {
            assert!(more.0 <= 11 * fewer.0, "{name}: {} statements, then {}", fewer.0, more.0);
            assert!(more.1 <= 11 * fewer.1, "{name}: {} rows, then {}", fewer.1, more.1);
        }
        assert!(most.1 <= 30 * 10_000, "{name}: {} rows for 10,000 instances", most.1);
    }
}
