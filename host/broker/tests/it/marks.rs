//! Saying how task instances ended: one, those around it, those of a group, those of other runs; and what bulk requests do.

use flow_broker::{ServiceError, Subject};
use flow_model::ids::{DagId, RunId};
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::task_instances::{TaskInstance, TaskInstancePatch};
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::ErrorClass;
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::{Value, json};

use TaskInstanceState::{Failed, None as NotYet, Queued, Skipped, Success, UpstreamFailed};

type LocalStage = Stage<flow_broker::LocalBroker>;

/// `a -> g.b -> g.c -> d`, and a run of it for each of these days, in which `a` has failed.
async fn three_runs(stage: &LocalStage) -> (DagId, Vec<RunId>) {
    let dag = stage
        .know(spec(json!({"dag_id": "d", "groups": [{"group_id": "g"}], "tasks": [
            {"task_id": "a", "function": "f"},
            {"task_id": "g.b", "function": "f", "group": "g", "depends_on": ["a"]},
            {"task_id": "g.c", "function": "f", "group": "g", "depends_on": ["g.b"]},
            {"task_id": "d", "function": "f", "depends_on": ["g.c"]},
        ]})))
        .await;
    let mut runs = Vec::new();
    for day in 1..=3 {
        let body = json!({"dag_run_id": format!("day-{day}"), "logical_date": format!("2026-01-0{day}T00:00:00Z")});
        let body: TriggerDagRun = serde_json::from_value(body).expect("a body");
        runs.push(stage.trigger_with(&dag, body).await);
    }
    stage.play_all(|_| fails(ErrorClass::Fatal)).await;
    (dag, runs)
}

fn patch(body: Value) -> TaskInstancePatch {
    serde_json::from_value(body).expect("a patch")
}

fn names(tasks: &[TaskInstance]) -> Vec<String> {
    let mut names: Vec<String> =
        tasks.iter().map(|one| format!("{}/{}", one.last_try.dag_run_id, one.last_try.task_id)).collect();
    names.sort();
    names
}

