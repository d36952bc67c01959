//! Who keeps a slot and who gives it away: while waiting, when mapped, when cleared; and what is said of who waits for one.

use std::time::Duration;

use flow_model::ids::{DagId, RunId};
use flow_model::rest::clearing::ClearDagRun;
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::{AttemptEnd, AttemptRole, DeferTrigger, Deferral, Work};
use flow_test_support::{Stage, on_both, returns, spec, task_of};
use serde_json::json;

use super::{count, know_many, names, pool, resize, seen};

use TaskInstanceState::{Deferred, Queued, Running, Scheduled};

fn waits() -> AttemptEnd {
    let trigger = DeferTrigger::Guest { trigger: "job".to_owned(), kwargs: "{}".to_owned() };
    AttemptEnd::Deferred(Deferral { trigger, resume_key: "here".to_owned(), timeout_ms: None })
}

fn is_task(work: &Work) -> bool {
    matches!(work.grant.claims.role, AttemptRole::Task { .. })
}

/// What can be claimed: tasks, and looks for what deferred ones wait for.
async fn claim(stage: &Stage<flow_broker::LocalBroker>) -> (Vec<Work>, Vec<Work>) {
    stage.claim(64).await.into_iter().partition(is_task)
}

async fn why(stage: &Stage<flow_broker::LocalBroker>, dag: &DagId, run: &RunId, task: &str) -> Vec<String> {
    let task = task.parse().expect("a task's id");
    let found = stage.local.task_instance_dependencies(&stage.tenant, (dag, run), (&task, None)).await;
    found
        .expect("it is there")
        .into_iter()
        .map(|dependency| format!("{}: {}", dependency.name, dependency.reason))
        .collect()
}

