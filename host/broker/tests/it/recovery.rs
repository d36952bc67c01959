//! What survives a lost worker and a killed process.

use std::time::Duration;

use flow_broker::Actor;
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::state::{MAX_LOSSES, RunState, TaskInstanceState};
use flow_test_support::{LEASE, Stage, TestStore, on_both, returns, spec};
use serde_json::json;

on_both! {
    async fn what_a_lost_worker_held_is_offered_again(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "one", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
        let run = stage.trigger(&dag).await;
        for _ in 0..=MAX_LOSSES {
            let work = stage.claim_one().await;
            stage.port_start(&work).await;
            assert!(stage.claim(1).await.is_empty(), "it is leased");
            stage.pass(LEASE + Duration::from_millis(1)).await;
        }
        assert_eq!(stage.task_states(&dag, &run).await, [TaskInstanceState::Failed], "in the end the task is blamed");
    }

    async fn a_restart_takes_back_what_its_own_workers_held(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "two", "tasks": [
            {"task_id": "a", "function": "f"}, {"task_id": "b", "function": "f", "depends_on": ["a"]},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        let held = stage.claim_one().await;
        stage.port_start(&held).await;
        let stage = stage.restart().await;
        stage.pass(Duration::ZERO).await;
        let again = stage.claim_one().await;
        assert_ne!(again.grant.claims.attempt, held.grant.claims.attempt, "the attempt is another");
        stage.play(&again, returns("1")).await;
        assert_eq!(stage.play_all(|_| returns("2")).await, ["b"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn delayed_work_survives_a_restart(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "later", "tasks": [
            {"task_id": "a", "function": "f", "retries": 1, "retry_delay_ms": 1_000},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| flow_test_support::fails(flow_model::work::ErrorClass::Error)).await;
        let stage = stage.restart().await;
        stage.pass(Duration::from_secs(1)).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }
}

/// PostgreSQL cannot store a NUL, and this one is in a place that no request can put it in.
#[tokio::test]
async fn a_verb_that_cannot_succeed_fails_alone() {
    let stage = Stage::open(TestStore::postgres().await).await;
    let dag = stage.know(spec(json!({"dag_id": "one", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
    let poisoned = Actor { name: "a\0b".to_owned(), ..stage.admin() };
    let good = stage.admin();
    let start = |number: u32| {
        let actor = if number == 3 { &poisoned } else { &good };
        let id = format!("run{number}").parse().expect("a run's id");
        let body = TriggerDagRun { dag_run_id: Some(id), ..TriggerDagRun::default() };
        stage.local.start_run(actor, &dag, body)
    };
    let answers = futures::future::join_all((0..8).map(start)).await;
    for (number, answer) in (0..).zip(answers) {
        assert_eq!(answer.is_ok(), number != 3, "{number}: {answer:?}");
    }
}
