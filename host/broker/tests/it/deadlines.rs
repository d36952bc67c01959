//! Deadlines of runs, tasks and groups: met, missed, and what runs then.

use std::time::Duration;

use flow_model::dag::DagSpec;
use flow_model::ids::DagId;
use flow_model::port::Broker;
use flow_model::rest::callbacks::Deadline;
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::{PageRequest, Scope};
use flow_model::work::{AttemptEnd, AttemptRole, ErrorClass, Job};
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::{Value, json};

/// A DAG of a group of two tasks, one after the other.
fn dag(more: &Value) -> DagSpec {
    let mut dag = json!({
        "dag_id": "d",
        "groups": [{"group_id": "g"}],
        "tasks": [
            {"task_id": "g.a", "function": "f", "group": "g"},
            {"task_id": "g.b", "function": "f", "group": "g", "depends_on": ["g.a"]},
        ],
    });
    dag.as_object_mut().expect("a DAG").extend(more.as_object().expect("members").clone());
    spec(dag)
}

fn of_start(name: &str, seconds: i64) -> Value {
    json!([{"name": name, "reference": "start", "interval_ms": seconds * 1_000, "callback": name}])
}

async fn deadlines<B: Broker>(stage: &Stage<B>, dag: &DagId) -> Vec<Deadline> {
    let scope = Scope { dag: Some(dag.clone()), run: None, task: None };
    stage.local.deadlines(&stage.tenant, &scope, &PageRequest::default()).await.expect("deadlines").entries
}

fn names(deadlines: &[Deadline]) -> Vec<(&str, bool)> {
    deadlines.iter().map(|deadline| (deadline.name.as_deref().unwrap_or_default(), deadline.missed)).collect()
}

/// Runs the callbacks that there are, and answers what they are told.
async fn callbacks<B: Broker>(stage: &Stage<B>) -> Vec<(String, Value)> {
    let mut told = Vec::new();
    for work in stage.claim(16).await {
        if let Job::Callback { function, event, .. } = &work.job {
            told.push((function.clone(), serde_json::from_str(event).expect("what it is told is JSON")));
            stage.play(&work, AttemptEnd::Success { value: None }).await;
        }
    }
    told
}

on_both! {
    async fn what_is_late_sets_off_its_callback_once(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({
            "deadlines": of_start("run", 10),
            "groups": [{"group_id": "g", "deadlines": of_start("group", 5)}],
            "tasks": [
                {"task_id": "g.a", "function": "f", "group": "g", "deadlines": of_start("a", 2)},
                {"task_id": "g.b", "function": "f", "group": "g", "depends_on": ["g.a"], "deadlines": of_start("b", 1)},
            ],
        }))).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(names(&deadlines(&stage, &dag).await), [("a", false), ("group", false), ("run", false)]);
        let work = stage.claim_one().await;
        stage.port_start(&work).await;
        let next = stage.pass(Duration::from_secs(1)).await;
        assert!(next.is_some_and(|next| next <= stage.clock.now().after(Duration::from_secs(2))), "{next:?}");
        stage.pass(Duration::from_secs(3)).await;
        let told = callbacks(&stage).await;
        assert_eq!(told.len(), 1);
        let (function, event) = &told[0];
        assert_eq!(function, "a");
        assert_eq!(*event, json!({
            "on": "deadline_missed", "dag_id": "d", "run_id": run, "task_id": "g.a", "deadline": "a",
            "due": "2026-01-01T00:00:02Z", "timestamp": event["timestamp"],
        }));
        stage.finish(&work, returns("1")).await;
        assert_eq!(names(&deadlines(&stage, &dag).await), [
            ("a", true), ("group", false), ("b", false), ("run", false),
        ], "that of b counts from when it could run");
        stage.pass(Duration::from_mins(30)).await;
        let told = callbacks(&stage).await;
        let mut functions: Vec<&str> = told.iter().map(|(function, _)| function.as_str()).collect();
        functions.sort_unstable();
        assert_eq!(functions, ["b", "group", "run"]);
        let group = told.iter().find(|(function, _)| function == "group").expect("that of the group");
        assert_eq!((&group.1["group_id"], &group.1["task_id"]), (&json!("g"), &Value::Null));
        stage.pass(Duration::from_mins(30)).await;
        assert!(callbacks(&stage).await.is_empty(), "once is enough");
    }

    async fn what_is_done_in_time_is_forgotten(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({
            "deadlines": of_start("run", 10),
            "groups": [{"group_id": "g", "deadlines": of_start("group", 5)}],
        }))).await;
        stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        stage.pass(Duration::from_mins(30)).await;
        assert!(callbacks(&stage).await.is_empty());
        assert!(deadlines(&stage, &dag).await.is_empty());
    }

    async fn a_run_that_failed_is_late_all_the_same(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({"deadlines": of_start("run", 10)}))).await;
        stage.trigger(&dag).await;
        stage.play_all(|_| fails(ErrorClass::Fatal)).await;
        stage.pass(Duration::from_mins(11)).await;
        let told = callbacks(&stage).await;
        assert_eq!(told.iter().map(|(_, event)| &event["state"]).collect::<Vec<_>>(), [&json!("failed")]);
    }

    async fn a_deadline_counts_from_what_it_says(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(dag(&json!({"deadlines": [
            {"name": "date", "reference": "dagrun_logical_date", "interval_ms": 60_000},
            {"name": "queued", "reference": "dagrun_queued_at", "interval_ms": 3_600_000},
            {"name": "fixed", "reference": {"fixed_datetime": "2026-01-02T00:00:00Z"}, "interval_ms": 0},
            {"name": "average", "reference": {"average_runtime": {"max_runs": 2, "min_runs": 1}}, "interval_ms": 1_000},
        ]}))).await;
        stage.trigger(&dag).await;
        assert_eq!(names(&deadlines(&stage, &dag).await), [("queued", false), ("fixed", false)], "no date, no average");
        stage.clock.advance(Duration::from_mins(2));
        stage.play_all(|_| returns("1")).await;
        stage.pass(Duration::from_hours(30)).await;
        assert!(deadlines(&stage, &dag).await.is_empty(), "all were met");
        let date = Some("2026-01-03T12:00:00Z".parse().expect("an instant"));
        stage.trigger_with(&dag, TriggerDagRun { logical_date: date, ..TriggerDagRun::default() }).await;
        let due: Vec<(String, String)> = deadlines(&stage, &dag)
            .await
            .into_iter()
            .map(|deadline| (deadline.name.unwrap_or_default(), deadline.deadline_time.to_string()))
            .collect();
        let expected = [
            ("fixed", "2026-01-02T00:00:00Z"),
            ("average", "2026-01-02T06:04:01Z"),
            ("queued", "2026-01-02T07:02:00Z"),
            ("date", "2026-01-03T12:01:00Z"),
        ];
        assert_eq!(due, expected.map(|(name, at)| (name.to_owned(), at.to_owned())));
        let claimed = stage.claim(1).await;
        assert!(matches!(claimed[0].grant.claims.role, AttemptRole::Task { .. }));
    }
}
