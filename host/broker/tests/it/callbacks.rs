//! Callbacks: what runs after something has happened, with what it is told and how often it is tried.

use std::time::Duration;

use flow_model::call::{Call, CallError, Reply};
use flow_model::callback::CallbackState;
use flow_model::ids::{DagId, RunId};
use flow_model::port::Broker;
use flow_model::rest::callbacks::Callback;
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget};
use flow_model::rest::{Change, PageRequest, Scope};
use flow_model::state::RunState;
use flow_model::work::{AttemptEnd, AttemptRole, ErrorClass, Job, LogLevel, LogLine, LogSource, Work};
use flow_test_support::{LEASE, Stage, fails, on_both, returns, spec};
use serde_json::{Value, json};

/// The function of a callback, what it is given and what it is told; `None` for other work.
fn called(work: &Work) -> Option<(&str, Value, Value)> {
    let Job::Callback { function, arguments, event } = &work.job else { return None };
    let read = |text: &str| serde_json::from_str(text).expect("JSON");
    Some((function, read(arguments), read(event)))
}

/// Plays tasks until none is left, and answers the callbacks that were offered meanwhile, by the names of their functions.
async fn play<B: Broker>(stage: &Stage<B>, end: impl Fn(&str) -> AttemptEnd) -> Vec<Work> {
    let mut callbacks = Vec::new();
    loop {
        let (calls, tasks): (Vec<Work>, Vec<Work>) =
            stage.claim(64).await.into_iter().partition(|work| called(work).is_some());
        let is_over = calls.is_empty() && tasks.is_empty();
        callbacks.extend(calls);
        if is_over {
            callbacks.sort_by_key(|work| called(work).map(|(function, ..)| function.to_owned()));
            return callbacks;
        }
        for work in &tasks {
            let AttemptRole::Task { task, .. } = &work.grant.claims.role else { panic!("{work:?} is no task") };
            stage.play(work, end(task.as_str())).await;
        }
    }
}

fn names(callbacks: &[Work]) -> Vec<String> {
    callbacks.iter().filter_map(|work| called(work).map(|(function, ..)| function.to_owned())).collect()
}

async fn of_run<B: Broker>(stage: &Stage<B>, dag: &DagId, run: &RunId) -> Vec<Callback> {
    let scope = Scope { dag: Some(dag.clone()), run: Some(run.clone()), task: None };
    stage.local.callbacks(&stage.tenant, &scope, &PageRequest::default()).await.expect("a run").entries
}

fn every_event() -> Value {
    let events = ["on_execute", "on_success", "on_failure", "on_retry", "on_skipped"];
    events.map(|on| json!({"on": on, "function": on, "arguments": {"to": "ops"}, "retries": 1})).to_vec().into()
}

