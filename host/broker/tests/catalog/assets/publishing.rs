//! What DAGs say of assets, and what their tasks publish.

use flow_broker::ServiceError;
use flow_model::call::{Call, CallError, Reply};
use flow_model::port::Broker;
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::{Names, PageRequest};
use flow_model::run::RunType;
use flow_model::work::{AttemptEnd, ErrorClass, Failure};
use flow_test_support::on_both;
use serde_json::{Value, json};

use super::{consumer, dag, done, named, producer};
use crate::house::{House, not_found};

fn failed() -> AttemptEnd {
    AttemptEnd::Failed(Failure { class: ErrorClass::Error, message: "no".to_owned(), location: None })
}

fn shown(extra: &flow_model::rest::JsonText) -> Value {
    serde_json::from_str(extra.as_str()).expect("JSON")
}

on_both! {
    async fn what_a_failed_attempt_said_is_forgotten(db: TestStore) {
        let house = House::open(db).await;
        let mut trying = producer("o", &["orders"]);
        trying["tasks"][0]["retries"] = json!(1);
        trying["tasks"][0]["retry_delay_ms"] = json!(0);
        house.accept(&house.ada, "m", &json!([trying])).await;
        house.run("o").await;
        let first = house.next_one().await;
        house.broker.start(&first.grant).await.expect("the attempt counts");
        house.emit(&first, "orders", Some(json!({"try": 1}))).await.expect("an outlet");
        house.finish(&first, failed()).await;
        assert!(house.events().await.is_empty(), "nothing was updated");
        let second = house.next_one().await;
        house.broker.start(&second.grant).await.expect("the attempt counts");
        house.emit(&second, "orders", Some(json!({"try": 2}))).await.expect("an outlet");
        house.emit(&second, "orders", Some(json!({"rows": 7}))).await.expect("an outlet");
        assert!(house.events().await.is_empty(), "nothing is published before the end");
        house.finish(&second, done()).await;
        let events = house.events().await;
        assert_eq!(events.len(), 1);
        assert_eq!(shown(&events[0].extra), json!({"try": 2, "rows": 7}));
        assert_eq!((events[0].source_dag_id.as_deref(), events[0].source_task_id.as_deref()), (Some("o"), Some("make")));
        assert_eq!(house.emit(&second, "orders", None).await, Err(CallError::Denied), "the attempt is over");
    }

    async fn only_what_is_declared_may_be_touched(db: TestStore) {
        let house = House::open(db).await;
        let mut using = producer("o", &["orders"]);
        using["tasks"][0]["uses"] = json!({"assets": ["lake/*"]});
        house.accept(&house.ada, "m", &json!([using, producer("p", &["prices"]), producer("l", &["lake/x"])])).await;
        house.run("o").await;
        let work = house.next_one().await;
        house.broker.start(&work.grant).await.expect("the attempt counts");
        assert_eq!(house.emit(&work, "orders", None).await, Ok(Reply::Done));
        assert_eq!(house.emit(&work, "lake/x", None).await, Ok(Reply::Done));
        assert_eq!(house.emit(&work, "lake/none", None).await, Err(CallError::NotFound));
        assert_eq!(house.emit(&work, "prices", None).await, Err(CallError::Denied));
        assert!(matches!(house.emit(&work, "orders", Some(json!([1]))).await, Err(CallError::Invalid(_))));
        let ask = |asset: &str| Call::AssetEvents { asset: asset.to_owned(), since: None, limit: 10 };
        assert_eq!(house.broker.call(&work.grant, ask("prices")).await, Err(CallError::Denied));
        house.update("orders", None).await;
        let Ok(Reply::Text(events)) = house.broker.call(&work.grant, ask("orders")).await else { panic!("an answer") };
        let events: Vec<Value> = serde_json::from_str(&events).expect("JSON");
        assert_eq!((events.len(), &events[0]["extra"]), (1, &json!({"from_rest_api": true})));
        house.finish(&work, done()).await;
        let mut names: Vec<String> = house.events().await.iter().map(|event| event.name.to_string()).collect();
        names.sort();
        assert_eq!(names, ["lake/x", "orders", "orders"]);
    }

    async fn an_alias_stands_for_what_is_found_under_it(db: TestStore) {
        let house = House::open(db).await;
        let finder = json!({"dag_id": "f", "asset_aliases": [{"name": "found"}],
            "tasks": [{"task_id": "make", "function": "f", "outlets": ["found"]}]});
        let dags = json!([finder, consumer("c", &json!({"alias": "found"})), consumer("d", &named("s3://new"))]);
        house.accept(&house.ada, "m", &dags).await;
        house.run("f").await;
        let work = house.next_one().await;
        house.broker.start(&work.grant).await.expect("the attempt counts");
        let call = Call::AssetEmit {
            asset: "s3://new".to_owned(), extra: None, alias: Some("found".to_owned()), partition_key: None,
        };
        assert_eq!(house.broker.call(&work.grant, call).await, Ok(Reply::Done));
        house.finish(&work, done()).await;
        let mut played = house.play().await;
        played.sort();
        assert_eq!(played, ["c", "d"], "the alias and the asset are both updated");
        let aliases = house.broker.asset_aliases(&house.ada.tenant, Names::ALL, &PageRequest::default()).await.expect("a list");
        assert_eq!(aliases.entries.iter().map(|alias| alias.name.as_str()).collect::<Vec<_>>(), ["found"]);
        let asset = house.broker.asset(&house.ada.tenant, house.asset("s3://new").await).await.expect("an asset");
        assert_eq!(asset.aliases, aliases.entries);
    }

    async fn an_asset_lives_as_long_as_somebody_refers_to_it(db: TestStore) {
        let house = House::open(db).await;
        let declared = |uri: &str| json!([{"dag_id": "o", "assets": [{"name": "orders", "uri": uri, "extra": {"a": 1}}],
            "tasks": [{"task_id": "make", "function": "f", "outlets": ["orders", "side"], "inlets": ["raw"]}]}]);
        house.accept(&house.ada, "m", &declared("s3://lake/orders")).await;
        house.accept(&house.ada, "c", &json!([consumer("c", &json!({"asset": {"uri": "s3://lake/orders"}}))])).await;
        let assets = house.assets().await;
        let orders = assets.iter().find(|asset| asset.name.as_str() == "orders").expect("it is declared");
        assert_eq!((orders.uri.as_str(), shown(&orders.extra)), ("s3://lake/orders", json!({"a": 1})));
        assert_eq!(orders.producing_tasks[0].task_id.as_str(), "make");
        assert_eq!(orders.scheduled_dags[0].dag_id.as_str(), "c");
        let raw = assets.iter().find(|asset| asset.name.as_str() == "raw").expect("it declares itself");
        assert_eq!((raw.uri.as_str(), raw.consuming_tasks.len()), ("raw", 1));
        let details = house.broker.dag_details(&house.ada, &dag("c")).await.expect("a DAG");
        let expected = json!({"asset": {"name": "orders", "uri": "s3://lake/orders", "group": "asset"}});
        assert_eq!(details.asset_expression, Some(expected));
        house.accept(&house.ada, "m", &json!([producer("o", &["side"])])).await;
        let names: Vec<String> = house.assets().await.iter().map(|asset| asset.name.to_string()).collect();
        assert_eq!(names, ["orders", "side"], "the schedule still names the URI");
        house.broker.delete_module(&house.ada, &"c".parse().expect("a module")).await.expect("it goes");
        let names: Vec<String> = house.assets().await.iter().map(|asset| asset.name.to_string()).collect();
        assert_eq!(names, ["side"]);
        house.accept(&house.ada, "m", &declared("s3://lake/elsewhere")).await;
        assert_eq!(house.assets().await.len(), 3);
    }

    async fn modules_must_not_contradict_each_other(db: TestStore) {
        let house = House::open(db).await;
        let declares = |dag: &str, name: &str, uri: &str| json!([{"dag_id": dag, "assets": [{"name": name, "uri": uri}],
            "tasks": [{"task_id": "t", "function": "f", "outlets": [name]}]}]);
        house.accept(&house.ada, "m", &declares("o", "orders", "s3://a")).await;
        let refused = house.refusal(&house.ada, "n", &declares("p", "orders", "s3://b")).await;
        assert_eq!(refused, "asset \"orders\" is declared by DAG \"o\" of another module with the URI \"s3://a\"; use that one");
        let refused = house.refusal(&house.ada, "n", &declares("p", "prices", "s3://a")).await;
        assert_eq!(refused, "asset \"prices\" has the URI \"s3://a\" of asset \"orders\"; call it so too, or use another URI");
        house.accept(&house.ada, "n", &declares("p", "orders", "s3://a")).await;
        house.accept(&house.eve, "n", &declares("p", "orders", "s3://b")).await;
        let both = json!([declares("x", "a", "s3://x")[0], declares("y", "b", "s3://x")[0]]);
        assert_eq!(house.refusal(&house.ada, "k", &both).await, "assets \"a\" and \"b\" both have the URI \"s3://x\"");
    }

    async fn an_asset_is_made_by_the_one_dag_that_makes_it(db: TestStore) {
        let house = House::open(db).await;
        let dags = json!([producer("o", &["orders", "shared"]), producer("p", &["shared"]), consumer("c", &named("bought"))]);
        house.accept(&house.ada, "m", &dags).await;
        let make = async |name: &str| {
            house.broker.materialize_asset(&house.ada, house.asset(name).await, TriggerDagRun::default()).await
        };
        let run = make("orders").await.expect("a run");
        assert_eq!((run.dag_id.as_str(), run.run_type), ("o", RunType::AssetMaterialization));
        assert!(matches!(make("shared").await, Err(ServiceError::Conflict { .. })));
        assert!(not_found(make("bought").await));
        let foreign = house.asset("orders").await;
        assert!(not_found(house.broker.materialize_asset(&house.eve, foreign, TriggerDagRun::default()).await));
        assert_eq!(house.play().await, ["o"]);
    }
}
