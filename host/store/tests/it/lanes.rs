//! Pools and lanes: what is counted of whom, who waits in which order, and that nobody counts on the same slot twice.

use flow_model::admission::{Limit, LimitKey, Rank, Standings};
use flow_model::graph::TaskIndex;
use flow_model::ids::PoolName;
use flow_model::rest::{Names, PageRequest};
use flow_model::run::RunType;
use flow_model::state::{Phase, TaskStatus};
use flow_model::time::Millis;
use flow_store::lane::{self, Entry, LaneKey, Shift};
use flow_store::slot_pool::{self, PoolRow};
use flow_store::{Session, Store, run, task_instance};
use flow_test_support::{TestStore, on_both};

use crate::seed::{self, NOW, new_task, run_key, task_key, tenant};

fn pool(name: &str) -> PoolName {
    name.parse().expect("a pool's name")
}

fn key(name: &str) -> LimitKey {
    LimitKey::Pool(pool(name))
}

fn of_pool(name: &str, weight: u32) -> Limit {
    Limit { key: key(name), weight, allowed: None }
}

fn lane_key(run: u128, task: u32) -> LaneKey {
    LaneKey { run: run_key(run), task: TaskIndex(task) }
}

fn rank(priority: i32, date: i64) -> Rank {
    Rank::of(priority, RunType::Scheduled, Some(Millis(date)), NOW)
}

fn waiting(count: i64) -> Standings {
    Standings { waiting: count, ..Standings::default() }
}

fn entry(of: &str, lane: LaneKey, limits: Vec<Limit>, count: Standings) -> Entry {
    Entry { tenant: tenant(of), lane, limits, rank: rank(1, 1), count }
}

fn shift(of: &str, lane: LaneKey, change: Standings) -> Shift {
    Shift { tenant: tenant(of), lane, change }
}

async fn taken(db: &mut Session, of: &str, name: &str) -> Standings {
    let found = lane::taken(db, &tenant(of), &[key(name)]).await.expect("a look");
    found.into_iter().map(|(_, taken)| taken).next().unwrap_or_default()
}

async fn in_line(db: &mut Session, name: &str, window: (u32, u32)) -> Vec<LaneKey> {
    let mut found = lane::waiting_at(db, &tenant("acme"), &[key(name)], window).await.expect("a look");
    let (_, mut lanes) = found.pop().expect("every limit is answered");
    lanes.sort();
    lanes
}

