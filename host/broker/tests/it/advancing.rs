//! How runs go on: order, trigger rules, retries, skips, joins.

use std::time::Duration;

use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::{AttemptEnd, ErrorClass};
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::{Value, json};

fn diamond() -> Value {
    json!({"dag_id": "diamond", "tasks": [
        {"task_id": "a", "function": "f"},
        {"task_id": "b", "function": "f", "depends_on": ["a"]},
        {"task_id": "c", "function": "f", "depends_on": ["a"]},
        {"task_id": "d", "function": "f", "depends_on": ["b", "c"]},
        {"task_id": "e", "function": "f", "depends_on": ["d"], "trigger_rule": "all_done"},
    ]})
}

fn skips() -> AttemptEnd {
    AttemptEnd::Skipped { reason: "nothing to do".to_owned() }
}

use TaskInstanceState::{Failed, Queued, Skipped, Success, UpForRetry, UpstreamFailed};

on_both! {
    async fn a_diamond_runs_in_order(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(diamond())).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "b", "c", "d", "e"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_failure_reaches_everything_behind_it(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(diamond())).await;
        let run = stage.trigger(&dag).await;
        let end = |task: &str| if task == "b" { fails(ErrorClass::Fatal) } else { returns("1") };
        assert_eq!(stage.play_all(end).await, ["a", "b", "c", "e"]);
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Failed, Success, UpstreamFailed, Success]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success, "the leaf decides");
    }

    async fn a_skip_passes_on_and_all_done_does_not_mind(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(diamond())).await;
        let run = stage.trigger(&dag).await;
        let end = |task: &str| if task == "b" { skips() } else { returns("1") };
        assert_eq!(stage.play_all(end).await, ["a", "b", "c", "e"]);
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Skipped, Success, Skipped, Success]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn retries_wait_their_delay_and_then_run_out(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "flaky", "tasks": [
            {"task_id": "a", "function": "f", "retries": 2, "retry_delay_ms": 60_000},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        for number in 1..=3 {
            let work = stage.claim_one().await;
            stage.play(&work, fails(ErrorClass::Error)).await;
            let expected = if number < 3 { UpForRetry } else { Failed };
            assert_eq!(stage.task_states(&dag, &run).await, [expected], "after try {number}");
            assert!(stage.claim(1).await.is_empty(), "nothing is due yet");
            stage.pass(Duration::from_mins(1)).await;
        }
        assert!(stage.claim(1).await.is_empty(), "there is no fourth try");
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Failed);
    }

    async fn a_failure_that_cannot_be_retried_is_not(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "fatal", "tasks": [
            {"task_id": "a", "function": "f", "retries": 9},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| fails(ErrorClass::Fatal)).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Failed]);
    }

    async fn want_of_room_consumes_no_try(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "room", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
        let run = stage.trigger(&dag).await;
        for _ in 0..20 {
            let work = stage.claim_one().await;
            stage.finish(&work, fails(ErrorClass::Capacity)).await;
            assert_eq!(stage.task_states(&dag, &run).await, [Queued]);
        }
        stage.play_all(|_| returns("1")).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_result_that_is_not_json_fails_the_try(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "bad", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("{")).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Failed]);
    }

    async fn a_join_of_a_thousand_is_released_once(db: TestStore) {
        let stage = Stage::open(db).await;
        let mut tasks: Vec<Value> = (0..1_000).map(|i| json!({"task_id": format!("t{i}"), "function": "f"})).collect();
        let all: Vec<String> = (0..1_000).map(|i| format!("t{i}")).collect();
        tasks.push(json!({"task_id": "join", "function": "f", "arguments": [{"outputs": all}]}));
        let dag = stage.know(spec(json!({"dag_id": "wide", "tasks": tasks}))).await;
        let run = stage.trigger(&dag).await;
        let work = stage.claim(1_024).await;
        assert_eq!(work.len(), 1_000);
        // All at once, so that many share a transaction.
        let ends = work.iter().map(|work| stage.play(work, returns("7")));
        futures::future::join_all(ends).await;
        let join = stage.claim_one().await;
        stage.play(&join, returns("1")).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }
}