on_both! {
    async fn who_is_deferred_gives_its_slot_away_and_stands_in_line_again(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 1).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 2, &json!({"pool": "db"})).await;
        let run = stage.trigger(&dag).await;
        let first = stage.claim_one().await;
        stage.play(&first, waits()).await;
        let (tasks, looks) = claim(&stage).await;
        assert_eq!((tasks.len(), looks.len()), (1, 1), "another has its slot while it is waited for");
        assert_ne!(task_of(&tasks[0]), task_of(&first));
        stage.port_start(&tasks[0]).await;
        let now = seen(&stage, "db").await;
        assert_eq!((now.occupied_slots, now.running_slots, now.deferred_slots), (1, 1, 1));
        stage.play(&looks[0], AttemptEnd::Fired { event: "1".to_owned() }).await;
        assert_eq!((count(&stage, &dag, &run, Scheduled).await, count(&stage, &dag, &run, Running).await), (1, 1));
        stage.finish(&tasks[0], returns("1")).await;
        assert_eq!(names(&stage.claim(64).await), [task_of(&first)]);
    }

    async fn a_pool_that_includes_deferred_ones_lets_them_keep_their_slots(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 1).await;
        let patch = serde_json::from_value(json!({"include_deferred": true})).expect("a patch");
        stage.local.patch_pool(&stage.admin(), &"db".parse().expect("a name"), patch).await.expect("it can be changed");
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 2, &json!({"pool": "db"})).await;
        let run = stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, waits()).await;
        let (tasks, looks) = claim(&stage).await;
        assert_eq!((tasks.len(), looks.len()), (0, 1));
        let now = seen(&stage, "db").await;
        assert_eq!((now.occupied_slots, now.open_slots, now.deferred_slots), (1, 0, 1));
        stage.play(&looks[0], AttemptEnd::Fired { event: "1".to_owned() }).await;
        let states = (count(&stage, &dag, &run, Queued).await, count(&stage, &dag, &run, Scheduled).await);
        assert_eq!(states, (1, 1), "the slot is one of theirs again");
    }

    async fn the_limits_of_a_task_count_who_is_deferred(db: TestStore) {
        let stage = Stage::open(db).await;
        let limit = json!({"max_active_tis_per_dag": 1});
        let dag = know_many(&stage, &json!({"dag_id": "d", "max_active_tasks": 9}), 1, &limit).await;
        let run = stage.trigger(&dag).await;
        stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, waits()).await;
        assert_eq!(count(&stage, &dag, &run, Deferred).await, 1);
        let (tasks, looks) = claim(&stage).await;
        assert_eq!((tasks.len(), looks.len()), (0, 1), "it is waited for, and counts");
        stage.play(&looks[0], AttemptEnd::Fired { event: "1".to_owned() }).await;
        stage.play(&stage.claim_one().await, returns("1")).await;
        assert_eq!(stage.claim(16).await.len(), 1);
    }

    async fn mapped_instances_go_through_a_pool_in_their_order(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 4).await;
        let numbers: Vec<usize> = (0..30).collect();
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [
            {"task_id": "each", "function": "f", "pool": "db", "arguments": [{"expand": {"literal": numbers}}]},
            {"task_id": "join", "function": "f", "depends_on": ["each"]},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        let mut begun = Vec::new();
        while begun.len() < 30 {
            let work = stage.claim(64).await;
            assert!((1..=4).contains(&work.len()), "{} were given", work.len());
            for one in &work {
                let AttemptRole::Task { map_index, .. } = &one.grant.claims.role else { panic!("it is a task") };
                begun.push(map_index.expect("it is mapped"));
            }
            for one in &work {
                stage.play(one, returns("1")).await;
            }
        }
        assert_eq!(begun, (0..30).collect::<Vec<_>>());
        assert_eq!(stage.play_all(|_| returns("1")).await, ["join"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        assert_eq!(seen(&stage, "db").await.occupied_slots, 0);
    }

    async fn what_is_cleared_while_it_runs_stands_in_line_again(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 1).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 1, &json!({"pool": "db"})).await;
        let (one, two) = (stage.trigger(&dag).await, stage.trigger(&dag).await);
        let running = stage.claim_one().await;
        stage.port_start(&running).await;
        let clear: ClearDagRun = serde_json::from_value(json!({"dry_run": false})).expect("a body");
        stage.local.clear_run(&stage.admin(), &dag, &one, clear).await.expect("it can be cleared");
        let states = |run: RunId| { let (stage, dag) = (&stage, &dag); async move {
            (count(stage, dag, &run, Queued).await, count(stage, dag, &run, Scheduled).await)
        }};
        let both = [states(one).await, states(two).await];
        assert_eq!(both.iter().map(|(queued, _)| queued).sum::<usize>(), 1, "{both:?}");
        assert_eq!(both.iter().map(|(_, scheduled)| scheduled).sum::<usize>(), 1, "{both:?}");
        let now = seen(&stage, "db").await;
        assert_eq!((now.occupied_slots, now.scheduled_slots), (1, 1));
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 2);
    }

    async fn who_waits_for_a_slot_is_told_why(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "max_active_tasks": 1, "tasks": [
            {"task_id": "a", "function": "f", "priority_weight": 9}, {"task_id": "b", "function": "f", "pool": "db"},
            {"task_id": "c", "function": "f", "depends_on": ["a", "b"]},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(why(&stage, &dag, &run, "a").await, [""; 0]);
        assert_eq!(why(&stage, &dag, &run, "b").await, [
            "Pool Slots Available: pool \"db\" does not exist; create it",
            "Task Concurrency: the DAG's max_active_tasks is used up: 1 of 1 taken",
        ]);
        assert_eq!(why(&stage, &dag, &run, "c").await, ["Trigger Rule: it waits for upstream tasks that have not ended: a, b"]);
        pool(&stage, "db", 0).await;
        let reason = "Pool Slots Available: it takes 1 slot, and pool \"db\" has 0 in all";
        assert_eq!(why(&stage, &dag, &run, "b").await[0], reason);
        resize(&stage, "db", 1).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "b", "c"]);
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }
}
