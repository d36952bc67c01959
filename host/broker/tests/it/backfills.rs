//! Backfills: which runs they make, in which order, how many at once, and what becomes of runs that are there.

use std::time::Duration;

use flow_broker::{PlatformActor, ServiceError};
use flow_model::backfill::Reprocess;
use flow_model::ids::{DagId, RunId};
use flow_model::port::Broker;
use flow_model::rest::backfills::{Backfill, NewBackfill};
use flow_model::rest::dag_runs::{DagRunFilter, TriggerDagRun};
use flow_model::rest::dags::DagPatch;
use flow_model::rest::{PageRequest, Scope};
use flow_model::run::{RunType, TriggeredBy};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::work::{AttemptRole, ErrorClass, Work};
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::{Value, json};

fn at(text: &str) -> Millis {
    text.parse().expect("an instant")
}

fn day(day: u32) -> Millis {
    at(&format!("2025-12-{day:02}T00:00:00Z"))
}

fn run_of(day: u32) -> RunId {
    format!("backfill__2025-12-{day:02}T00:00:00+00:00").parse().expect("a run id")
}

/// A DAG that runs every day from the end of the year on.
fn daily(id: &str, more: &Value) -> flow_model::dag::DagSpec {
    let mut dag = json!({
        "dag_id": id, "start_date": "2026-06-01T00:00:00Z", "schedule": {"cron": {"expression": "@daily"}},
        "tasks": [{"task_id": "t", "function": "f"}],
    });
    dag.as_object_mut().expect("a DAG").extend(more.as_object().expect("members").clone());
    spec(dag)
}

fn backfill(dag: &DagId, from: u32, to: u32) -> NewBackfill {
    NewBackfill {
        dag_id: dag.clone(),
        from_date: day(from),
        to_date: day(to),
        run_backwards: false,
        dag_run_conf: None,
        reprocess_behavior: Reprocess::None,
        max_active_runs: 10,
        run_on_latest_version: true,
        downstream: false,
    }
}

async fn begin<B: Broker>(stage: &Stage<B>, body: NewBackfill) -> Backfill {
    let begun = stage.local.create_backfill(&stage.admin(), body).await.expect("it can be backfilled");
    stage.pass(Duration::ZERO).await;
    begun
}

async fn look<B: Broker>(stage: &Stage<B>, id: i64) -> Backfill {
    stage.local.backfill(&stage.tenant, id).await.expect("a backfill")
}

/// Waiting, active, ended and left out.
async fn progress<B: Broker>(stage: &Stage<B>, id: i64) -> [u64; 4] {
    let progress = look(stage, id).await.progress;
    [progress.waiting, progress.active, progress.ended, progress.left_out]
}

/// The ids of a DAG's runs, oldest first.
async fn runs<B: Broker>(stage: &Stage<B>, dag: &DagId) -> Vec<String> {
    let scope = Scope { dag: Some(dag.clone()), run: None, task: None };
    let page = PageRequest { limit: 1_000, ..PageRequest::default() };
    let found = stage.local.runs(&stage.tenant, &scope, &DagRunFilter::default(), &page).await.expect("runs");
    found.entries.iter().map(|run| run.dag_run_id.to_string()).collect()
}

fn refusal(error: &ServiceError) -> String {
    error.to_string()
}

