//! Scheduled runs, and whose turn it is.

use std::time::Duration;

use flow_model::ids::RunId;
use flow_model::state::RunState;
use flow_test_support::{Stage, on_both, returns, spec, task_of};
use serde_json::json;

fn run_id(text: &str) -> RunId {
    text.parse().expect("a run id")
}

on_both! {
    async fn every_missed_run_is_made_up_for_once(db: TestStore) {
        let stage = Stage::open(db).await;
        // The stage's clock begins at 2026-01-01T00:00:00Z.
        let dag = stage.know(spec(json!({
            "dag_id": "daily", "catchup": true, "start_date": "2025-12-01T00:00:00Z",
            "schedule": {"cron": {"expression": "@daily"}}, "tasks": [{"task_id": "a", "function": "f"}],
        }))).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 16, "no more of a DAG's runs are active at once");
        assert!(stage.claim(1).await.is_empty(), "its schedule waits a moment");
        stage.pass(Duration::from_secs(1)).await;
        let played = stage.play_all(|_| returns("1")).await;
        assert_eq!(played.len(), 16, "in all one for each day of December and one for New Year");
        for id in ["scheduled__2025-12-01T00:00:00+00:00", "scheduled__2026-01-01T00:00:00+00:00"] {
            assert_eq!(stage.run_state(&dag, &run_id(id)).await, RunState::Success, "{id}");
        }
        let next = stage.pass(Duration::from_hours(23)).await;
        assert!(stage.claim(1).await.is_empty(), "the next one is not due");
        assert_eq!(next.map(|next| next.to_string()).as_deref(), Some("2026-01-02T00:00:00Z"));
        stage.pass(Duration::from_hours(1)).await;
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 1);
    }

    async fn without_catch_up_only_the_latest_run_is_made(db: TestStore) {
        let stage = Stage::open(db).await;
        stage.know(spec(json!({
            "dag_id": "daily", "start_date": "2025-12-01T00:00:00Z",
            "schedule": {"cron": {"expression": "@daily"}}, "tasks": [{"task_id": "a", "function": "f"}],
        }))).await;
        stage.pass(Duration::from_hours(1)).await;
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 1);
    }

    async fn the_next_runs_are_told_before_they_are_made(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({
            "dag_id": "daily", "start_date": "2025-12-01T00:00:00Z", "end_date": "2026-01-03T12:00:00Z",
            "schedule": {"cron": {"expression": "@daily"}}, "tasks": [{"task_id": "a", "function": "f"}],
        }))).await;
        stage.pass(Duration::ZERO).await;
        for (count, expected) in [(1, 1), (9, 2)] {
            let told = stage.local.next_runs(&stage.tenant, &dag, count).await.expect("the DAG is there");
            let told: Vec<String> = told.entries.iter().map(|run| run.run_after.to_string()).collect();
            assert_eq!(told, ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"][..expected], "of {count}");
        }
    }

    async fn a_busy_tenant_does_not_starve_another(db: TestStore) {
        let stage = Stage::open(db).await;
        let many: Vec<_> = (0..500).map(|i| json!({"task_id": format!("t{i}"), "function": "f"})).collect();
        let busy = stage.know(spec(json!({"dag_id": "busy", "tasks": many}))).await;
        stage.trigger(&busy).await;
        stage.claim(10).await;
        let quiet = stage.db.tenant("quiet", stage.clock.now()).await;
        let small = spec(json!({"dag_id": "small", "tasks": [{"task_id": "small", "function": "f"}]}));
        let small = stage.know_for(&quiet, small).await;
        let actor = flow_broker::Actor { tenant: quiet, ..stage.admin() };
        stage.local.start_run(&actor, &small, flow_model::rest::dag_runs::TriggerDagRun::default()).await.expect("a run");
        let next: Vec<String> = stage.claim(2).await.iter().map(task_of).collect();
        assert!(next.contains(&"small".to_owned()), "{next:?}");
    }
}