on_both! {
    async fn a_tenant_has_its_default_pool_and_others(db: TestStore) {
        let acme = db.tenant("acme", NOW).await;
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let default = slot_pool::lock_default(&mut tx, &acme).await.expect("a look").expect("it is there");
        assert_eq!((default.name.as_str(), default.slots, default.counted), ("default_pool", -1, false));
        assert_eq!(slot_pool::lock_default(&mut tx, &tenant("other")).await.expect("a look"), None);
        let row = PoolRow {
            name: pool("db"), slots: 3, description: Some("why".to_owned()), include_deferred: true, counted: true,
        };
        assert!(slot_pool::insert(&mut tx, &acme, &row, NOW).await.expect("an answer"));
        assert!(!slot_pool::insert(&mut tx, &acme, &row, NOW).await.expect("an answer"), "its name is taken");
        let row = PoolRow { slots: 5, ..row };
        assert!(slot_pool::update(&mut tx, &acme, &row, NOW).await.expect("an answer"));
        assert_eq!(slot_pool::get(&mut tx, &acme, &row.name).await.expect("a look"), Some(row.clone()));
        let named = slot_pool::named(&mut tx, &acme, [&row.name, &pool("none")]).await.expect("a look");
        assert_eq!(named, std::slice::from_ref(&row));
        let page = PageRequest { order_by: vec!["-slots".to_owned()], ..PageRequest::default() };
        let listed = slot_pool::list(&mut tx, &acme, Names::ALL, &page).await.expect("a list");
        let names: Vec<&str> = listed.entries.iter().map(|pool| pool.name.as_str()).collect();
        assert_eq!((names, listed.total), (vec!["db", "default_pool"], 2));
        assert_eq!(slot_pool::count(&mut tx, &acme).await.expect("a count"), 2);
        assert!(slot_pool::delete(&mut tx, &acme, &row.name).await.expect("an answer"));
        assert!(!slot_pool::delete(&mut tx, &acme, &row.name).await.expect("an answer"), "it is gone");
    }

    async fn instances_enter_change_and_leave(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let (one, two) = (lane_key(1, 0), lane_key(2, 7));
        let run_limit = Limit { key: LimitKey::Run(run_key(1)), weight: 1, allowed: Some(9) };
        lane::enter(&mut tx, &[
            entry("acme", one, vec![of_pool("p", 2), run_limit.clone()], waiting(3)),
            entry("acme", two, vec![of_pool("p", 1)], waiting(1)),
            entry("other", one, vec![of_pool("p", 5)], waiting(1)),
        ]).await.expect("they can enter");
        lane::enter(&mut tx, &[entry("acme", one, vec![of_pool("p", 3), run_limit.clone()], waiting(1))])
            .await.expect("another can follow");
        assert_eq!(lane::waiting(&mut tx, &tenant("acme"), &[key("p")]).await.expect("a look"), [(key("p"), 13)]);
        assert_eq!(taken(&mut tx, "acme", "p").await, Standings::default(), "who waits takes nothing");
        let begun = Standings { waiting: -2, queued: 1, running: 1, ..Standings::default() };
        let deferred = Standings { waiting: -1, deferred: 1, ..Standings::default() };
        lane::shift(&mut tx, &[shift("acme", one, begun), shift("acme", two, deferred)]).await.expect("they can change");
        let expected = Standings { waiting: 0, queued: 3, running: 3, deferred: 1, awaiting_input: 0 };
        assert_eq!(taken(&mut tx, "acme", "p").await, expected);
        let mut rows = lane::load(&mut tx, &tenant("acme"), &[one]).await.expect("a look");
        rows.sort_by(|a, b| a.limit.key.cmp(&b.limit.key));
        let count = Standings { waiting: 2, queued: 1, running: 1, ..Standings::default() };
        assert_eq!(rows.iter().map(|row| (&row.limit, row.count)).collect::<Vec<_>>(), [
            (&of_pool("p", 3), count), (&run_limit, count),
        ]);
        let gone = Standings { waiting: -2, queued: -1, running: -1, ..Standings::default() };
        lane::shift(&mut tx, &[shift("acme", one, gone)]).await.expect("they can leave");
        assert_eq!(lane::load(&mut tx, &tenant("acme"), &[one]).await.expect("a look"), [], "an empty lane is gone");
        assert_eq!(lane::load(&mut tx, &tenant("other"), &[one]).await.expect("a look").len(), 1, "theirs is theirs");
    }

    async fn what_never_entered_takes_nothing_away(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let lane = lane_key(1, 0);
        let left = Standings { running: -1, ..Standings::default() };
        lane::shift(&mut tx, &[shift("acme", lane, left)]).await.expect("nothing is there");
        let count = Standings { waiting: 1, ..Standings::default() };
        lane::enter(&mut tx, &[entry("acme", lane, vec![of_pool("p", 1)], count)]).await.expect("it can enter");
        lane::shift(&mut tx, &[shift("acme", lane, left)]).await.expect("it was never counted");
        assert_eq!(lane::load(&mut tx, &tenant("acme"), &[lane]).await.expect("a look")[0].count, count);
    }

    async fn who_waits_stands_in_line(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let backfill = Rank::of(9, RunType::Backfill, Some(Millis(0)), NOW);
        let ranks = [backfill, rank(1, 5), rank(2, 9), rank(1, 4), rank(2, 8)];
        let entries: Vec<Entry> = (1u128..).zip(ranks).map(|(run, rank)| Entry {
            rank, ..entry("acme", lane_key(run, 0), vec![of_pool("p", 1)], waiting(1))
        }).collect();
        lane::enter(&mut tx, &entries).await.expect("they can enter");
        let runs = |runs: &[u128]| runs.iter().map(|&run| lane_key(run, 0)).collect::<Vec<_>>();
        assert_eq!(in_line(&mut tx, "p", (2, 0)).await, runs(&[3, 5]));
        assert_eq!(in_line(&mut tx, "p", (2, 2)).await, runs(&[2, 4]));
        assert_eq!(in_line(&mut tx, "p", (9, 4)).await, runs(&[1]));
        assert_eq!(in_line(&mut tx, "none", (9, 0)).await, []);
        assert_eq!(lane::tenants_waiting(&mut tx).await.expect("a look"), [(tenant("acme"), key("p"))]);
        lane::forget(&mut tx, &tenant("acme"), &[run_key(3), run_key(5)]).await.expect("they can be forgotten");
        run::insert(&mut tx, &[seed::run(2)]).await.expect("it is new");
        run::delete(&mut tx, &tenant("acme"), &[run_key(2)]).await.expect("it can be deleted");
        assert_eq!(in_line(&mut tx, "p", (9, 0)).await, runs(&[1, 4]));
    }

    async fn the_instances_of_a_lane_are_found_in_their_order(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let scheduled = TaskStatus { phase: Phase::Scheduled, try_number: 1, losses: 0 };
        let mapped = |index| task_instance::TaskKey { map_index: Some(index), ..task_key(1, 0) };
        let mut new: Vec<_> = (0..5).map(|index| new_task(mapped(index), scheduled)).collect();
        new[1].node.status = TaskStatus { phase: Phase::Queued(seed::attempt(1)), ..scheduled };
        new[3].node.status = TaskStatus { phase: Phase::Running(seed::attempt(2)), ..scheduled };
        new.push(new_task(task_key(1, 1), scheduled));
        task_instance::insert(&mut tx, &new).expect("they are new");
        let acme = tenant("acme");
        let first = lane::first_waiting(&mut tx, &acme, lane_key(1, 0), 2).await.expect("a look");
        assert_eq!(first, [mapped(0), mapped(2)]);
        let mut all = lane::all_waiting(&mut tx, &acme, &[lane_key(1, 0), lane_key(1, 1)]).await.expect("a look");
        all.sort();
        assert_eq!(all, [mapped(0), mapped(2), mapped(4), task_key(1, 1)]);
        let present = lane::present(&mut tx, &acme, &[run_key(1)]).await.expect("a look");
        let mapped = Standings { waiting: 3, queued: 1, running: 1, ..Standings::default() };
        assert_eq!(present.into_iter().collect::<Vec<_>>(), [(lane_key(1, 0), mapped), (lane_key(1, 1), waiting(1))]);
    }
}

