//! One task now, alone or after all that it depends on.

use flow_broker::ServiceError;
use flow_model::ids::{DagId, RunId};
use flow_model::port::Broker;
use flow_model::rest::JsonText;
use flow_model::rest::clearing::ClearDagRun;
use flow_model::rest::dag_runs::DagRun;
use flow_model::rest::on_demand::RunTask;
use flow_model::run::{RunType, TriggeredBy};
use flow_model::state::RunState;
use flow_model::work::{ErrorClass, Job};
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::json;

async fn know<B: Broker>(stage: &Stage<B>) -> DagId {
    stage
        .know(spec(json!({"dag_id": "d", "tasks": [
            {"task_id": "first", "function": "f"},
            {"task_id": "second", "function": "f", "arguments": [{"output": "first"}, {"conf": "n"}]},
            {"task_id": "third", "function": "f", "depends_on": ["second"]},
            {"task_id": "aside", "function": "f"},
        ], "callbacks": [{"on": "on_success", "function": "told"}]})))
        .await
}

async fn run_now<B: Broker>(stage: &Stage<B>, dag: &DagId, with_upstream: bool) -> Result<DagRun, ServiceError> {
    let body = RunTask {
        dag_id: dag.clone(),
        task_id: "second".parse().expect("an id"),
        with_upstream,
        dag_run_id: None,
        logical_date: None,
        conf: Some(JsonText::new(r#"{"n": 1}"#.to_owned()).expect("JSON")),
        note: None,
    };
    stage.local.run_task(&stage.admin(), body).await
}

on_both! {
    async fn a_task_runs_alone(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know(&stage).await;
        let run = run_now(&stage, &dag, false).await.expect("it can run");
        assert_eq!((run.run_type, run.triggered_by), (RunType::Manual, Some(TriggeredBy::RestApi)));
        assert_eq!(run.triggering_user_name.as_deref(), Some("ada"));
        let work = stage.claim_one().await;
        let Job::Task(context) = &work.job else { panic!("{work:?} is no task") };
        assert_eq!((context.task_id.as_str(), context.arguments.as_str()), ("second", "[null,1]"));
        stage.play(&work, returns("2")).await;
        assert!(stage.claim(8).await.is_empty(), "nothing follows");
        assert_eq!(stage.run_state(&dag, &run.dag_run_id).await, RunState::Success);
        assert_eq!(stage.task_states(&dag, &run.dag_run_id).await.len(), 1, "nothing else is part of the run");
    }

    async fn a_task_runs_after_what_it_depends_on(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know(&stage).await;
        let run: RunId = run_now(&stage, &dag, true).await.expect("it can run").dag_run_id;
        assert_eq!(stage.play_all(|task| returns(if task == "first" { "7" } else { "8" })).await, ["first", "second"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        stage.local.clear_run(&stage.admin(), &dag, &run, ClearDagRun { dry_run: false, ..ClearDagRun::default() })
            .await.expect("it can be cleared");
        assert_eq!(stage.play_all(|_| fails(ErrorClass::Fatal)).await, ["first"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Failed, "it is still nothing but its part of the DAG");
    }

    async fn what_is_not_there_cannot_run(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know(&stage).await;
        let body = RunTask {
            dag_id: dag, task_id: "absent".parse().expect("an id"), with_upstream: false, dag_run_id: None,
            logical_date: None, conf: None, note: None,
        };
        let error = stage.local.run_task(&stage.admin(), body).await.expect_err("there is no such task");
        assert_eq!(error.to_string(), "task \"absent\" was not found");
    }
}