on_both! {
    async fn marking_reaches_earlier_and_later_runs(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, runs) = three_runs(&stage).await;
        let a = "a".parse().expect("a task");
        let mark = async |run: &RunId, body: Value| {
            stage.local.patch_task_instances(&stage.admin(), (&dag, run), Subject::Task(&a), patch(body)).await
        };
        let future = json!({"new_state": "success", "include_future": true});
        let rehearsed = stage
            .local
            .rehearse_patch(&stage.admin(), (&dag, &runs[1]), Subject::Task(&a), patch(future.clone()))
            .await
            .expect("a rehearsal");
        assert_eq!(names(&rehearsed), ["day-2/a", "day-3/a"]);
        assert_eq!(stage.task_states(&dag, &runs[2]).await[0], Failed, "nothing changed");
        let marked = mark(&runs[1], future).await.expect("it can be marked");
        assert_eq!(names(&marked), ["day-2/a", "day-3/a"]);
        assert_eq!(stage.task_states(&dag, &runs[0]).await, [Failed, UpstreamFailed, UpstreamFailed, UpstreamFailed]);
        for run in &runs[1..] {
            assert_eq!(stage.task_states(&dag, run).await, [Success, Queued, NotYet, NotYet]);
        }
        let past = json!({"new_state": "skipped", "include_past": true, "include_downstream": true});
        assert_eq!(mark(&runs[1], past).await.expect("it can be marked").len(), 8);
        assert_eq!(stage.task_states(&dag, &runs[0]).await, [Skipped; 4]);
        assert_eq!(stage.run_state(&dag, &runs[1]).await, RunState::Success);
        let again = mark(&runs[0], json!({"new_state": "skipped"})).await.expect_err("it is skipped already");
        assert_eq!(again.to_string(), "a: every task instance that is meant is in this state already");
        let undated = stage.trigger(&dag).await;
        let refused = mark(&undated, json!({"new_state": "success", "include_past": true})).await;
        assert!(matches!(refused, Err(ServiceError::Refused { .. })), "{refused:?}");
    }

    async fn a_group_is_marked_as_a_whole(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, runs) = three_runs(&stage).await;
        let (group, other) = ("g".parse().expect("a group"), "h".parse().expect("a group"));
        let body = || patch(json!({"new_state": "success", "note": "by hand"}));
        let run = (&dag, &runs[0]);
        let marked = stage.local.patch_task_instances(&stage.admin(), run, Subject::Group(&group), body()).await;
        let marked = marked.expect("it can be marked");
        assert_eq!(names(&marked), ["day-1/g.b", "day-1/g.c"]);
        assert!(marked.iter().all(|one| one.note.as_deref() == Some("by hand")));
        assert_eq!(stage.task_states(&dag, &runs[0]).await, [Failed, Success, Success, Queued]);
        assert_eq!(stage.play_all(|_| returns("1")).await, ["d"]);
        let absent = stage.local.patch_task_instances(&stage.admin(), run, Subject::Group(&other), body()).await;
        assert_eq!(absent.expect_err("there is no such group").to_string(), "task instance \"h\" was not found");
    }

    async fn many_runs_and_tasks_are_changed_at_once(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, runs) = three_runs(&stage).await;
        let bulk = json!({"actions": [
            {"action": "update", "entities": [
                {"dag_run_id": "day-1", "state": "success"}, {"dag_run_id": "day-2", "note": "seen"},
            ]},
            {"action": "delete", "entities": ["day-3", {"dag_run_id": "day-9"}], "action_on_non_existence": "skip"},
            {"action": "delete", "entities": ["day-2", "day-9"]},
        ]});
        let outcome = stage.local.bulk_runs(&stage.admin(), Some(&dag), serde_json::from_value(bulk).expect("a body")).await;
        let outcome = outcome.expect("an outcome");
        assert_eq!(outcome.update.expect("updates").done, ["d.day-1", "d.day-2"]);
        let deleted = outcome.delete.expect("deletions");
        assert_eq!(deleted.done, ["d.day-3"]);
        let refused: Vec<String> = deleted.refused.iter().map(ToString::to_string).collect();
        assert_eq!(refused, ["DAG run \"day-9\" was not found"], "then the action does nothing at all");
        assert_eq!(stage.task_states(&dag, &runs[0]).await, [Success; 4]);
        assert_eq!(stage.local.run(&stage.tenant, &dag, &runs[1]).await.expect("a run").note.as_deref(), Some("seen"));

        let bulk = json!({"actions": [
            {"action": "update", "entities": [
                {"task_id": "a", "dag_id": "d", "dag_run_id": "day-2", "new_state": "success"}, {"task_id": "a"},
            ]},
            {"action": "delete", "entities": [{"task_id": "d", "dag_id": "d", "dag_run_id": "day-1", "map_index": -1}]},
        ]});
        let body = serde_json::from_value(bulk).expect("a body");
        let outcome = stage.local.bulk_task_instances(&stage.admin(), (None, None), body).await.expect("an outcome");
        let updated = outcome.update.expect("updates");
        assert_eq!(updated.done, ["d.day-2.a[-1]"]);
        let refused: Vec<String> = updated.refused.iter().map(ToString::to_string).collect();
        assert_eq!(refused, ["dag_id is not valid: it is missing; where the path says `~`, each entry names its own"]);
        assert_eq!(outcome.delete.expect("deletions").done, ["d.day-1.d[-1]"]);
        assert_eq!(stage.task_states(&dag, &runs[0]).await, [Success; 3]);
    }

    async fn many_runs_are_cleared_at_once(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, runs) = three_runs(&stage).await;
        let clear = async |body: Value| {
            let body = serde_json::from_value(body).expect("a body");
            stage.local.clear_runs(&stage.admin(), Some(&dag), body).await
        };
        let absent = clear(json!({"dag_runs": [{"dag_run_id": "day-1"}, {"dag_run_id": "day-9"}], "dry_run": false})).await;
        assert_eq!(absent.expect_err("one is not there").to_string(), "DAG run \"day-9\" was not found");
        assert_eq!(stage.run_state(&dag, &runs[0]).await, RunState::Failed, "nothing happened to the other");
        clear(json!({"dag_runs": [{"dag_run_id": "day-1"}, {"dag_run_id": "day-2"}], "dry_run": false}))
            .await
            .expect("they can be cleared");
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 8);
        assert_eq!(stage.run_state(&dag, &runs[1]).await, RunState::Success);
        assert!(clear(json!({"dry_run": true})).await.is_err(), "it names no run");
    }
}