/// Takes a slot of the pool `p` if there is one, as one node does.
async fn take_one(store: Store, number: u128, slots: i64) -> bool {
    let mut tx = store.begin("take").await.expect("a transaction");
    slot_pool::lock_default(&mut tx, &tenant("acme")).await.expect("a look").expect("it is there");
    let free = taken(&mut tx, "acme", "p").await.queued < slots;
    if free {
        let count = Standings { queued: 1, ..Standings::default() };
        let entry = entry("acme", lane_key(number, 0), vec![of_pool("p", 1)], count);
        lane::enter(&mut tx, &[entry]).await.expect("it can enter");
    }
    tx.commit().await.expect("a commit");
    free
}

/// Only where there can be two: SQLite has one writer, and the second transaction begins after the first one's end.
#[tokio::test]
async fn two_nodes_never_count_on_the_same_slot() {
    let db = TestStore::postgres().await;
    db.tenant("acme", NOW).await;
    let takers = (1..=12).map(|number| tokio::spawn(take_one(db.store.clone(), number, 5)));
    let mut given = 0;
    for taker in takers.collect::<Vec<_>>() {
        given += usize::from(taker.await.expect("it ends"));
    }
    assert_eq!(given, 5);
    assert_eq!(taken(&mut db.store.read().await.expect("a connection"), "acme", "p").await.queued, 5);
}

/// See above: who admits passes over runs that another node changes at this moment, without waiting for it.
#[tokio::test]
async fn runs_that_somebody_else_holds_are_passed_over() {
    let db = TestStore::postgres().await;
    let mut tx = db.store.begin("seed").await.expect("a transaction");
    run::insert(&mut tx, &[seed::run(1), seed::run(2)]).await.expect("they are new");
    tx.commit().await.expect("a commit");
    let mut holder = db.store.begin("holder").await.expect("a transaction");
    assert_eq!(run::lock_free(&mut holder, &[run_key(1)]).await.expect("a look").len(), 1);
    let mut other = db.store.begin("other").await.expect("a transaction");
    let free = run::lock_free(&mut other, &[run_key(1), run_key(2)]).await.expect("a look");
    assert_eq!(free.iter().map(|row| row.key).collect::<Vec<_>>(), [run_key(2)]);
}
