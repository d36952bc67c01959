//! Limits: pools, `max_active_*`, weights; who waits, who begins, and that nobody begins twice.

use std::time::Duration;

use flow_model::ids::{DagId, RunId};
use flow_model::port::Broker;
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget};
use flow_model::rest::pools::{Pool, PoolBody, PoolPatch};
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::{ErrorClass, Usage, Work};
use flow_test_support::{LEASE, Stage, TestStore, fails, on_both, open_broker, returns, spec, task_of};
use serde_json::{Value, json};

mod kept;

use TaskInstanceState::{Queued, Running, Scheduled, Success};

async fn pool<B: Broker>(stage: &Stage<B>, name: &str, slots: i64) {
    let name = name.parse().expect("a pool's name");
    let body = PoolBody { name, slots, description: None, include_deferred: false, team_name: None };
    stage.local.create_pool(&stage.admin(), body).await.expect("it can be made");
}

async fn resize<B: Broker>(stage: &Stage<B>, name: &str, slots: i64) {
    let patch = PoolPatch { slots: Some(slots), ..PoolPatch::default() };
    stage
        .local
        .patch_pool(&stage.admin(), &name.parse().expect("a pool's name"), patch)
        .await
        .expect("it can be changed");
}

async fn seen<B: Broker>(stage: &Stage<B>, name: &str) -> Pool {
    stage.local.pool(&stage.tenant, &name.parse().expect("a pool's name")).await.expect("it is there")
}

/// A DAG of independent tasks `t0`, `t1`, … that are otherwise as `task` says.
async fn know_many<B: Broker>(stage: &Stage<B>, dag: &Value, count: usize, task: &Value) -> DagId {
    let mut dag = dag.clone();
    let tasks = (0..count).map(|n| {
        let mut task = task.clone();
        task["task_id"] = json!(format!("t{n}"));
        task["function"] = json!("f");
        task["weight_rule"] = json!("absolute");
        task
    });
    dag["tasks"] = tasks.collect();
    stage.know(spec(dag)).await
}

fn names(work: &[Work]) -> Vec<String> {
    let mut names: Vec<String> = work.iter().map(task_of).collect();
    names.sort();
    names
}

async fn count<B: Broker>(stage: &Stage<B>, dag: &DagId, run: &RunId, state: TaskInstanceState) -> usize {
    stage.task_states(dag, run).await.into_iter().filter(|one| *one == state).count()
}

