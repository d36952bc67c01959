//! The queue of work: whose turn it is, who gets it, how long they keep it.

use std::time::Duration;

use flow_model::time::Millis;
use flow_store::work::{self, WorkRow};
use flow_store::{Session, run, task_instance};
use flow_test_support::{TestStore, on_both};

use crate::seed::{self, NOW, attempt, tenant, worker};

fn lease(db: &mut Session, rows: Vec<WorkRow>, until: Millis) {
    let rows: Vec<WorkRow> = rows.into_iter().map(|row| WorkRow { lease: Some((worker(1), until)), ..row }).collect();
    work::take(db, &rows).expect("it can be leased");
}

fn numbers(rows: &[WorkRow]) -> Vec<u128> {
    rows.iter().map(|row| row.attempt.0.as_u128()).collect()
}

on_both! {
    async fn the_lowest_turn_is_next_and_tenants_can_be_left_out(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let rows = [
            seed::work(1, "acme", Some(30)), seed::work(2, "acme", Some(10)), seed::work(3, "other", Some(20)),
            seed::work(4, "acme", None),
        ];
        work::insert(&mut tx, &rows).expect("they are new");
        assert_eq!(numbers(&work::next(&mut tx, 10, None).await.expect("a look")), [2, 3, 1]);
        assert_eq!(numbers(&work::next(&mut tx, 1, None).await.expect("a look")), [2]);
        let only = [tenant("other"), tenant("none")];
        assert_eq!(numbers(&work::next(&mut tx, 10, Some(&only)).await.expect("a look")), [3]);
        let waiting = work::waiting_turns(&mut tx).await.expect("a look");
        assert!(waiting.contains(&(tenant("acme"), 10, 30)), "{waiting:?}");
    }

    async fn work_comes_back_as_it_was_offered(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let module = "m".parse().expect("a module's name");
        let parse = work::WorkKind::Parse { module, version: 2, losses: 3 };
        let rows = [seed::work(1, "acme", Some(1)), WorkRow { kind: parse, ..seed::work(2, "acme", None) }];
        work::insert(&mut tx, &rows).expect("they are new");
        let mut found = work::load(&mut tx, &[attempt(1), attempt(2), attempt(3)]).await.expect("a look");
        found.sort_by_key(|row| row.attempt);
        assert_eq!(found, rows);
        work::delete(&mut tx, &[attempt(1)]).expect("it can be withdrawn");
        assert!(work::remove(&mut tx, attempt(2)).await.expect("an answer"), "it was there");
        assert!(!work::remove(&mut tx, attempt(2)).await.expect("an answer"), "it is gone");
    }

    async fn a_lease_is_held_renewed_and_expires(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        work::insert(&mut tx, &[seed::work(1, "acme", Some(1)), seed::work(2, "acme", Some(2))]).expect("new");
        let first = work::next(&mut tx, 1, None).await.expect("a look");
        lease(&mut tx, first, NOW);
        assert!(work::holds_lease(&mut tx, &tenant("acme"), attempt(1)).await.expect("an answer"));
        assert!(!work::holds_lease(&mut tx, &tenant("acme"), attempt(2)).await.expect("an answer"), "nobody has it");
        assert!(!work::holds_lease(&mut tx, &tenant("other"), attempt(1)).await.expect("an answer"), "not theirs");
        assert_eq!(work::next_expiry(&mut tx).await.expect("a look"), Some(NOW));
        assert_eq!(numbers(&work::expired(&mut tx, NOW, 9).await.expect("a look")), [1]);
        let later = NOW.after(Duration::from_secs(30));
        let renewed = work::renew(&mut tx, &[attempt(1), attempt(2)], later).await.expect("an answer");
        assert_eq!(renewed, [attempt(1)]);
        assert_eq!(work::expired(&mut tx, NOW, 9).await.expect("a look"), []);
        work::expire_workers(&mut tx, &[worker(1)], NOW).await.expect("their leases can be ended");
        assert_eq!(numbers(&work::expired(&mut tx, NOW, 9).await.expect("a look")), [1]);
        work::give_back(&mut tx, &[attempt(1)]).await.expect("it can be given back");
        assert_eq!(numbers(&work::next(&mut tx, 9, None).await.expect("a look")), [1, 2]);
    }

    async fn delayed_work_waits_for_its_instant_and_then_for_its_turn(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        work::insert(&mut tx, &[seed::work(1, "acme", None)]).expect("it is new");
        assert_eq!(work::next_due(&mut tx).await.expect("a look"), Some(NOW));
        assert_eq!(work::due(&mut tx, Millis(NOW.0 - 1), 9).await.expect("a look"), []);
        let mut due = work::due(&mut tx, NOW, 9).await.expect("a look");
        due[0].turn = Some(5);
        work::give_turns(&mut tx, &due).await.expect("it can have a turn");
        assert_eq!(work::next_due(&mut tx).await.expect("a look"), None);
        assert_eq!(numbers(&work::next(&mut tx, 9, None).await.expect("a look")), [1]);
    }

    async fn attempts_lead_to_their_runs_and_deleting_leaves_nothing(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        run::insert(&mut tx, &[seed::run(1), seed::run(2)]).await.expect("they are new");
        let new = seed::new_task(seed::task_key(1, 0), flow_model::state::TaskStatus::NEW);
        task_instance::insert(&mut tx, &[new]).expect("it is new");
        work::insert(&mut tx, &[seed::work(1, "acme", Some(1))]).expect("it is new");
        let locked = run::lock_of_attempts(&mut tx, &[attempt(1), attempt(9)]).await.expect("a look");
        assert_eq!(locked.iter().map(|row| row.key).collect::<Vec<_>>(), [seed::run_key(1)]);
        run::delete(&mut tx, &tenant("other"), &[seed::run_key(1)]).await.expect("nothing of theirs");
        assert_eq!(task_instance::load(&mut tx, &[seed::task_key(1, 0)]).await.expect("a look").len(), 1);
        run::delete(&mut tx, &tenant("acme"), &[seed::run_key(1)]).await.expect("it can be deleted");
        assert_eq!(task_instance::load(&mut tx, &[seed::task_key(1, 0)]).await.expect("a look"), []);
        let dag = "dag".parse().expect("a DAG's id");
        assert_eq!(run::some_of_dag(&mut tx, &tenant("acme"), &dag, 9).await.expect("a look"), [seed::run_key(2)]);
    }
}

/// Only where there can be two: SQLite has one writer, and the second transaction begins after the first one's end.
#[tokio::test]
async fn two_nodes_never_claim_the_same_work() {
    let db = TestStore::postgres().await;
    let mut tx = db.store.begin("seed").await.expect("a transaction");
    let rows: Vec<WorkRow> = (1..=10u64).map(|n| seed::work(n.into(), "acme", Some(n))).collect();
    work::insert(&mut tx, &rows).expect("they are new");
    tx.commit().await.expect("a commit");
    let mut one = db.store.begin("one").await.expect("a transaction");
    let mut two = db.store.begin("two").await.expect("a transaction");
    let first = work::next(&mut one, 4, None).await.expect("a look");
    let second = work::next(&mut two, 4, None).await.expect("a look");
    assert_eq!((numbers(&first), numbers(&second)), (vec![1, 2, 3, 4], vec![5, 6, 7, 8]));
}