on_both! {
    async fn runs_are_made_as_others_end(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(daily("d", &json!({"params": {"n": {"value": 1}}}))).await;
        let conf = flow_model::rest::JsonText::new(r#"{"n": 2}"#.to_owned()).expect("JSON");
        let body = NewBackfill { max_active_runs: 2, dag_run_conf: Some(conf), ..backfill(&dag, 1, 5) };
        let id = begin(&stage, body).await.id;
        assert_eq!(progress(&stage, id).await, [3, 2, 0, 0]);
        let first = stage.claim(16).await;
        assert_eq!(first.len(), 2, "as many as may be active");
        stage.play(&first[0], returns("1")).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(progress(&stage, id).await, [2, 2, 1, 0]);
        stage.play(&first[1], fails(ErrorClass::Fatal)).await;
        while look(&stage, id).await.completed_at.is_none() {
            stage.pass(Duration::ZERO).await;
            stage.play_all(|_| returns("1")).await;
        }
        assert_eq!(progress(&stage, id).await, [0, 0, 5, 0]);
        let run = stage.local.run(&stage.tenant, &dag, &run_of(3)).await.expect("a run");
        assert_eq!((run.run_type, run.triggered_by), (RunType::Backfill, Some(TriggeredBy::Backfill)));
        assert_eq!(run.triggering_user_name.as_deref(), Some("ada"));
        assert_eq!((run.logical_date, run.state), (Some(day(3)), RunState::Success));
        assert_eq!(run.conf.map(String::from).as_deref(), Some(r#"{"n": 2}"#));
    }

    async fn what_is_there_is_left_alone_or_run_again(db: TestStore) {
        let stage = Stage::open(db).await;
        for (reprocess, again) in [
            (Reprocess::None, vec![]),
            (Reprocess::Failed, vec![day(2)]),
            (Reprocess::Completed, vec![day(1), day(2)]),
        ] {
            let dag = stage.know(daily(reprocess.as_str(), &json!({}))).await;
            let of_day = |of| TriggerDagRun { logical_date: Some(day(of)), ..TriggerDagRun::default() };
            for (of, end) in [(1, returns("1")), (2, fails(ErrorClass::Fatal))] {
                stage.trigger_with(&dag, of_day(of)).await;
                stage.play_all(|_| end.clone()).await;
            }
            stage.trigger_with(&dag, of_day(3)).await;
            stage.port_start(&stage.claim_one().await).await;
            let body = NewBackfill { reprocess_behavior: reprocess, ..backfill(&dag, 1, 4) };
            let planned = stage.local.rehearse_backfill(&stage.tenant, &body).await.expect("a rehearsal").entries;
            let reprocessed = planned.iter().filter(|run| run.reprocesses).map(|run| run.logical_date);
            assert_eq!(reprocessed.collect::<Vec<_>>(), again, "{reprocess}");
            let id = begin(&stage, body).await.id;
            assert_eq!(stage.play_all(|_| returns("1")).await.len(), planned.len(), "{reprocess}");
            stage.pass(Duration::ZERO).await;
            let made = u64::try_from(planned.len()).expect("a few");
            assert_eq!(progress(&stage, id).await, [0, 0, made, 4 - made], "{reprocess}");
            assert!(look(&stage, id).await.completed_at.is_some());
        }
    }

    async fn it_can_begin_with_the_last(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(daily("d", &json!({}))).await;
        begin(&stage, NewBackfill { run_backwards: true, max_active_runs: 1, ..backfill(&dag, 1, 3) }).await;
        for _ in 0..3 {
            stage.play_all(|_| returns("1")).await;
            stage.pass(Duration::from_millis(1)).await;
        }
        assert_eq!(runs(&stage, &dag).await, [3, 2, 1].map(|of| run_of(of).to_string()));
    }

    async fn it_can_be_paused_and_cancelled(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(daily("d", &json!({}))).await;
        let admin = stage.admin();
        let id = begin(&stage, NewBackfill { max_active_runs: 1, ..backfill(&dag, 1, 9) }).await.id;
        stage.local.pause_backfill(&admin, id, true).await.expect("it can be paused");
        stage.play_all(|_| returns("1")).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(progress(&stage, id).await, [8, 0, 1, 0], "what it has made ends, and nothing else begins");
        stage.local.pause_backfill(&admin, id, false).await.expect("it can go on");
        stage.pass(Duration::ZERO).await;
        assert_eq!(progress(&stage, id).await, [7, 1, 1, 0]);
        let work = stage.claim_one().await;
        let cancelled = stage.local.cancel_backfill(&admin, id).await.expect("it can be cancelled");
        assert!(cancelled.completed_at.is_some() && cancelled.is_paused);
        stage.play(&work, returns("1")).await;
        assert_eq!(stage.run_state(&dag, &run_of(2)).await, RunState::Success, "what has begun goes on");
        stage.pass(Duration::from_mins(1)).await;
        assert_eq!(runs(&stage, &dag).await.len(), 2, "nothing more is made");
        let error = stage.local.cancel_backfill(&admin, id).await.expect_err("it has ended");
        assert_eq!(refusal(&error), format!("backfill {id}: it has ended already"));
    }

    async fn it_waits_while_its_dag_is_paused(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(daily("d", &json!({}))).await;
        let patch = |is_paused| DagPatch { is_paused };
        stage.local.patch_dag(&stage.admin(), &dag, patch(true)).await.expect("it can be paused");
        let id = begin(&stage, backfill(&dag, 1, 2)).await.id;
        assert_eq!(progress(&stage, id).await, [2, 0, 0, 0]);
        stage.local.patch_dag(&stage.admin(), &dag, patch(false)).await.expect("it can go on");
        stage.pass(Duration::ZERO).await;
        assert_eq!(progress(&stage, id).await, [0, 2, 0, 0]);
        stage.local.patch_dag(&stage.admin(), &dag, patch(true)).await.expect("it can be paused");
        stage.play_all(|_| returns("1")).await;
        stage.pass(Duration::ZERO).await;
        let over = stage.local.backfill(&stage.tenant, id).await.expect("it is there");
        assert!(over.completed_at.is_some(), "nothing is left to wait for: {over:?}");
    }

    async fn what_cannot_be_backfilled_is_refused(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(daily("d", &json!({"params": {"n": {"value": 1, "schema": {"type": "integer"}}}}))).await;
        let past = json!({"tasks": [{"task_id": "t", "function": "f", "depends_on_past": true}]});
        let past = stage.know(daily("past", &past)).await;
        let never = stage.know(spec(json!({"dag_id": "never", "tasks": [{"task_id": "t", "function": "f"}]}))).await;
        let conf = flow_model::rest::JsonText::new(r#"{"n": "x"}"#.to_owned()).expect("JSON");
        let begun = backfill(&dag, 1, 2);
        stage.local.create_backfill(&stage.admin(), begun.clone()).await.expect("it can be backfilled");
        for (body, expected) in [
            (begun, "DAG \"d\": it has a backfill that has not ended; wait for it or cancel it"),
            (backfill(&past, 3, 2), "the backfill is not valid: tasks of the DAG depend on the run before; set \
                 reprocess_behavior to failed or completed"),
            (NewBackfill { run_backwards: true, ..backfill(&past, 1, 2) }, "the backfill is not valid: tasks of the DAG \
                 depend on the run before; leave out run_backwards"),
            (backfill(&never, 1, 2), "the backfill is not valid: the DAG's schedule does not say which runs a range of \
                 dates has; trigger its runs one by one"),
            (backfill(&dag, 3, 2), "the backfill is not valid: to_date is before from_date"),
            (NewBackfill { from_date: at("2027-01-01T00:00:00Z"), to_date: at("2027-02-01T00:00:00Z"),
                           ..backfill(&dag, 1, 2) }, "the backfill is not valid: the DAG's schedule has no run between \
                 these dates whose data is complete"),
            (NewBackfill { max_active_runs: 0, ..backfill(&dag, 1, 2) }, "max_active_runs is not valid: use at least 1"),
            (NewBackfill { dag_run_conf: Some(conf), ..backfill(&dag, 1, 2) }, "dag_run_conf is not valid: DAG \"d\": param \
                 \"n\" does not fit: \"x\" is not of type \"integer\"; it accepts {\"type\":\"integer\"}"),
            (backfill(&"nothing".parse().expect("an id"), 1, 2), "DAG \"nothing\" was not found"),
        ] {
            let error = stage.local.create_backfill(&stage.admin(), body).await.expect_err("it is refused");
            assert_eq!(refusal(&error), expected);
        }
    }

    async fn backfills_do_not_hold_up_scheduled_runs(db: TestStore) {
        let stage = Stage::open(db).await;
        let hourly = |id: &str, weight: u32| {
            let tasks = json!([{"task_id": id, "function": "f", "priority_weight": weight}]);
            daily(id, &json!({"schedule": {"cron": {"expression": "@hourly"}}, "start_date": null, "tasks": tasks}))
        };
        let old = stage.know(hourly("old", 1_000)).await;
        let new = stage.know(hourly("new", 1)).await;
        begin(&stage, NewBackfill { max_active_runs: 500, ..backfill(&old, 1, 20) }).await;
        assert_eq!(runs(&stage, &old).await.iter().filter(|id| id.starts_with("backfill")).count(), 64, "a few at once");
        stage.pass(Duration::from_hours(1)).await;
        assert_eq!(runs(&stage, &new).await.len(), 2, "what is due is made between two steps of the backfill");
        assert_eq!(runs(&stage, &old).await.iter().filter(|id| id.starts_with("backfill")).count(), 128);
        let cause = |work: &Work| match &work.grant.claims.role {
            AttemptRole::Task { run, .. } => run.as_str().split("__").next().unwrap_or_default().to_owned(),
            role => panic!("a task, not {role:?}"),
        };
        let first: Vec<String> = stage.claim(4).await.iter().map(cause).collect();
        assert_eq!(first, ["scheduled"; 4], "whatever it weighs, a backfill comes last");
        assert_eq!(cause(&stage.claim(1).await[0]), "backfill");
    }

    async fn a_backfill_leaves_half_of_the_quota_to_others(db: TestStore) {
        let stage = Stage::open(db).await;
        let quota = json!({"active_runs": 6}).as_object().expect("an object").clone();
        let platform = PlatformActor { name: "root".to_owned() };
        stage.local.patch_quota(&platform, &stage.tenant, quota).await.expect("it can be set");
        let dag = stage.know(daily("d", &json!({}))).await;
        let id = begin(&stage, backfill(&dag, 1, 9)).await.id;
        assert_eq!(progress(&stage, id).await, [6, 3, 0, 0]);
        let other = stage.know(spec(json!({"dag_id": "other", "tasks": [{"task_id": "o", "function": "f"}]}))).await;
        for _ in 0..3 {
            stage.trigger(&other).await;
        }
        while look(&stage, id).await.completed_at.is_none() {
            stage.play_all(|_| returns("1")).await;
            stage.pass(Duration::from_secs(10)).await;
        }
        assert_eq!(progress(&stage, id).await, [0, 0, 9, 0]);
    }

    async fn the_range_is_replayed_downstream(db: TestStore) {
        let stage = Stage::open(db).await;
        let task = |inlets: &[&str], outlets: &[&str]| {
            json!({"tasks": [{"task_id": "t", "function": "f", "inlets": inlets, "outlets": outlets}]})
        };
        let raw = stage.know(daily("raw", &task(&[], &["a"]))).await;
        let clean = stage.know(daily("clean", &task(&["a"], &["b"]))).await;
        let report = stage.know(daily("report", &task(&["a", "b"], &[]))).await;
        stage.know(daily("other", &task(&["z"], &[]))).await;
        let body = NewBackfill { downstream: true, ..backfill(&raw, 1, 2) };
        let planned = stage.local.rehearse_backfill(&stage.tenant, &body).await.expect("a rehearsal").entries;
        let dags: Vec<&str> = planned.iter().map(|run| run.dag_id.as_str()).collect();
        assert_eq!(dags, ["raw", "raw", "clean", "clean", "report", "report"]);
        let id = begin(&stage, body).await.id;
        for (dag, next) in [(&raw, &clean), (&clean, &report)] {
            assert_eq!((runs(&stage, dag).await.len(), runs(&stage, next).await.len()), (2, 0));
            stage.play_all(|_| returns("1")).await;
            // It is seen that one has ended, and then that another need not wait any more.
            stage.pass(Duration::ZERO).await;
            stage.pass(Duration::ZERO).await;
        }
        assert_eq!(runs(&stage, &report).await.len(), 2);
        assert_eq!(look(&stage, id + 2).await.replays, Some(id));
    }
}