on_both! {
    async fn a_pool_gives_no_more_slots_than_it_has(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 2).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 5, &json!({"pool": "db"})).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(count(&stage, &dag, &run, Scheduled).await, 3);
        let first = stage.claim(16).await;
        assert_eq!(first.len(), 2);
        stage.port_start(&first[0]).await;
        let now = seen(&stage, "db").await;
        let slots = (now.occupied_slots, now.running_slots, now.queued_slots, now.scheduled_slots, now.open_slots);
        assert_eq!(slots, (2, 1, 1, 3, 0));
        assert!(stage.claim(16).await.is_empty(), "the pool is full");
        stage.finish(&first[0], returns("1")).await;
        let next = stage.claim(16).await;
        assert_eq!(next.len(), 1, "a slot that is free is taken in the transaction that frees it");
        stage.play(&next[0], returns("1")).await;
        stage.play(&first[1], returns("1")).await;
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 2);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        assert_eq!(seen(&stage, "db").await.occupied_slots, 0);
    }

    async fn the_weightiest_begins_first_and_what_is_too_wide_never(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 3).await;
        let task = |id: &str, weight: i32, slots: u32| {
            json!({"task_id": id, "function": "f", "depends_on": ["first"], "pool": "db", "pool_slots": slots,
                   "weight_rule": "absolute", "priority_weight": weight})
        };
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [
            {"task_id": "first", "function": "f"},
            task("light", 1, 1), task("wide", 9, 4), task("broad", 5, 2), task("heavy", 7, 1),
        ]}))).await;
        let run = stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, returns("1")).await;
        let begun = stage.claim(16).await;
        assert_eq!(names(&begun), ["broad", "heavy"], "what does not fit holds up nobody");
        stage.play(&begun[0], returns("1")).await;
        stage.play(&begun[1], returns("1")).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["light"]);
        assert_eq!(count(&stage, &dag, &run, Scheduled).await, 1, "it takes more slots than there are");
        resize(&stage, "db", 4).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["wide"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_pool_that_is_missing_lets_nobody_begin(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 2, &json!({"pool": "late"})).await;
        let run = stage.trigger(&dag).await;
        assert!(stage.claim(16).await.is_empty());
        pool(&stage, "late", -1).await;
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 2);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        stage.local.delete_pool(&stage.admin(), &"late".parse().expect("a name")).await.expect("it can be deleted");
        stage.trigger(&dag).await;
        assert!(stage.claim(16).await.is_empty());
    }

    async fn a_pool_can_grow_and_shrink(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 1).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 6, &json!({"pool": "db"})).await;
        stage.trigger(&dag).await;
        let mut work = stage.claim(16).await;
        resize(&stage, "db", 4).await;
        work.extend(stage.claim(16).await);
        assert_eq!(work.len(), 4, "more slots are taken at once");
        resize(&stage, "db", 1).await;
        let shrunk = seen(&stage, "db").await;
        assert_eq!((shrunk.occupied_slots, shrunk.open_slots), (4, 0), "what has begun goes on");
        for one in &work[..3] {
            stage.play(one, returns("1")).await;
            assert!(stage.claim(16).await.is_empty());
        }
        stage.play(&work[3], returns("1")).await;
        assert_eq!(stage.claim(16).await.len(), 1);
    }

    async fn a_run_has_no_more_active_tasks_than_its_dag_allows(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_many(&stage, &json!({"dag_id": "d", "max_active_tasks": 2}), 5, &json!({})).await;
        let (one, two) = (stage.trigger(&dag).await, stage.trigger(&dag).await);
        let work = stage.claim(16).await;
        assert_eq!(work.len(), 4, "each run has its own");
        for run in [&one, &two] {
            assert_eq!((count(&stage, &dag, run, Queued).await, count(&stage, &dag, run, Scheduled).await), (2, 3));
        }
        for one in &work {
            stage.play(one, returns("1")).await;
        }
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 6);
        assert_eq!(stage.run_state(&dag, &one).await, RunState::Success);
        assert_eq!(stage.run_state(&dag, &two).await, RunState::Success);
    }

    async fn a_task_is_limited_in_all_runs_and_in_each(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 1, &json!({"max_active_tis_per_dag": 2})).await;
        for _ in 0..5 {
            stage.trigger(&dag).await;
        }
        let work = stage.claim(16).await;
        assert_eq!(work.len(), 2);
        stage.play(&work[0], returns("1")).await;
        assert_eq!(stage.claim(16).await.len(), 1);
        let groups = json!({"dag_id": "g", "groups": [{"group_id": "g", "max_active_tis": 2}]});
        let grouped = know_many(&stage, &groups, 3, &json!({"group": "g"})).await;
        stage.trigger(&grouped).await;
        stage.trigger(&grouped).await;
        assert_eq!(stage.claim(16).await.len(), 4, "two of each run");
    }

    async fn who_fails_stands_in_line_again(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 1).await;
        let task = json!({"pool": "db", "retries": 1, "retry_delay_ms": 10_000});
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 2, &task).await;
        let run = stage.trigger(&dag).await;
        let work = stage.claim(16).await;
        stage.play(&work[0], fails(ErrorClass::Error)).await;
        let other = stage.claim(16).await;
        assert_eq!(other.len(), 1, "while it waits for its retry another has the slot");
        stage.port_start(&other[0]).await;
        stage.pass(Duration::from_secs(10)).await;
        assert!(stage.claim(16).await.is_empty(), "its pause is over and the slot is not free");
        let mut states = stage.task_states(&dag, &run).await;
        states.sort();
        assert_eq!(states, [Scheduled, Running]);
        stage.finish(&other[0], returns("1")).await;
        assert_eq!(stage.play_all(|_| returns("1")).await.len(), 1);
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Success]);
    }

    async fn a_lost_attempt_keeps_its_slot(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 1).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 2, &json!({"pool": "db"})).await;
        stage.trigger(&dag).await;
        let lost = stage.claim_one().await;
        stage.port_start(&lost).await;
        stage.pass(LEASE).await;
        let again = stage.claim_one().await;
        assert_eq!(task_of(&again), task_of(&lost));
        assert_eq!(seen(&stage, "db").await.occupied_slots, 1);
    }

    async fn a_run_that_is_stopped_gives_its_slots_away(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 2).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 3, &json!({"pool": "db"})).await;
        let one = stage.trigger(&dag).await;
        let work = stage.claim(16).await;
        stage.port_start(&work[0]).await;
        let two = stage.trigger(&dag).await;
        assert!(stage.claim(16).await.is_empty());
        let patch = DagRunPatch { state: Some(RunTarget::Failed), ..DagRunPatch::default() };
        stage.local.patch_run(&stage.admin(), &dag, &one, patch).await.expect("it can be stopped");
        assert_eq!(stage.claim(16).await.len(), 2, "the other run has them");
        assert_eq!(count(&stage, &dag, &two, Scheduled).await, 1);
        let now = seen(&stage, "db").await;
        assert_eq!((now.occupied_slots, now.scheduled_slots), (2, 1));
    }

    async fn the_default_pool_counts_from_the_day_it_has_an_end(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 6, &json!({})).await;
        stage.trigger(&dag).await;
        let work = stage.claim(4).await;
        stage.port_start(&work[0]).await;
        let before = seen(&stage, "default_pool").await;
        assert_eq!((before.running_slots + before.queued_slots, before.open_slots), (6, -1));
        resize(&stage, "default_pool", 3).await;
        let after = seen(&stage, "default_pool").await;
        assert_eq!((after.running_slots, after.queued_slots, after.open_slots), (1, 5, 0), "what is under way is counted");
        stage.trigger(&dag).await;
        assert_eq!(seen(&stage, "default_pool").await.scheduled_slots, 6);
        let mut work = work;
        work.extend(stage.claim(16).await);
        assert_eq!(work.len(), 6, "nothing of the second run has begun");
        stage.finish(&work[0], returns("1")).await;
        for one in &work[1..3] {
            stage.play(one, returns("1")).await;
        }
        assert!(stage.claim(16).await.is_empty(), "three are still under way");
        stage.play(&work[3], returns("1")).await;
        assert_eq!(stage.claim(16).await.len(), 1);
        resize(&stage, "default_pool", -1).await;
        assert_eq!(stage.claim(16).await.len(), 5);
    }

    async fn what_matters_most_is_claimed_first(db: TestStore) {
        let stage = Stage::open(db).await;
        let task = |id: &str, weight: i32| {
            json!({"task_id": id, "function": "f", "weight_rule": "absolute", "priority_weight": weight})
        };
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [
            task("c1", 1), task("a", 9), task("b", 5), task("c2", 1), task("c3", 1),
        ]}))).await;
        stage.trigger(&dag).await;
        let mut claimed = Vec::new();
        for _ in 0..5 {
            claimed.push(task_of(&stage.claim(1).await[0]));
        }
        assert_eq!(claimed, ["a", "b", "c1", "c2", "c3"], "by weight, and equals in their order");
    }

    async fn what_was_passed_over_is_found_again(db: TestStore) {
        let stage = Stage::open(db).await;
        pool(&stage, "db", 1).await;
        let dag = know_many(&stage, &json!({"dag_id": "d"}), 2, &json!({"pool": "db"})).await;
        stage.trigger(&dag).await;
        assert_eq!(stage.claim(16).await.len(), 1);
        // Another node makes the pool larger and dies before it has let anybody begin.
        let mut tx = stage.db.store.begin("another node").await.expect("a transaction");
        let mut row = flow_store::slot_pool::get(&mut tx, &stage.tenant, &"db".parse().expect("a name"))
            .await.expect("a look").expect("it is there");
        row.slots = 2;
        flow_store::slot_pool::update(&mut tx, &stage.tenant, &row, stage.clock.now()).await.expect("an answer");
        tx.commit().await.expect("a commit");
        assert!(stage.claim(16).await.is_empty());
        stage.pass(LEASE / 2).await;
        assert_eq!(stage.claim(16).await.len(), 1);
    }
}

