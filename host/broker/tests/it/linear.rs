//! What mapped instances cost the store: ten times as many instances cost ten times as much.

use flow_broker::LocalBroker;
use flow_model::port::{Broker, Report};
use flow_model::state::RunState;
use flow_model::work::{Usage, Work};
use flow_store::Tally;
use flow_test_support::{Stage, on_both, returns, spec};
use futures::future::join_all;
use serde_json::json;

async fn finish(stage: &Stage<LocalBroker>, work: &Work, value: &str) {
    let report = Report { end: returns(value), usage: Usage::default(), retry: None, map_label: None };
    stage.port.finish(&work.grant, report).await.expect("the attempt counts");
}

/// What it takes for so many instances to be made, to run side by side, and to be joined.
async fn cost(stage: &Stage<LocalBroker>, instances: usize) -> Tally {
    let dag = stage
        .know(spec(json!({"dag_id": format!("of_{instances}"), "tasks": [
            {"task_id": "list", "function": "f"},
            {"task_id": "each", "function": "f", "arguments": [{"expand": {"output": "list"}}]},
            {"task_id": "join", "function": "f", "arguments": [{"output": "each"}]},
        ]})))
        .await;
    let run = stage.trigger(&dag).await;
    let before = stage.db.store.tally();
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
    stage.db.store.tally() - before
}

on_both! {
    async fn ten_times_as_many_instances_cost_ten_times_as_much(db: TestStore) {
        let stage = Stage::open(db).await;
        let few = cost(&stage, 100).await;
        let many = cost(&stage, 1_000).await;
        let most = cost(&stage, 10_000).await;
        for (fewer, more) in [(few, many), (many, most)] {
            assert!(more.statements <= 11 * fewer.statements, "{fewer:?}, then {more:?}");
            assert!(more.rows <= 11 * fewer.rows, "{fewer:?}, then {more:?}");
        }
        assert!(most.rows <= 30 * 10_000, "{most:?} for 10,000 instances");
    }
}
