//! What users do to runs: ending, clearing, marking, pausing, deleting.

use std::time::Duration;

use flow_broker::{Cleared, ServiceError, Subject};
use flow_model::ids::{DagId, RunId};
use flow_model::port::{Broker, BrokerError, Renewal, Report};
use flow_model::rest::clearing::{ClearDagRun, ClearTaskInstances};
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget, TriggerDagRun};
use flow_model::rest::dags::DagPatch;
use flow_model::rest::task_instances::{TaskInstancePatch, TaskTarget};
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::{ErrorClass, Usage};
use flow_test_support::{Stage, TestStore, fails, on_both, returns, spec, task_of};
use serde_json::{Value, json};

use TaskInstanceState::{Failed, None as NotYet, Queued, Running, Skipped, Success, UpstreamFailed};

type LocalStage = Stage<flow_broker::LocalBroker>;

async fn chain(db: TestStore) -> (LocalStage, DagId) {
    let stage = Stage::open(db).await;
    let dag = stage
        .know(spec(json!({"dag_id": "chain", "tasks": [
            {"task_id": "a", "function": "f", "retries": 1, "retry_delay_ms": 1_000},
            {"task_id": "b", "function": "f", "depends_on": ["a"]},
            {"task_id": "c", "function": "f", "depends_on": ["b"]},
        ]})))
        .await;
    (stage, dag)
}

async fn retarget(stage: &LocalStage, dag: &DagId, run: &RunId, state: RunTarget) -> RunState {
    let patch = DagRunPatch { state: Some(state), ..DagRunPatch::default() };
    stage.local.patch_run(&stage.admin(), dag, run, patch).await.expect("the run can be changed").state
}

fn body(json: Value) -> TriggerDagRun {
    serde_json::from_value(json).expect("a body")
}

