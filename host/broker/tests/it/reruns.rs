//! Running again: with the latest version of a DAG or the run's own, only what is new, and without letting the run go on.

use std::time::Duration;

use flow_broker::{Cleared, ServiceError, Subject};
use flow_model::ids::{DagId, RunId};
use flow_model::port::{Broker, BrokerError, Report};
use flow_model::rest::clearing::{ClearDagRun, ClearPartitions, ClearTaskInstances, ClearedPartitions};
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::task_instances::TaskInstanceFilter;
use flow_model::rest::{PageRequest, Scope};
use flow_model::state::RunState;
use flow_model::work::{ErrorClass, Usage};
use flow_test_support::{Stage, fails, on_both, returns, spec, task_of};
use serde_json::{Value, json};

type LocalStage = Stage<flow_broker::LocalBroker>;

async fn know(stage: &LocalStage, tasks: Value, more: &Value) -> DagId {
    let mut dag = json!({"dag_id": "d", "tasks": tasks});
    dag.as_object_mut().expect("a DAG").extend(more.as_object().expect("members").clone());
    stage.know(spec(dag)).await
}

/// `a -> gone -> c`, of which a later version makes `new -> c` behind `a`, written the other way round.
async fn first(stage: &LocalStage, more: &Value) -> DagId {
    let tasks = json!([
        {"task_id": "a", "function": "f"},
        {"task_id": "gone", "function": "f", "depends_on": ["a"]},
        {"task_id": "c", "function": "f", "depends_on": ["gone"]},
    ]);
    know(stage, tasks, more).await
}

async fn second(stage: &LocalStage, more: &Value) {
    let tasks = json!([
        {"task_id": "c", "function": "f", "depends_on": ["new"]},
        {"task_id": "new", "function": "f", "depends_on": ["a"]},
        {"task_id": "a", "function": "f"},
    ]);
    know(stage, tasks, more).await;
}

/// Every task instance of a run as `task=state`, in alphabetical order.
async fn states(stage: &LocalStage, dag: &DagId, run: &RunId) -> String {
    let scope = Scope { dag: Some(dag.clone()), run: Some(run.clone()), task: None };
    let (filter, page) = (TaskInstanceFilter::default(), PageRequest::default());
    let all = stage.local.task_instances(&stage.tenant, &scope, &filter, &page).await.expect("a run").entries;
    let state = |state: Option<flow_model::state::TaskInstanceState>| state.map_or("none", |state| state.as_str());
    let mut shown: Vec<String> = all
        .iter()
        .map(|one| &one.last_try)
        .map(|one| match one.map_index {
            -1 => format!("{}={}", one.task_id, state(one.state)),
            index => format!("{}[{index}]={}", one.task_id, state(one.state)),
        })
        .collect();
    shown.sort();
    shown.join(" ")
}

async fn version(stage: &LocalStage, dag: &DagId, run: &RunId) -> u32 {
    stage.local.run(&stage.tenant, dag, run).await.expect("a run").dag_versions[0].version_number
}

fn again(more: &Value) -> ClearDagRun {
    let mut body = json!({"dry_run": false});
    body.as_object_mut().expect("a body").extend(more.as_object().expect("members").clone());
    serde_json::from_value(body).expect("a body")
}

async fn clear(stage: &LocalStage, dag: &DagId, run: &RunId, more: &Value) -> Cleared {
    stage.local.clear_run(&stage.admin(), dag, run, again(more)).await.expect("it can be cleared")
}

