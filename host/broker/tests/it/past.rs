//! Runs that wait for the run before: what they are told of it, and when it is for ever.

use std::time::Duration;

use flow_broker::{LocalBroker, Subject};
use flow_model::ids::{DagId, RunId};
use flow_model::rest::task_instances::TaskInstancePatch;
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::{AttemptEnd, ErrorClass};
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::json;

use TaskInstanceState::{None as NotYet, Queued, Skipped, Success};

/// The run of a DAG for a day.
async fn run(stage: &Stage<LocalBroker>, dag: &DagId, day: u32) -> RunId {
    let body = json!({"dag_run_id": format!("day-{day}"), "logical_date": format!("2026-01-{day:02}T00:00:00Z")});
    stage.trigger_with(dag, serde_json::from_value(body).expect("a body")).await
}

/// Marks a task instance as a success.
async fn mark(stage: &Stage<LocalBroker>, dag: &DagId, run: &RunId, task: &str) {
    let patch: TaskInstancePatch = serde_json::from_value(json!({"new_state": "success"})).expect("a patch");
    let task = task.parse().expect("a task");
    let marked = stage.local.patch_task_instances(&stage.admin(), (dag, run), Subject::Task(&task), patch).await;
    assert_eq!(marked.expect("it can be marked").len(), 1);
    stage.pass(Duration::ZERO).await;
}

on_both! {
    async fn a_skip_waits_as_long_as_the_run_before_may_let_others_run(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [
            {"task_id": "a", "function": "f"},
            {"task_id": "b", "function": "f", "depends_on_past": true},
            {"task_id": "c", "function": "f", "depends_on": ["a", "b"]},
            {"task_id": "d", "function": "f", "depends_on": ["c"], "trigger_rule": "all_skipped"},
        ]}))).await;
        let one = run(&stage, &dag, 1).await;
        let (a, b) = { let mut first = stage.claim(2).await; let b = first.remove(1); (first.remove(0), b) };
        let two = run(&stage, &dag, 2).await;
        stage.play(&stage.claim_one().await, AttemptEnd::Skipped { reason: "nothing to do".to_owned() }).await;
        stage.play(&a, returns("1")).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&dag, &two).await, [Skipped, NotYet, NotYet, NotYet], "b may still run, and fail");

        stage.play(&b, fails(ErrorClass::Fatal)).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.run_state(&dag, &one).await, RunState::Success, "its only leaf is skipped");
        assert_eq!(stage.task_states(&dag, &two).await, [Skipped, NotYet, Skipped, Queued]);
        let three = run(&stage, &dag, 3).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["d", "a"]);
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&dag, &three).await, [Success, NotYet, NotYet, NotYet], "nothing decides for it");

        mark(&stage, &dag, &one, "b").await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["c", "b"], "c of its own run, and b of the next one");
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["b", "c"]);
        assert_eq!(stage.run_state(&dag, &three).await, RunState::Success);
    }

    async fn who_waits_for_the_run_before_is_told_why(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "max_active_runs": 2, "tasks": [
            {"task_id": "a", "function": "f", "wait_for_downstream": true},
            {"task_id": "b", "function": "f", "depends_on": ["a"]},
        ]}))).await;
        let runs = [run(&stage, &dag, 1).await, run(&stage, &dag, 2).await, run(&stage, &dag, 3).await];
        let why = async |run: &RunId| {
            let task = "a".parse().expect("a task");
            let found = stage.local.task_instance_dependencies(&stage.tenant, (&dag, run), (&task, None)).await;
            let found = found.expect("it is there").into_iter();
            found.map(|one| format!("{}: {}", one.name, one.reason)).collect::<Vec<_>>()
        };
        let waits = |day: u32, tasks: &str| {
            let run = format!("it waits for tasks of the run before, \"day-{day}\"");
            format!("Previous Dagrun State: {run}, to succeed or to be skipped: {tasks}")
        };
        assert_eq!(why(&runs[0]).await, [""; 0]);
        assert_eq!(why(&runs[1]).await, [waits(1, "a, b")]);
        let queued = "Dagrun Running: its run is queued; it begins once its DAG is not paused and has room for it";
        assert_eq!(why(&runs[2]).await, [queued.to_owned(), waits(2, "a, b")]);
        stage.play(&stage.claim_one().await, returns("1")).await;
        assert_eq!(why(&runs[1]).await, [waits(1, "b")]);
        stage.play(&stage.claim_one().await, returns("1")).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(why(&runs[1]).await, [""; 0], "it is queued");
    }
}