on_both! {
    async fn a_failed_run_stops_what_runs_and_skips_the_rest(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        let a = stage.claim_one().await;
        stage.port_start(&a).await;
        assert_eq!(retarget(&stage, &dag, &run, RunTarget::Failed).await, RunState::Failed);
        assert_eq!(stage.task_states(&dag, &run).await, [Failed, Skipped, Skipped]);
        assert_eq!(stage.port.renew(std::slice::from_ref(&a.grant)).await.expect("an answer"), [Renewal::Fenced]);
        let report = Report { end: returns("1"), usage: Usage::default(), retry: None, map_label: None };
        assert_eq!(stage.port.finish(&a.grant, report).await, Err(BrokerError::Fenced(a.grant.claims.attempt)));
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Failed);
    }

    async fn a_run_marked_as_succeeded_has_succeeded_as_a_whole(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(retarget(&stage, &dag, &run, RunTarget::Success).await, RunState::Success);
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Success, Success]);
        assert!(stage.claim(1).await.is_empty(), "nothing is left to do");
    }

    async fn a_cleared_run_runs_again_and_keeps_its_tries(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        let clear = ClearDagRun { dry_run: true, ..ClearDagRun::default() };
        let rehearsed = stage.local.clear_run(&stage.admin(), &dag, &run, clear.clone()).await.expect("a rehearsal");
        let Cleared::Rehearsed(instances) = rehearsed else { panic!("it was a rehearsal") };
        assert_eq!(instances.len(), 3);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success, "nothing changed");
        let clear = ClearDagRun { dry_run: false, ..clear };
        stage.local.clear_run(&stage.admin(), &dag, &run, clear).await.expect("the run can be cleared");
        assert_eq!(stage.task_states(&dag, &run).await, [Queued, NotYet, NotYet]);
        assert_eq!(stage.play_all(|_| returns("2")).await, ["a", "b", "c"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        let a = "a".parse().expect("a task");
        let tries = stage.local.task_instance_tries(&stage.tenant, (&dag, &run), (&a, None)).await.expect("tries");
        let numbers: Vec<_> = tries.entries.iter().map(|one| (one.try_number, one.state)).collect();
        assert_eq!(numbers, [(1, Some(Success)), (2, Some(Success))]);
    }

    async fn clearing_the_failed_leaves_the_others_alone(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|task| if task == "b" { fails(ErrorClass::Fatal) } else { returns("1") }).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Failed, UpstreamFailed]);
        let clear = ClearDagRun { dry_run: false, only_failed: true, ..ClearDagRun::default() };
        stage.local.clear_run(&stage.admin(), &dag, &run, clear).await.expect("the run can be cleared");
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Running);
        assert_eq!(stage.play_all(|_| returns("1")).await, ["b", "c"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn clearing_a_running_task_fences_it(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        let old = stage.claim_one().await;
        stage.port_start(&old).await;
        let clear = ClearTaskInstances {
            dry_run: false,
            only_failed: Some(false),
            dag_run_id: Some(run.clone()),
            task_ids: Some(serde_json::from_value(json!(["a"])).expect("tasks")),
            include_downstream: true,
            ..ClearTaskInstances::default()
        };
        let cleared = stage.local.clear_task_instances(&stage.admin(), &dag, clear).await.expect("it can be cleared");
        assert_eq!(cleared.len(), 3);
        let report = Report { end: returns("1"), usage: Usage::default(), retry: None, map_label: None };
        assert_eq!(stage.port.finish(&old.grant, report).await, Err(BrokerError::Fenced(old.grant.claims.attempt)));
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "b", "c"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn marking_a_task_as_succeeded_lets_those_behind_it_go_on(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|task| if task == "b" { fails(ErrorClass::Fatal) } else { returns("1") }).await;
        let patch = TaskInstancePatch { new_state: Some(TaskTarget::Success), ..TaskInstancePatch::default() };
        let b = "b".parse().expect("a task");
        stage.local.patch_task_instances(&stage.admin(), (&dag, &run), Subject::Task(&b), patch).await.expect("it can be marked");
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Success, Queued]);
        assert_eq!(stage.play_all(|_| returns("1")).await, ["c"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn runs_of_a_paused_dag_wait(db: TestStore) {
        let (stage, dag) = chain(db).await;
        stage.local.patch_dag(&stage.admin(), &dag, DagPatch { is_paused: true }).await.expect("it can be paused");
        let run = stage.trigger(&dag).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Queued);
        assert!(stage.claim(1).await.is_empty(), "it waits");
        let shown = stage.local.patch_dag(&stage.admin(), &dag, DagPatch { is_paused: false }).await.expect("it goes on");
        assert!(!shown.is_paused);
        assert_eq!(stage.task_states(&dag, &run).await, [Queued, NotYet, NotYet]);
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "b", "c"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_deleted_run_is_gone_and_a_running_one_is_not_deleted(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        let refused = stage.local.delete_run(&stage.admin(), &dag, &run).await;
        assert!(matches!(refused, Err(ServiceError::Conflict { .. })), "{refused:?}");
        stage.play_all(|_| returns("1")).await;
        stage.local.delete_run(&stage.admin(), &dag, &run).await.expect("it can be deleted");
        let gone = stage.local.run(&stage.tenant, &dag, &run).await;
        assert!(matches!(gone, Err(ServiceError::NotFound { .. })), "{gone:?}");
        stage.trigger(&dag).await;
        let refused = stage.local.delete_dag(&stage.admin(), &dag).await;
        assert!(matches!(refused, Err(ServiceError::Conflict { .. })), "{refused:?}");
        stage.play_all(|_| returns("1")).await;
        stage.local.delete_dag(&stage.admin(), &dag).await.expect("it can be deleted");
        let gone = stage.local.dag(&stage.tenant, &dag).await;
        assert!(matches!(gone, Err(ServiceError::NotFound { .. })), "{gone:?}");
    }

    async fn what_cannot_be_triggered_is_refused_by_name(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let start = async |json: Value| stage.local.start_run(&stage.admin(), &dag, body(json)).await;
        start(json!({"dag_run_id": "mine"})).await.expect("a run");
        let taken = start(json!({"dag_run_id": "mine"})).await.expect_err("the id is taken");
        assert_eq!(
            taken.to_string(),
            "DAG run \"mine\": DAG \"chain\" has a run of this id already; choose another dag_run_id"
        );
        start(json!({"logical_date": "2026-01-01T00:00:00Z"})).await.expect("a run");
        let taken = start(json!({"logical_date": "2026-01-01T00:00:00Z"})).await.expect_err("the date is taken");
        assert!(matches!(taken, ServiceError::Conflict { .. }), "{taken}");
        let refused = start(json!({"conf": [1]})).await.expect_err("not an object");
        assert_eq!(refused.to_string(), "conf is not valid: it is not a JSON object; give one JSON object");
        let unknown = "unknown".parse().expect("a DAG's id");
        let refused = stage.local.start_run(&stage.admin(), &unknown, body(json!({}))).await.expect_err("no such DAG");
        assert_eq!(refused.to_string(), "DAG \"unknown\" was not found");
    }

    async fn made_up_run_ids_do_not_collide(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let first = stage.trigger(&dag).await;
        let second = stage.trigger(&dag).await;
        assert_eq!(first.as_str(), "manual__2026-01-01T00:00:00+00:00");
        assert!(second.as_str().starts_with("manual__2026-01-01T00:00:00+00:00_"), "{second}");
    }

    async fn waiting_for_a_run_ends_with_it(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        let early = stage.local.wait_run(&stage.tenant, &dag, &run, Duration::ZERO).await.expect("an answer");
        assert_eq!(early, RunState::Running);
        let wait = stage.local.wait_run(&stage.tenant, &dag, &run, Duration::from_mins(1));
        let (ended, _) = tokio::join!(wait, stage.play_all(|_| returns("1")));
        assert_eq!(ended.expect("an answer"), RunState::Success);
    }

    async fn watchers_see_their_tenants_changes_alone(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let other = stage.db.tenant("other", stage.clock.now()).await;
        let (mut mine, mut others) = (stage.local.state_events(&stage.tenant), stage.local.state_events(&other));
        stage.trigger(&dag).await;
        let work = stage.claim_one().await;
        stage.port_start(&work).await;
        let seen = [mine.next().await.expect("an event"), mine.next().await.expect("an event")];
        let states: Vec<Value> =
            seen.iter().map(|event| serde_json::to_value(event).expect("JSON")["state"].clone()).collect();
        assert_eq!(states, ["running", "queued"], "first the run, then its task");
        let theirs = spec(json!({"dag_id": "theirs", "tasks": [{"task_id": "t", "function": "f"}]}));
        let theirs = stage.know_for(&other, theirs).await;
        let actor = flow_broker::Actor { tenant: other, ..stage.admin() };
        let run = stage.local.start_run(&actor, &theirs, TriggerDagRun::default()).await.expect("a run");
        let first = serde_json::to_value(others.next().await.expect("an event")).expect("JSON");
        assert_eq!(first["dag_run_id"], run.as_str(), "the first thing that the other tenant sees is its own");
    }

    async fn one_result_counts_however_often_it_is_reported(db: TestStore) {
        let (stage, dag) = chain(db).await;
        let run = stage.trigger(&dag).await;
        let a = stage.claim_one().await;
        stage.port_start(&a).await;
        let finishes = (0..50).map(|n| {
            let report = Report { end: returns(&n.to_string()), usage: Usage::default(), retry: None, map_label: None };
            stage.port.finish(&a.grant, report)
        });
        let answers = futures::future::join_all(finishes).await;
        let accepted: Vec<usize> = (0..50).filter(|&n| answers[n].is_ok()).collect();
        assert_eq!(accepted.len(), 1, "{answers:?}");
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Queued, NotYet]);
        let b = stage.claim(8).await;
        assert_eq!(b.iter().map(task_of).collect::<Vec<_>>(), ["b"], "it was released once");
        stage.port_start(&b[0]).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Running, NotYet]);
    }
}