on_both! {
    async fn a_run_goes_on_with_the_latest_version_if_asked(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = first(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        let played = |task: &str| if task == "c" { fails(ErrorClass::Fatal) } else { returns(&format!("{task:?}")) };
        stage.play_all(played).await;
        second(&stage, &json!({})).await;
        clear(&stage, &dag, &run, &json!({"only_failed": true})).await;
        assert_eq!((version(&stage, &dag, &run).await, stage.play_all(played).await), (1, vec!["c".to_owned()]));

        clear(&stage, &dag, &run, &json!({"only_failed": true, "run_on_latest_version": true})).await;
        assert_eq!(version(&stage, &dag, &run).await, 2);
        assert_eq!(states(&stage, &dag, &run).await, "a=success c=none gone=removed new=queued");
        assert_eq!(stage.play_all(|_| returns("1")).await, ["new", "c"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);

        let (a, c, key) = ("a".parse().expect("a task"), "c".parse().expect("a task"), "return_value".parse());
        let kept = stage.local.xcom_entry(&stage.tenant, (&dag, &run), (&a, None), &key.expect("a key")).await;
        assert_eq!(kept.expect("what it returned moved with it").value.as_str(), "\"a\"");
        let tries = stage.local.task_instance_tries(&stage.tenant, (&dag, &run), (&c, None)).await.expect("tries");
        assert_eq!(tries.entries.iter().map(|one| one.try_number).collect::<Vec<_>>(), [1, 2, 3]);
    }

    async fn the_dag_says_which_version_where_the_request_does_not(db: TestStore) {
        let stage = Stage::open(db).await;
        let latest = json!({"rerun_with_latest_version": true});
        let dag = first(&stage, &latest).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        second(&stage, &latest).await;
        clear(&stage, &dag, &run, &json!({"run_on_latest_version": false})).await;
        assert_eq!(version(&stage, &dag, &run).await, 1);
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "gone", "c"]);
        let body = ClearTaskInstances {
            dry_run: false,
            only_failed: Some(false),
            dag_run_id: Some(run.clone()),
            task_ids: Some(serde_json::from_value(json!(["new"])).expect("tasks")),
            include_downstream: true,
            ..ClearTaskInstances::default()
        };
        stage.local.clear_task_instances(&stage.admin(), &dag, body).await.expect("a task of the latest version");
        assert_eq!(states(&stage, &dag, &run).await, "a=success c=none gone=removed new=queued");
        assert_eq!((version(&stage, &dag, &run).await, stage.play_all(|_| returns("1")).await.len()), (2, 2));
    }

    async fn only_what_is_new_is_added(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = first(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        second(&stage, &json!({})).await;
        let rehearsed = clear(&stage, &dag, &run, &json!({"only_new": true, "dry_run": true})).await;
        let Cleared::Found(tasks) = rehearsed else { panic!("{rehearsed:?}") };
        assert_eq!(tasks.iter().map(|task| task.task_id.as_str()).collect::<Vec<_>>(), ["new"]);
        assert_eq!(version(&stage, &dag, &run).await, 1, "nothing changed");
        clear(&stage, &dag, &run, &json!({"only_new": true, "note": "one more"})).await;
        assert_eq!(states(&stage, &dag, &run).await, "a=success c=success gone=removed new=queued");
        assert_eq!(stage.play_all(|_| returns("1")).await, ["new"]);
        let ended = stage.local.run(&stage.tenant, &dag, &run).await.expect("a run");
        assert_eq!((ended.state, ended.note.as_deref()), (RunState::Success, Some("one more")));
        clear(&stage, &dag, &run, &json!({"only_new": true})).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success, "there is nothing new");
        let both = again(&json!({"only_new": true, "only_failed": true}));
        let refused = stage.local.clear_run(&stage.admin(), &dag, &run, both).await.expect_err("it makes no sense");
        assert_eq!(
            refused.to_string(),
            "the body is not valid: only_new and only_failed exclude each other: what is new has not failed"
        );
    }

    async fn what_runs_goes_on_in_the_latest_version_unless_it_is_gone(db: TestStore) {
        let stage = Stage::open(db).await;
        let before = json!([
            {"task_id": "gone", "function": "f"}, {"task_id": "b", "function": "f"}, {"task_id": "a", "function": "f"},
        ]);
        let dag = know(&stage, before, &json!({})).await;
        let run = stage.trigger(&dag).await;
        let work = stage.claim(8).await;
        for one in &work {
            stage.port_start(one).await;
        }
        let of = |name: &str| work.iter().find(|one| task_of(one) == name).expect("it runs");
        stage.finish(of("a"), returns("1")).await;
        let after = json!([{"task_id": "a", "function": "f"}, {"task_id": "b", "function": "f", "depends_on": ["a"]}]);
        know(&stage, after, &json!({})).await;
        let body = ClearTaskInstances {
            dry_run: false,
            only_failed: Some(false),
            dag_run_id: Some(run.clone()),
            task_ids: Some(serde_json::from_value(json!(["a"])).expect("tasks")),
            run_on_latest_version: Some(true),
            ..ClearTaskInstances::default()
        };
        stage.local.clear_task_instances(&stage.admin(), &dag, body).await.expect("it can be cleared");
        assert_eq!(states(&stage, &dag, &run).await, "a=queued b=running gone=removed");
        let report = || Report { end: returns("1"), usage: Usage::default(), retry: None, map_label: None };
        let gone = of("gone");
        assert_eq!(
            stage.port.finish(&gone.grant, report()).await,
            Err(BrokerError::Fenced(gone.grant.claims.attempt))
        );
        stage.port.finish(&of("b").grant, report()).await.expect("its place in the DAG is another, it is the same");
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a"]);
        assert_eq!(states(&stage, &dag, &run).await, "a=success b=success gone=removed");
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn who_waits_for_a_slot_that_nobody_needs_any_more_goes_on(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know(&stage, json!([{"task_id": "a", "function": "f", "pool": "none"}]), &json!({})).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(states(&stage, &dag, &run).await, "a=scheduled");
        let unlimited = json!([{"task_id": "b", "function": "f"}, {"task_id": "a", "function": "f"}]);
        know(&stage, unlimited, &json!({})).await;
        clear(&stage, &dag, &run, &json!({"only_new": true})).await;
        assert_eq!(states(&stage, &dag, &run).await, "a=queued b=queued");
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 2);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn mapped_tasks_are_as_many_as_the_latest_version_says(db: TestStore) {
        let stage = Stage::open(db).await;
        let mapped = |list: Value| json!([
            {"task_id": "t", "function": "f", "arguments": [{"expand": {"literal": list}}]},
        ]);
        let dag = know(&stage, mapped(json!([1, 2, 3])), &json!({})).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        know(&stage, mapped(json!([7, 8])), &json!({})).await;
        clear(&stage, &dag, &run, &json!({"run_on_latest_version": true})).await;
        assert_eq!(states(&stage, &dag, &run).await, "t[0]=queued t[1]=queued t[2]=removed");
    }

    async fn a_run_that_is_not_reset_waits_until_it_is(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = first(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        let body = ClearTaskInstances {
            dry_run: false,
            only_failed: Some(false),
            dag_run_id: Some(run.clone()),
            reset_dag_runs: false,
            note: Some("look at this".to_owned()),
            ..ClearTaskInstances::default()
        };
        let cleared = stage.local.clear_task_instances(&stage.admin(), &dag, body).await.expect("it can be cleared");
        assert!(cleared.iter().all(|one| one.note.as_deref() == Some("look at this")));
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        assert!(stage.claim(8).await.is_empty(), "the run has ended");
        clear(&stage, &dag, &run, &json!({})).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "gone", "c"]);
    }

    async fn a_deleted_task_instance_comes_back_with_its_run(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = first(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        let a = "a".parse().expect("a task");
        let delete = async || stage.local.delete_task_instance(&stage.admin(), (&dag, &run), (&a, None)).await;
        let refused = delete().await.expect_err("the run goes on");
        assert!(matches!(refused, ServiceError::Conflict { .. }), "{refused}");
        stage.play_all(|_| returns("1")).await;
        delete().await.expect("it can be deleted");
        assert!(matches!(delete().await, Err(ServiceError::NotFound { .. })), "it is gone");
        assert_eq!(states(&stage, &dag, &run).await, "c=success gone=success");
        clear(&stage, &dag, &run, &json!({})).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "gone", "c"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn for_which_part_a_run_was_is_taken_back(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = first(&stage, &json!({})).await;
        let part = TriggerDagRun { partition_key: Some("eu".parse().expect("a key")), ..TriggerDagRun::default() };
        let run = stage.trigger_with(&dag, part).await;
        stage.clock.advance(Duration::from_secs(1));
        let other = stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        let clear = async |body: Value| {
            let body: ClearPartitions = serde_json::from_value(body).expect("a body");
            stage.local.clear_partitions(&stage.admin(), &dag, body).await
        };
        let done = |dag_runs_cleared, task_instances_cleared, dry_run| {
            Ok(ClearedPartitions { dag_runs_cleared, task_instances_cleared, dry_run })
        };
        let of_part = json!({"partition_key": "eu", "clear_task_instances": true});
        assert_eq!(clear(of_part.clone()).await, done(1, 3, true));
        let key = async || stage.local.run(&stage.tenant, &dag, &run).await.expect("a run").partition_key;
        assert_eq!((key().await.is_some(), stage.run_state(&dag, &run).await), (true, RunState::Success));
        assert_eq!(clear(json!({"run_id": other, "dry_run": false})).await, done(0, 0, false), "it is for none");
        let mut really = of_part.clone();
        really["dry_run"] = json!(false);
        assert_eq!(clear(really).await, done(1, 3, false));
        assert_eq!((key().await, stage.run_state(&dag, &run).await), (None, RunState::Running));
        assert_eq!(clear(of_part).await, done(0, 0, true));
        for senseless in [json!({}), json!({"run_id": run, "partition_key": "eu"})] {
            assert!(matches!(clear(senseless).await, Err(ServiceError::Invalid { .. })));
        }
    }

    async fn a_request_that_makes_no_sense_says_why(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = first(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        let clear = async |body: Value| {
            let body: ClearTaskInstances = serde_json::from_value(body).expect("a body");
            stage.local.clear_task_instances(&stage.admin(), &dag, body).await.expect_err("it makes no sense").to_string()
        };
        let before = [
            (json!({"only_failed": true, "only_running": true}), "only_failed and only_running exclude each other"),
            (json!({"start_date": "2026-02-01T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"}), "end_date is before start_date"),
            (json!({"dag_run_id": run, "end_date": "2026-01-01T00:00:00Z"}), "dag_run_id and a range of dates exclude"),
            (json!({"task_ids": []}), "task_ids names no task"),
            (json!({"dag_run_id": run, "include_past": true}), "the run has no logical date"),
            (json!({"dag_run_id": run, "task_ids": ["z"]}), "task \"z\" was not found"),
        ];
        for (body, expected) in before {
            let refused = clear(body).await;
            assert!(refused.contains(expected), "{refused}");
        }
        stage.pass(Duration::ZERO).await;
        let note = serde_json::from_value(json!({"note": "x".repeat(1_001)})).expect("a patch");
        let a = "a".parse().expect("a task");
        let refused = stage.local.patch_task_instances(&stage.admin(), (&dag, &run), Subject::Task(&a), note).await;
        assert_eq!(
            refused.expect_err("it is too long").to_string(),
            "note is not valid: use at most 1000 characters, and no NUL"
        );
    }
}
