//! When runs are made: by timetables of modules, one after the other, and what manual runs stand for.

use std::time::Duration;

use flow_model::ids::DagId;
use flow_model::rest::dag_runs::{DagRun, DagRunFilter, TriggerDagRun};
use flow_model::rest::dags::DagPatch;
use flow_model::rest::event_logs::EventLogFilter;
use flow_model::rest::{PageRequest, Scope};
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun};
use flow_model::work::{AttemptEnd, ErrorClass, Job, TimetableQuery, Work};
use flow_test_support::{LEASE, Stage, fails, on_both, returns, spec, task_of};
use serde_json::{Value, json};

type LocalStage = Stage<flow_broker::LocalBroker>;

const HOUR: Duration = Duration::from_hours(1);

fn custom() -> Value {
    json!({"custom": {"timetable": "tides", "params": {"port": "Harlingen"}}})
}

/// A DAG with this schedule, which goes on from now on.
async fn scheduled(stage: &LocalStage, schedule: Value) -> DagId {
    let dag =
        json!({"dag_id": "tidal", "schedule": schedule, "catchup": true, "tasks": [{"task_id": "t", "function": "f"}]});
    let dag = stage.know(spec(dag)).await;
    pause(stage, &dag, false).await;
    dag
}

async fn pause(stage: &LocalStage, dag: &DagId, is_paused: bool) {
    stage.local.patch_dag(&stage.admin(), dag, DagPatch { is_paused }).await.expect("it can be changed");
}

fn query(work: &Work) -> &TimetableQuery {
    match &work.job {
        Job::Timetable(query) => query,
        other => panic!("a question, not {other:?}"),
    }
}

/// A run for the hour that begins at `start`, due at its end.
fn hour(start: Millis) -> NextRun {
    let interval = DataInterval { start, end: start.after(HOUR) };
    NextRun { run_after: interval.end, interval }
}

fn named(next: NextRun) -> AttemptEnd {
    AttemptEnd::NextRun(Some(next))
}

async fn runs(stage: &LocalStage, dag: &DagId) -> Vec<DagRun> {
    let scope = Scope { dag: Some(dag.clone()), ..Scope::default() };
    let page = PageRequest { order_by: vec!["logical_date".to_owned()], ..PageRequest::default() };
    stage.local.runs(&stage.tenant, &scope, &DagRunFilter::default(), &page).await.expect("a page").entries
}

async fn next(stage: &LocalStage, dag: &DagId) -> Option<Millis> {
    stage.local.dag(&stage.tenant, dag).await.expect("a DAG").next_dagrun_run_after
}

/// What the event log says of timetables.
async fn complaints(stage: &LocalStage) -> Vec<String> {
    let filter = EventLogFilter { event: Some("timetable failed".to_owned()), ..EventLogFilter::default() };
    let log = stage.local.event_logs(&stage.tenant, &filter, &PageRequest::default()).await.expect("a list");
    log.entries.into_iter().filter_map(|entry| entry.extra).collect()
}

fn triggered(json: Value) -> TriggerDagRun {
    serde_json::from_value(json).expect("a body")
}

