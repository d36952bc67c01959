//! How many runs of a DAG are active, which kinds of run it allows, and what failures in a row do to it.

use std::time::Duration;

use flow_model::ids::{DagId, RunId};
use flow_model::port::Broker;
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget, TriggerDagRun};
use flow_model::rest::dags::DagPatch;
use flow_model::rest::{Change, JsonText};
use flow_model::state::RunState;
use flow_model::work::ErrorClass;
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::{Value, json};

fn dag(more: &Value) -> flow_model::dag::DagSpec {
    let mut dag = json!({"dag_id": "d", "tasks": [{"task_id": "t", "function": "f"}]});
    dag.as_object_mut().expect("a DAG").extend(more.as_object().expect("members").clone());
    spec(dag)
}

async fn states<B: Broker>(stage: &Stage<B>, dag: &DagId, runs: &[RunId]) -> Vec<RunState> {
    let mut states = Vec::new();
    for run in runs {
        states.push(stage.run_state(dag, run).await);
    }
    states
}

/// Long enough for it to be known what came first.
const MOMENT: Duration = Duration::from_millis(1);
const QUEUED: RunState = RunState::Queued;
const RUNNING: RunState = RunState::Running;
const SUCCESS: RunState = RunState::Success;

on_both! {
    async fn runs_wait_until_there_is_room(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({"max_active_runs": 2}))).await;
        let mut runs = Vec::new();
        for _ in 0..4 {
            runs.push(stage.trigger(&dag).await);
            stage.clock.advance(MOMENT);
        }
        assert_eq!(states(&stage, &dag, &runs).await, [RUNNING, RUNNING, QUEUED, QUEUED]);
        let work = stage.claim(16).await;
        assert_eq!(work.len(), 2, "those that wait offer nothing");
        stage.play(&work[1], returns("1")).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(states(&stage, &dag, &runs).await, [RUNNING, SUCCESS, RUNNING, QUEUED], "the oldest begins");
        let patch = DagRunPatch { state: Some(RunTarget::Failed), note: Change::Keep };
        stage.local.patch_run(&stage.admin(), &dag, &runs[0], patch).await.expect("it can be ended");
        stage.pass(Duration::ZERO).await;
        assert_eq!(states(&stage, &dag, &runs[2..]).await, [RUNNING, RUNNING]);
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 2);
        assert_eq!(states(&stage, &dag, &runs[2..]).await, [SUCCESS, SUCCESS]);
    }

    async fn a_dag_that_goes_on_begins_no_more_than_it_has_room_for(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({"max_active_runs": 1}))).await;
        stage.local.patch_dag(&stage.admin(), &dag, DagPatch { is_paused: true }).await.expect("it can be paused");
        let first = stage.trigger(&dag).await;
        stage.clock.advance(MOMENT);
        let runs = [first, stage.trigger(&dag).await];
        assert_eq!(states(&stage, &dag, &runs).await, [QUEUED, QUEUED]);
        stage.local.patch_dag(&stage.admin(), &dag, DagPatch { is_paused: false }).await.expect("it can go on");
        stage.pass(Duration::ZERO).await;
        assert_eq!(states(&stage, &dag, &runs).await, [RUNNING, QUEUED]);
    }

    async fn a_run_waits_until_its_time_has_come(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({"max_active_runs": 1}))).await;
        let due = stage.clock.now().after(Duration::from_hours(1));
        let later = stage.trigger_with(&dag, TriggerDagRun { run_after: Some(due), ..TriggerDagRun::default() }).await;
        stage.clock.advance(MOMENT);
        let runs = [later, stage.trigger(&dag).await];
        assert_eq!(states(&stage, &dag, &runs).await, [QUEUED, RUNNING], "it takes no room before its time");
        stage.play_all(|_| returns("1")).await;
        let stage = stage.restart().await;
        let next = stage.pass(Duration::from_mins(59)).await;
        assert_eq!(states(&stage, &dag, &runs).await, [QUEUED, SUCCESS]);
        assert_eq!(next, Some(due), "the timekeeper wakes for it");
        stage.pass(due.since(stage.clock.now())).await;
        assert_eq!(states(&stage, &dag, &runs).await, [RUNNING, SUCCESS]);
        assert_eq!(stage.play_all(|_| returns("1")).await, ["t"]);
        let shown = stage.local.run(&stage.tenant, &dag, &runs[0]).await.expect("a run");
        assert_eq!((shown.run_after, shown.start_date), (due, Some(due)));
    }

    async fn a_run_whose_time_comes_while_its_dag_is_paused_waits_for_both(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({}))).await;
        let pause = async |is_paused| {
            stage.local.patch_dag(&stage.admin(), &dag, DagPatch { is_paused }).await.expect("it can be changed")
        };
        let after = |by| TriggerDagRun { run_after: Some(stage.clock.now().after(by)), ..TriggerDagRun::default() };
        let first = stage.trigger_with(&dag, after(Duration::from_mins(1))).await;
        let runs = [first, stage.trigger_with(&dag, after(Duration::from_mins(3))).await];
        pause(true).await;
        stage.pass(Duration::from_mins(2)).await;
        assert_eq!(states(&stage, &dag, &runs).await, [QUEUED, QUEUED]);
        pause(false).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(states(&stage, &dag, &runs).await, [RUNNING, QUEUED]);
        stage.pass(Duration::from_mins(1)).await;
        assert_eq!(states(&stage, &dag, &runs).await, [RUNNING, RUNNING]);
    }

    async fn a_schedule_makes_no_more_runs_than_there_is_room_for(db: TestStore) {
        let stage = Stage::open(db).await;
        stage.know(dag(&json!({
            "max_active_runs": 2, "catchup": true, "start_date": "2025-12-20T00:00:00Z",
            "schedule": {"cron": {"expression": "@daily"}},
        }))).await;
        stage.pass(Duration::ZERO).await;
        let mut played = 0;
        loop {
            let work = stage.claim(64).await;
            assert!(work.len() <= 2, "{} runs at once", work.len());
            if work.is_empty() {
                break;
            }
            played += work.len();
            for one in &work {
                stage.play(one, returns("1")).await;
            }
            stage.pass(Duration::from_secs(1)).await;
        }
        assert_eq!(played, 13, "one for each day since");
    }

    async fn failures_in_a_row_pause_a_dag(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({"max_consecutive_failed_dag_runs": 2}))).await;
        let is_paused = async || stage.local.dag(&stage.tenant, &dag).await.expect("a DAG").is_paused;
        for (end, expected) in [
            (fails(ErrorClass::Fatal), false),
            (returns("1"), false),
            (fails(ErrorClass::Fatal), false),
            (fails(ErrorClass::Fatal), true),
        ] {
            stage.trigger(&dag).await;
            stage.play_all(|_| end.clone()).await;
            stage.pass(MOMENT).await;
            assert_eq!(is_paused().await, expected);
        }
        let waits = stage.trigger(&dag).await;
        assert_eq!(stage.run_state(&dag, &waits).await, QUEUED);
    }

    async fn a_dag_says_which_runs_it_allows(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({"allowed_run_types": ["scheduled"]}))).await;
        let refused = stage.local.start_run(&stage.admin(), &dag, TriggerDagRun::default()).await;
        assert_eq!(
            refused.expect_err("no manual runs").to_string(),
            "a run of DAG \"d\" is not valid: it allows no manual runs; the kinds that it allows are: scheduled"
        );
    }

    async fn a_configuration_has_to_fit_the_params_and_tasks_get_the_defaults(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({
            "params": {"days": {"value": 7, "schema": {"type": "integer"}}, "name": {"value": "x"}},
            "tasks": [{"task_id": "t", "function": "f", "arguments": [{"conf": "days"}, {"conf": "name"}, {"conf": "no"}]}],
        }))).await;
        let with = |conf: &str| TriggerDagRun {
            conf: Some(JsonText::new(conf.to_owned()).expect("JSON")),
            ..TriggerDagRun::default()
        };
        let refused = stage.local.start_run(&stage.admin(), &dag, with(r#"{"days": "x"}"#)).await;
        assert_eq!(
            refused.expect_err("no whole number").to_string(),
            "conf is not valid: param \"days\" does not fit: \"x\" is not of type \"integer\"; it accepts \
             {\"type\":\"integer\"}"
        );
        let run = stage.trigger_with(&dag, with(r#"{"days": 3}"#)).await;
        let work = stage.claim_one().await;
        let flow_model::work::Job::Task(context) = &work.job else { panic!("{work:?} is no task") };
        assert_eq!(context.arguments, r#"[3,"x",null]"#);
        assert_eq!(context.conf, r#"{"days":3,"name":"x"}"#);
        let shown = stage.local.run(&stage.tenant, &dag, &run).await.expect("a run");
        assert_eq!(shown.conf.map(String::from).as_deref(), Some(r#"{"days": 3}"#), "people see what was asked for");
    }
}
