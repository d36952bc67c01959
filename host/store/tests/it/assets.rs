//! Assets, their events, and what waits for them.

use std::collections::BTreeSet;

use flow_model::asset::{Emission, Reference, ReferenceKind};
use flow_model::ids::{AssetId, DagId, TenantId};
use flow_model::time::Millis;
use flow_store::Session;
use flow_store::asset::consumer::{self, Announced};
use flow_store::asset::event::{self, NewEvent};
use flow_store::asset::{self, Named, emission, reference};
use flow_store::work::{self, WorkRow};
use flow_test_support::on_both;
use serde_json::{Map, json};

use crate::seed::{self, NOW, attempt, run_key, task_key, tenant, worker};

fn dag() -> DagId {
    "dag".parse().expect("a DAG's id")
}

/// Assets of these names.
async fn assets(db: &mut Session, of: &TenantId, names: &[&str]) -> Vec<AssetId> {
    let named: Vec<Named<'_>> = names.iter().map(|name| Named { tenant: of, name }).collect();
    asset::mention(db, &named, NOW).await.expect("they can be named");
    asset::mention(db, &named, NOW).await.expect("they can be named twice");
    let found = asset::named(db, &named).await.expect("a look");
    let id = |name: &&str| found.iter().find(|asset| asset.name.as_str() == *name).expect("it is there").id;
    names.iter().map(id).collect()
}

fn happened(of: &TenantId, asset: AssetId, extra: &str) -> NewEvent {
    NewEvent { tenant: of.clone(), asset, extra: extra.to_owned(), source: None, partition_key: None }
}

/// Lets `dag` wait for `orders`.
async fn wait_for_orders(db: &mut Session, of: &TenantId) {
    let orders = Reference { kind: ReferenceKind::ScheduleName, target: "orders".to_owned(), task: None };
    reference::put(db, (of, &dag()), &BTreeSet::from([orders]), NOW).await.expect("it can refer to it");
    let announced = Announced { dag: &dag(), partitions: None, catchup: false };
    consumer::announce(db, of, &announced, NOW).await.expect("it can wait");
}

on_both! {
    async fn events_get_their_numbers_in_order_and_a_run_takes_those_it_has_not_seen(db: TestStore) {
        let acme = db.tenant("acme", NOW).await;
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let ids = assets(&mut tx, &acme, &["orders", "prices"]).await;
        let old = event::insert(&mut tx, &[happened(&acme, ids[0], "{}")], NOW).await.expect("an event");
        wait_for_orders(&mut tx, &acme).await;
        let many: Vec<NewEvent> = (0..300).map(|n| happened(&acme, ids[n % 2], &json!({"n": n}).to_string())).collect();
        let numbers = event::insert(&mut tx, &many, NOW).await.expect("events");
        assert!(numbers.is_sorted() && numbers[0] > old[0] && numbers.len() == 300);
        let seen = consumer::lock_due(&mut tx, &acme, &dag(), NOW).await.expect("a look").expect("it is due");
        assert_eq!(seen, old[0], "what was there before does not count");
        let taken = consumer::take(&mut tx, (&acme, &dag()), run_key(1), seen).await.expect("they can be taken");
        assert_eq!(taken, 150, "those of the other asset are not for it");
        let told = event::of_run(&mut tx, &acme, run_key(1)).await.expect("a look");
        let ns: Vec<i64> = told.iter().map(|event| {
            let event: serde_json::Value = serde_json::from_str(event).expect("JSON");
            event["extra"]["n"].as_i64().expect("a number")
        }).collect();
        assert_eq!(ns, (0..150).map(|n| n * 2).collect::<Vec<_>>());
        let seen = consumer::lock_due(&mut tx, &acme, &dag(), NOW).await.expect("a look").expect("it is due");
        let again = consumer::take(&mut tx, (&acme, &dag()), run_key(2), seen).await.expect("they can be taken");
        assert_eq!(again, 0, "each event is taken once");
        consumer::rest(&mut tx, &acme, &dag(), None).await.expect("nothing is due");
        assert_eq!(consumer::lock_due(&mut tx, &acme, &dag(), NOW).await.expect("a look"), None);
        assert_eq!(consumer::next_due(&mut tx).await.expect("a look"), None);
    }

    async fn the_latest_events_come_oldest_first(db: TestStore) {
        let acme = db.tenant("acme", NOW).await;
        let other = db.tenant("other", NOW).await;
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let ids = assets(&mut tx, &acme, &["orders"]).await;
        for n in 0..4 {
            let one = [happened(&acme, ids[0], &json!({"n": n}).to_string())];
            event::insert(&mut tx, &one, Millis(NOW.0 + n)).await.expect("an event");
        }
        let orders = "orders".parse().expect("a name");
        let since = |at: i64| Some(Millis(NOW.0 + at));
        let found = event::since(&mut tx, &acme, &orders, (since(1), 2)).await.expect("a look");
        assert_eq!(found.len(), 2);
        assert!(found[0].contains(r#""extra":{"n":2}"#) && found[1].contains(r#""extra":{"n":3}"#), "{found:?}");
        assert!(event::since(&mut tx, &other, &orders, (None, 9)).await.expect("a look").is_empty());
        assert!(event::any_since(&mut tx, &acme, &orders, Millis(NOW.0 + 3)).await.expect("a look"));
        assert!(!event::any_since(&mut tx, &acme, &orders, Millis(NOW.0 + 4)).await.expect("a look"));
        assert_eq!(event::forget(&mut tx, Millis(NOW.0 + 2), 1).await.expect("it goes"), 1);
        assert_eq!(event::forget(&mut tx, Millis(NOW.0 + 2), 9).await.expect("it goes"), 1);
        assert_eq!(event::since(&mut tx, &acme, &orders, (None, 9)).await.expect("a look").len(), 2);
    }

    async fn only_a_leased_attempt_says_something_and_former_ones_are_forgotten(db: TestStore) {
        let acme = db.tenant("acme", NOW).await;
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let leased = |number| WorkRow { turn: Some(1), ..seed::work(number, "acme", None) };
        work::insert(&mut tx, &[leased(1), leased(2)]).expect("they are new");
        work::take(&mut tx, &[WorkRow { lease: Some((worker(1), NOW)), ..leased(1) }]).expect("a lease");
        let said = |n: i64| Emission {
            asset: "orders".parse().expect("a name"),
            alias: None,
            partition_key: None,
            extra: Map::from_iter([("n".to_owned(), json!(n))]),
        };
        for n in 0..12 {
            assert!(emission::add(&mut tx, (&acme, attempt(1)), &said(n)).await.expect("an answer"));
        }
        assert!(!emission::add(&mut tx, (&acme, attempt(2)), &said(0)).await.expect("an answer"), "it holds no lease");
        let foreign = emission::add(&mut tx, (&tenant("other"), attempt(1)), &said(0)).await.expect("an answer");
        assert!(!foreign, "it is another tenant's");
        assert_eq!(emission::count(&mut tx, &acme, attempt(1)).await.expect("a look"), 12);
        let taken = emission::take(&mut tx, &[task_key(1, 0)]).await.expect("a look");
        let expected: Vec<_> = (0..12).map(|n| (task_key(1, 0), said(n))).collect();
        assert_eq!(taken, expected, "in the order in which it was said");
        assert!(emission::take(&mut tx, &[task_key(1, 0)]).await.expect("a look").is_empty());
    }
}