/// How many of the pool's slots are taken while two nodes end and begin tasks at once. Only where there can be two.
#[tokio::test]
async fn two_nodes_never_give_away_the_same_slot() {
    let stage = Stage::open(TestStore::postgres().await).await;
    let other = open_broker(&stage.db.store, &stage.clock).await;
    pool(&stage, "db", 3).await;
    let dag = know_many(&stage, &json!({"dag_id": "d"}), 20, &json!({"pool": "db"})).await;
    let (one, two) = (stage.trigger(&dag).await, stage.trigger(&dag).await);
    let mut left = 40;
    while left > 0 {
        let work = stage.claim(16).await;
        assert!(work.len() <= 3, "{} were given", work.len());
        let ends = work.iter().enumerate().map(|(at, work)| {
            let broker = if at % 2 == 0 { stage.local.clone() } else { other.clone() };
            async move {
                broker.start(&work.grant).await.expect("the attempt counts");
                let end = returns("1");
                let report = flow_model::port::Report { end, usage: Usage::default(), retry: None, map_label: None };
                broker.finish(&work.grant, report).await.expect("the attempt counts");
            }
        });
        left -= work.len();
        futures::future::join_all(ends).await;
        if work.is_empty() {
            stage.pass(Duration::from_secs(1)).await;
        }
    }
    for run in [one, two] {
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }
    assert_eq!(seen(&stage, "db").await.occupied_slots, 0);
}
