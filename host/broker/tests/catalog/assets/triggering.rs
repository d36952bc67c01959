//! Runs that are made because assets were updated.

use std::time::Duration;

use flow_model::rest::assets::{AssetFilter, QueuedEventFilter};
use flow_model::rest::dag_runs::DagRunFilter;
use flow_model::rest::dags::DagPatch;
use flow_model::rest::{PageRequest, Scope};
use flow_model::run::{RunType, TriggeredBy};
use flow_test_support::on_both;
use serde_json::{Value, json};

use super::{consumer, dag, done, handed, named, producer, task};
use crate::house::{House, config, not_found};
use flow_broker::LocalBroker;
use flow_model::port::Broker;

/// `orders` and one of `prices` and `rates`.
fn either() -> Value {
    json!({"all": [named("orders"), {"any": [named("prices"), named("rates")]}]})
}

async fn market(db: flow_test_support::TestStore) -> House {
    let house = House::open(db).await;
    let producers = json!([producer("o", &["orders"]), producer("p", &["prices"]), producer("r", &["rates"])]);
    house.accept(&house.ada, "producers", &producers).await;
    house.accept(&house.ada, "consumers", &json!([consumer("both", &either())])).await;
    house
}

on_both! {
    async fn a_run_is_made_when_the_condition_holds_and_gets_every_event(db: TestStore) {
        let house = market(db).await;
        house.run("o").await;
        assert_eq!(house.play().await, ["o"], "one of two is not enough");
        house.run("o").await;
        house.run("r").await;
        assert_eq!(house.play().await, ["o", "r", "both"]);
        let runs = house.runs("both").await;
        assert_eq!(runs.len(), 1);
        assert_eq!((runs[0].run_type, runs[0].triggered_by), (RunType::AssetTriggered, Some(TriggeredBy::Asset)));
        assert!(runs[0].dag_run_id.as_str().starts_with("asset_triggered__2026-01-01T00:00:00+00:00_"));
        let upstream = house.broker.upstream_asset_events(&house.ada.tenant, &dag("both"), &runs[0].dag_run_id).await;
        let names: Vec<String> = upstream.expect("events").iter().map(|event| event.name.to_string()).collect();
        assert_eq!(names, ["orders", "orders", "rates"]);
        let events = house.events().await;
        assert!(events.iter().all(|event| event.created_dagruns[0].run_id == runs[0].dag_run_id), "{events:?}");
        for (text, expected) in [("RATE", 1), ("prices", 0), ("%", 0)] {
            let filter = DagRunFilter { consuming_asset_pattern: Some(text.to_owned()), ..DagRunFilter::default() };
            let page = PageRequest::default();
            let found = house.broker.runs(&house.ada.tenant, &Scope::default(), &filter, &page).await;
            assert_eq!(found.expect("a list").total, expected, "{text}");
        }
        // What that run has taken counts no more.
        house.run("p").await;
        assert_eq!(house.play().await, ["p"]);
        house.run("o").await;
        assert_eq!(house.play().await, ["o", "both"]);
    }

    async fn assets_are_found_by_what_is_asked_for(db: TestStore) {
        let house = market(db).await;
        let (none, some) = (AssetFilter::default, |text: &str| Some(text.to_owned()));
        for (filter, expected) in [
            (none(), vec!["orders", "prices", "rates"]),
            (AssetFilter { name_pattern: some("R%C_|TE"), ..none() }, vec!["prices", "rates"]),
            (AssetFilter { name_pattern: some("x|ord"), ..none() }, vec!["orders"]),
            (AssetFilter { name_prefix_pattern: some("r"), ..none() }, vec!["rates"]),
            (AssetFilter { name_prefix_pattern: some("R"), ..none() }, vec![]),
            (AssetFilter { uri_pattern: some("RIC"), ..none() }, vec!["prices"]),
            (AssetFilter { uri_prefix_pattern: some("pri|ord"), ..none() }, vec!["orders", "prices"]),
            (AssetFilter { dag_ids: vec!["o".to_owned(), "r".to_owned()], ..none() }, vec!["orders", "rates"]),
        ] {
            let page = PageRequest { order_by: vec!["name".to_owned()], ..PageRequest::default() };
            let found = house.broker.assets(&house.ada.tenant, &filter, &page).await.expect("a list");
            let names: Vec<&str> = found.entries.iter().map(|asset| asset.name.as_str()).collect();
            assert_eq!((names, found.total), (expected.clone(), expected.len() as u64), "{filter:?}");
        }
        house.broker.delete_dag(&house.ada, &dag("p")).await.expect("nothing of it runs");
        let found = async |only_active| {
            let filter = AssetFilter { only_active, name_pattern: some("prices"), ..none() };
            house.broker.assets(&house.ada.tenant, &filter, &PageRequest::default()).await.expect("a list").total
        };
        assert_eq!((found(true).await, found(false).await), (1, 1), "`both` still waits for it");
    }

    async fn tasks_are_handed_the_events_that_their_run_was_made_for(db: TestStore) {
        let house = market(db).await;
        house.run("o").await;
        let make = house.next_one().await;
        house.broker.start(&make.grant).await.expect("the attempt counts");
        house.emit(&make, "orders", Some(json!({"rows": 3}))).await.expect("an outlet");
        house.finish(&make, done()).await;
        house.update("prices", None).await;
        let found = house.next_one().await;
        assert_eq!(task(&found), ("both", "use"));
        assert_eq!(handed(&found), [r#"orders {"rows":3}"#, r#"prices {"from_rest_api":true}"#]);
    }

    async fn a_thousand_updates_are_one_run(db: TestStore) {
        let house = House::open(db).await;
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), consumer("c", &named("orders"))])).await;
        for _ in 0..50 {
            house.update("orders", None).await;
        }
        assert_eq!(house.play().await, ["c"]);
        assert_eq!(house.runs("c").await.len(), 1);
    }

    async fn only_what_happened_since_a_dag_appeared_counts_unless_it_catches_up(db: TestStore) {
        let house = House::open(db).await;
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"])])).await;
        house.update("orders", None).await;
        let mut catching = consumer("all", &named("orders"));
        catching["catchup"] = json!(true);
        house.accept(&house.ada, "late", &json!([consumer("new", &named("orders")), catching])).await;
        house.update("orders", None).await;
        let mut work = house.next().await;
        work.sort_by_key(|work| task(work).0.to_owned());
        let counts: Vec<(String, usize)> =
            work.iter().map(|work| (task(work).0.to_owned(), handed(work).len())).collect();
        assert_eq!(counts, [("all".to_owned(), 2), ("new".to_owned(), 1)]);
    }

    async fn a_paused_dag_takes_what_it_missed_with_the_next_event(db: TestStore) {
        let house = House::open(db).await;
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), consumer("c", &named("orders"))])).await;
        let pause = async |is_paused| {
            house.broker.patch_dag(&house.ada, &dag("c"), DagPatch { is_paused }).await.expect("it can be paused")
        };
        pause(true).await;
        house.update("orders", None).await;
        pause(false).await;
        assert!(house.next().await.is_empty(), "what happened meanwhile makes no run");
        house.update("orders", None).await;
        assert_eq!(handed(&house.next_one().await).len(), 2, "but goes into the next one");
    }

    async fn what_is_queued_can_be_seen_and_forgotten(db: TestStore) {
        let house = market(db).await;
        house.update("orders", None).await;
        let (tenant, id, all) = (&house.ada.tenant, house.asset("orders").await, QueuedEventFilter::default());
        let queued = house.broker.queued_asset_events(tenant, Some(id), None, &all).await.expect("one");
        assert_eq!((queued.len(), queued[0].dag_id.as_str(), queued[0].asset_id), (1, "both", id));
        assert!(not_found(house.broker.queued_asset_events(&house.eve.tenant, Some(id), None, &all).await));
        let foreign = house.broker.delete_queued_asset_events(&house.eve, Some(id), None, &all).await;
        assert!(not_found(foreign), "another tenant's asset is not there");
        house.broker.delete_queued_asset_events(&house.ada, Some(id), Some(&dag("both")), &all).await.expect("it goes");
        assert!(not_found(house.broker.queued_asset_events(tenant, None, Some(&dag("both")), &all).await));
        house.update("rates", None).await;
        assert!(house.next().await.is_empty(), "the condition begins anew");
        house.update("orders", None).await;
        assert_eq!(handed(&house.next_one().await).len(), 3, "the events are there all the same");
    }

    async fn assets_or_time_is_both(db: TestStore) {
        let house = House::open(db).await;
        let either = json!({"dag_id": "c", "start_date": "2026-01-01T00:00:00Z", "tasks": [{"task_id": "use", "function": "f"}],
            "schedule": {"asset_or_time": {"assets": named("orders"), "timetable": {"cron": {"expression": "0 * * * *"}}}}});
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), either])).await;
        house.clock.advance(Duration::from_mins(90));
        house.play().await;
        house.update("orders", None).await;
        assert_eq!(house.play().await, ["c"]);
        let mut kinds: Vec<RunType> = house.runs("c").await.iter().map(|run| run.run_type).collect();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, [RunType::Scheduled, RunType::AssetTriggered]);
    }

    async fn two_nodes_make_one_run(db: TestStore) {
        let house = market(db).await;
        let second = LocalBroker::open(config(&house.db, &house.clock, [7; 32], &[])).await.expect("a second node");
        for round in 1..=5 {
            house.update("orders", None).await;
            house.update("rates", None).await;
            let (one, other) = tokio::join!(house.broker.tick(), second.tick());
            one.expect("a round of the timekeeper");
            other.expect("a round of the timekeeper");
            assert_eq!(house.runs("both").await.len(), round);
        }
    }

    async fn a_dag_with_enough_active_runs_waits_and_loses_nothing(db: TestStore) {
        let house = House::open(db).await;
        let mut single = consumer("c", &named("orders"));
        single["max_active_runs"] = json!(1);
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), single])).await;
        house.update("orders", None).await;
        let first = house.next_one().await;
        house.update("orders", None).await;
        house.update("orders", None).await;
        assert!(house.next().await.is_empty(), "one run is enough");
        house.broker.start(&first.grant).await.expect("the attempt counts");
        house.finish(&first, done()).await;
        house.clock.advance(Duration::from_secs(2));
        assert_eq!(handed(&house.next_one().await).len(), 2);
    }

    async fn a_task_waits_for_an_event_after_its_runs_begin(db: TestStore) {
        let house = House::open(db).await;
        let wait = json!({"until": {"asset": "orders"}, "poke_interval_ms": 3_600_000});
        let tasks = json!([
            {"task_id": "w", "native": {"wait": wait}}, {"task_id": "t", "function": "f", "depends_on": ["w"]},
        ]);
        let waits = json!({"dag_id": "waits", "tasks": tasks});
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), waits])).await;
        house.update("orders", None).await;
        house.clock.advance(Duration::from_secs(1));
        house.run("waits").await;
        assert!(house.next().await.is_empty(), "what happened before does not count");
        house.update("orders", None).await;
        assert_eq!(house.play().await, ["waits"], "long before it would look again");
        // The event of a task counts as well.
        house.clock.advance(Duration::from_secs(1));
        house.run("waits").await;
        house.run("o").await;
        assert_eq!(house.play().await, ["o", "waits"]);
    }
}
