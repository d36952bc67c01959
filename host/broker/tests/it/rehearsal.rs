//! Rehearsals: a DAG without its schedule.

use std::time::Duration;

use flow_model::rest::dags::DagPatch;
use flow_test_support::{Stage, on_both, returns, spec};
use serde_json::json;

on_both! {
    async fn only_runs_that_are_asked_for_begin(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({
            "dag_id": "daily", "catchup": true, "start_date": "2025-12-01T00:00:00Z",
            "schedule": {"cron": {"expression": "@daily"}}, "tasks": [{"task_id": "a", "function": "f"}],
        }))).await;
        stage.local.rehearse_dag(&stage.admin(), &dag).await.expect("there is such a DAG");
        assert_eq!(stage.pass(Duration::from_hours(48)).await, None, "nothing is due");
        assert!(stage.claim(1).await.is_empty());
        stage.trigger(&dag).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a"]);
        assert_eq!(stage.pass(Duration::from_hours(48)).await, None, "the run's end changes nothing");

        stage.local.patch_dag(&stage.admin(), &dag, DagPatch { is_paused: false }).await.expect("it goes on");
        stage.pass(Duration::ZERO).await;
        assert!(!stage.claim(1).await.is_empty(), "it has its schedule again");
    }
}