on_both! {
    async fn each_end_of_a_try_sets_off_its_own(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [
            {"task_id": "t", "function": "f", "retries": 1, "retry_delay_ms": 0, "callbacks": every_event()},
        ], "callbacks": [{"on": "on_failure", "function": "run_failed"}]}))).await;
        let run = stage.trigger(&dag).await;
        let first = play(&stage, |_| fails(ErrorClass::Error)).await;
        stage.pass(Duration::from_secs(1)).await;
        let second = play(&stage, |_| fails(ErrorClass::Error)).await;
        let mut called_all = names(&first);
        called_all.extend(names(&second));
        called_all.sort();
        assert_eq!(called_all, ["on_execute", "on_execute", "on_failure", "on_retry", "run_failed"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Failed, "callbacks have no part in it");
        let all: Vec<Work> = first.into_iter().chain(second).collect();
        let failed = all.iter().find_map(|work| called(work).filter(|(name, ..)| *name == "on_failure"));
        let (_, arguments, event) = failed.expect("a callback");
        assert_eq!(arguments, json!({"to": "ops"}));
        assert_eq!(event, json!({
            "on": "on_failure", "dag_id": "d", "run_id": run, "task_id": "t", "try_number": 2, "max_tries": 2,
            "state": "failed", "error_class": "error", "message": "it failed with error",
            "timestamp": event["timestamp"],
        }));
        let of_run = all.iter().find_map(|work| called(work).filter(|(name, ..)| *name == "run_failed"));
        assert_eq!(of_run.map(|(_, _, event)| event["state"].clone()), Some(json!("failed")));
    }

    async fn ends_that_are_none_of_a_tasks_own_set_off_nothing(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [
            {"task_id": "a", "function": "f"},
            {"task_id": "b", "function": "f", "depends_on": ["a"], "callbacks": every_event()},
        ], "callbacks": [{"on": "on_failure", "function": "run"}]}))).await;
        stage.trigger(&dag).await;
        assert_eq!(names(&play(&stage, |_| fails(ErrorClass::Fatal)).await), ["run"], "upstream_failed is no failure of b");
        let run = stage.trigger(&dag).await;
        let patch = DagRunPatch { state: Some(RunTarget::Failed), note: Change::Keep };
        stage.local.patch_run(&stage.admin(), &dag, &run, patch).await.expect("it can be ended");
        assert!(play(&stage, |_| returns("1")).await.is_empty(), "what a user did is known to the user");
        stage.trigger(&dag).await;
        let skips = AttemptEnd::Skipped { reason: "nothing to do".to_owned() };
        let played = play(&stage, |task| if task == "a" { returns("1") } else { skips.clone() }).await;
        assert_eq!(names(&played), ["on_execute", "on_skipped"]);
    }

    async fn a_callback_is_tried_again_and_keeps_its_log(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [{"task_id": "t", "function": "f"}],
            "callbacks": [{"on": "on_success", "function": "tell", "retries": 1}]}))).await;
        let run = stage.trigger(&dag).await;
        let callbacks = play(&stage, |_| returns("1")).await;
        let [first] = callbacks.as_slice() else { panic!("one callback, not {}", callbacks.len()) };
        stage.port_start(first).await;
        let line = LogLine {
            timestamp: stage.clock.now(), level: LogLevel::Info, event: "hello".to_owned(), source: LogSource::Stdout,
            fields: None,
        };
        stage.port.log(&first.grant, vec![line]).await.expect("the attempt counts");
        stage.finish(first, fails(ErrorClass::GuestBug)).await;
        assert!(stage.claim(8).await.is_empty(), "there is a pause");
        stage.pass(Duration::from_secs(10)).await;
        let second = stage.claim_one().await;
        assert!(matches!(second.grant.claims.role, AttemptRole::Callback { try_number: 2, .. }));
        stage.play(&second, AttemptEnd::Success { value: None }).await;
        let [ended] = of_run(&stage, &dag, &run).await.try_into().expect("one callback");
        assert_eq!((ended.state, ended.try_number, ended.max_tries), (CallbackState::Success, 2, 2));
        let log = stage.local.callback_log(&stage.tenant, (&dag, &run), ended.id, 1).await.expect("its log");
        assert_eq!(log.content.iter().map(|line| line.event.as_str()).collect::<Vec<_>>(), ["hello"]);
        let late = stage.port.finish(&first.grant, flow_model::port::Report {
            end: AttemptEnd::Success { value: None }, usage: flow_model::work::Usage::default(), retry: None,
            map_label: None,
        }).await;
        assert!(late.is_err(), "the first attempt is fenced");
    }

    async fn a_callback_reads_and_stores_values_of_its_run(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [
            {"task_id": "before", "function": "f"},
            {"task_id": "t", "function": "f", "callbacks": [{"on": "on_success", "function": "of_task"}]},
        ], "callbacks": [{"on": "on_success", "function": "of_run"}]}))).await;
        let run = stage.trigger(&dag).await;
        let callbacks = play(&stage, |task| returns(&format!("{task:?}"))).await;
        assert_eq!(names(&callbacks), ["of_run", "of_task"]);
        let (t, key): (_, flow_model::ids::EntryKey) = ("t".parse().expect("a task"), "said".parse().expect("a key"));
        for (work, may_push) in callbacks.iter().zip([false, true]) {
            stage.port_start(work).await;
            let call = |call| stage.port.call(&work.grant, call);
            let pulled = call(Call::XcomPull {
                task: "before".parse().expect("a task"), key: "return_value".parse().expect("a key"), map_index: None,
            });
            assert_eq!(pulled.await, Ok(Reply::Text("\"before\"".to_owned())));
            let pushed = call(Call::XcomPush { key: key.clone(), value: "1".to_owned() }).await;
            assert_eq!(pushed, if may_push { Ok(Reply::Done) } else { Err(CallError::Denied) });
            stage.finish(work, AttemptEnd::Success { value: None }).await;
            let late = call(Call::XcomPush { key: key.clone(), value: "2".to_owned() }).await;
            assert_ne!(late, Ok(Reply::Done), "it has ended");
        }
        let stored = stage.local.xcom_entry(&stage.tenant, (&dag, &run), (&t, None), &key).await.expect("it is the task's");
        assert_eq!(stored.value.as_str(), "1");
    }

    async fn a_lost_callback_is_run_anew_and_one_that_keeps_failing_is_given_up(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [{"task_id": "t", "function": "f"}],
            "callbacks": [{"on": "on_success", "function": "tell"}]}))).await;
        let run = stage.trigger(&dag).await;
        let callbacks = play(&stage, |_| returns("1")).await;
        stage.port_start(&callbacks[0]).await;
        stage.pass(LEASE).await;
        let again = stage.claim_one().await;
        assert!(matches!(again.grant.claims.role, AttemptRole::Callback { try_number: 1, .. }), "it cost no try");
        stage.play(&again, fails(ErrorClass::Error)).await;
        let [ended] = of_run(&stage, &dag, &run).await.try_into().expect("one callback");
        assert_eq!((ended.state, ended.error_class), (CallbackState::Failed, Some(ErrorClass::Error)));
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success, "its run has succeeded all the same");
        stage.local.delete_run(&stage.admin(), &dag, &run).await.expect("it can be deleted");
    }
}