on_both! {
    async fn a_module_says_when_its_dag_runs(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = scheduled(&stage, custom()).await;
        let begun = stage.clock.now();
        let work = stage.claim_one().await;
        let asked = query(&work);
        assert_eq!((asked.timetable.as_str(), asked.params.as_str()), ("tides", r#"{"port":"Harlingen"}"#));
        assert_eq!((asked.last, asked.restriction.catchup), (None, true));
        stage.play(&work, named(hour(begun))).await;
        assert_eq!(next(&stage, &dag).await, Some(begun.after(HOUR)));
        stage.pass(HOUR).await;
        let work = stage.claim(16).await;
        assert_eq!(work.iter().map(task_of).collect::<Vec<_>>(), ["ask tidal", "t"], "its run, and the next question");
        assert_eq!(query(&work[0]).last, Some(hour(begun).interval));
        stage.play(&work[0], named(hour(begun.after(HOUR)))).await;
        stage.play(&work[1], returns("1")).await;
        let made = runs(&stage, &dag).await;
        assert_eq!((made.len(), made[0].logical_date, made[0].data_interval_end), (1, Some(begun), Some(begun.after(HOUR))));
        stage.pass(HOUR).await;
        let work = stage.claim(16).await;
        stage.play(&work[0], AttemptEnd::NextRun(None)).await;
        assert_eq!((runs(&stage, &dag).await.len(), next(&stage, &dag).await), (2, None));
        assert!(stage.claim(16).await.is_empty(), "it has said that there are no more");
    }

    async fn an_answer_that_is_not_later_is_not_taken(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = scheduled(&stage, custom()).await;
        let begun = stage.clock.now();
        stage.play(&stage.claim_one().await, named(hour(begun))).await;
        stage.pass(HOUR).await;
        for work in stage.claim(16).await {
            let end = if matches!(work.job, Job::Timetable(_)) { named(hour(begun)) } else { returns("1") };
            stage.play(&work, end).await;
        }
        assert_eq!((runs(&stage, &dag).await.len(), next(&stage, &dag).await), (1, None));
        stage.pass(HOUR).await;
        assert!(stage.claim(16).await.is_empty(), "it is not asked again and again");
        assert_eq!(complaints(&stage).await.len(), 1);
    }

    async fn a_date_that_is_taken_is_passed_over(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = scheduled(&stage, custom()).await;
        let begun = stage.clock.now();
        stage.trigger_with(&dag, triggered(json!({"logical_date": begun}))).await;
        let work = stage.claim(16).await;
        stage.play(&work[0], named(hour(begun))).await;
        stage.pass(LEASE / 2).await;
        stage.play(&work[1], returns("1")).await;
        stage.pass(HOUR).await;
        let work = stage.claim_one().await;
        assert_eq!(query(&work).last, Some(hour(begun).interval), "there is a run for that already");
        stage.play(&work, named(hour(begun.after(HOUR)))).await;
        stage.pass(HOUR).await;
        assert_eq!(runs(&stage, &dag).await.len(), 2);
    }

    async fn a_question_without_an_answer_is_asked_again(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = scheduled(&stage, custom()).await;
        for _ in 0..3 {
            let work = stage.claim_one().await;
            assert_eq!(query(&work).last, None);
            stage.pass(LEASE).await;
        }
        stage.play(&stage.claim_one().await, fails(ErrorClass::Capacity)).await;
        stage.play(&stage.claim_one().await, fails(ErrorClass::GuestBug)).await;
        assert_eq!(next(&stage, &dag).await, None);
        assert!(stage.claim(16).await.is_empty(), "after a pause");
        assert_eq!(complaints(&stage).await, [r#"{"reason":"it failed with guest-bug"}"#], "and its owner can see why");
        stage.pass(HOUR).await;
        stage.play(&stage.claim_one().await, named(hour(stage.clock.now()))).await;
        assert!(next(&stage, &dag).await.is_some());
    }

    async fn a_paused_dag_takes_no_answer(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = scheduled(&stage, custom()).await;
        let work = stage.claim_one().await;
        pause(&stage, &dag, true).await;
        stage.play(&work, named(hour(stage.clock.now()))).await;
        assert_eq!(next(&stage, &dag).await, None);
        pause(&stage, &dag, false).await;
        stage.play(&stage.claim_one().await, named(hour(stage.clock.now()))).await;
        assert!(next(&stage, &dag).await.is_some());
    }

    async fn a_continuous_dag_runs_one_run_after_the_other(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = scheduled(&stage, json!("continuous")).await;
        let begun = stage.clock.now();
        stage.pass(Duration::ZERO).await;
        let work = stage.claim_one().await;
        stage.pass(LEASE / 2).await;
        assert!(stage.claim(16).await.is_empty(), "the next one waits for this one");
        stage.play(&work, returns("1")).await;
        stage.pass(Duration::from_secs(1)).await;
        stage.play(&stage.claim_one().await, returns("1")).await;
        let made = runs(&stage, &dag).await;
        assert_eq!(made.len(), 2);
        assert_eq!(made[1].data_interval_start, made[0].data_interval_end);
        assert_eq!(made[1].data_interval_end, Some(begun.after(LEASE / 2).after(Duration::from_secs(1))));
    }

    async fn a_manual_run_stands_for_what_the_timetable_says(db: TestStore) {
        let stage = Stage::open(db).await;
        let instant = |text: &str| Some(text.parse::<Millis>().expect("an instant"));
        let hourly = json!({"cron_data_interval": {"expression": "0 * * * *"}});
        for (id, schedule, start, end) in [
            ("intervals", hourly, "2025-12-31T11:00:00Z", "2025-12-31T12:00:00Z"),
            ("instants", json!({"cron": {"expression": "0 * * * *"}}), "2025-12-31T12:34:00Z", "2025-12-31T12:34:00Z"),
            ("never", json!("never"), "2025-12-31T12:34:00Z", "2025-12-31T12:34:00Z"),
        ] {
            let tasks = json!([{"task_id": "t", "function": "f"}]);
            let dag = stage.know(spec(json!({"dag_id": id, "schedule": schedule, "tasks": tasks}))).await;
            let run = stage.trigger_with(&dag, triggered(json!({"logical_date": "2025-12-31T12:34:00Z"}))).await;
            let shown = stage.local.run(&stage.tenant, &dag, &run).await.expect("a run");
            assert_eq!((shown.data_interval_start, shown.data_interval_end), (instant(start), instant(end)), "{id}");
            assert_eq!(shown.run_after, stage.clock.now(), "{id}: it may begin at once");
            let bare = stage.trigger(&dag).await;
            let bare = stage.local.run(&stage.tenant, &dag, &bare).await.expect("a run");
            assert_eq!((bare.logical_date, bare.data_interval_start), (None, None), "{id}");
        }
    }
}
