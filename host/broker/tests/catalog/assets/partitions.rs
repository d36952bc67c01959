//! A run for each partition.

use std::time::Duration;

use flow_model::rest::PageRequest;
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::event_logs::EventLogFilter;
use flow_test_support::on_both;
use serde_json::{Value, json};

use super::{consumer, dag, handed, named, producer};
use crate::house::House;

fn partitioned(id: &str, expression: &Value, partitions: Value) -> Value {
    let mut dag = consumer(id, expression);
    dag["schedule"]["assets"]["partitions"] = partitions;
    dag
}

/// The partitions of a DAG's runs, in ascending order.
async fn keys(house: &House, id: &str) -> Vec<String> {
    let runs = house.runs(id).await;
    let mut keys: Vec<String> = runs.iter().map(|run| run.partition_key.as_ref().expect("a key").to_string()).collect();
    keys.sort();
    keys
}

on_both! {
    async fn each_partition_has_a_run(db: TestStore) {
        let house = House::open(db).await;
        let dags = json!([producer("o", &["orders"]), partitioned("c", &named("orders"), json!({})), consumer("whole", &named("orders"))]);
        house.accept(&house.ada, "m", &dags).await;
        house.update("orders", Some("eu")).await;
        house.update("orders", Some("us")).await;
        house.update("orders", Some("eu")).await;
        assert_eq!(house.play().await, ["c", "c"], "whoever knows no partitions waits for the whole asset");
        assert_eq!(keys(&house, "c").await, ["eu", "us"]);
        house.update("orders", None).await;
        assert_eq!(house.play().await, ["whole"]);
        let filter = EventLogFilter { event: Some("missing partition key".to_owned()), ..EventLogFilter::default() };
        let log = house.broker.event_logs(&house.ada.tenant, &filter, &PageRequest::default()).await.expect("the log");
        assert_eq!((log.total, log.entries[0].dag_id.as_deref()), (1, Some("c")));
    }

    async fn a_rollup_waits_for_its_window_and_takes_its_events(db: TestStore) {
        let house = House::open(db).await;
        let weekly = json!({"mapper": {"rollup": {
            "upstream": {"start_of": {"period": "week", "input_format": "%Y-%m-%d"}},
            "window": {"week": "forward"}, "wait": {"minimum_count": -5},
        }}});
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), partitioned("c", &named("orders"), weekly)])).await;
        house.update("orders", Some("2024-03-12")).await;
        house.update("orders", Some("2024-03-19")).await;
        assert!(house.next().await.is_empty(), "two weeks have begun");
        house.update("orders", Some("2024-03-15")).await;
        let found = house.next_one().await;
        assert_eq!(handed(&found).len(), 2);
        assert_eq!(keys(&house, "c").await, ["2024-03-11 (W11)"]);
    }

    async fn a_fan_out_has_a_run_for_each_of_its_keys_as_far_as_there_is_room(db: TestStore) {
        let house = House::open(db).await;
        let daily = json!({"mapper": {"fan_out": {
            "upstream": {"start_of": {"period": "week", "input_format": "%Y-%m-%d"}}, "window": {"week": "forward"},
        }}});
        let mut few = partitioned("c", &named("orders"), daily);
        few["max_active_runs"] = json!(5);
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), few])).await;
        house.update("orders", Some("2024-03-12")).await;
        assert_eq!(house.next().await.len(), 5);
        assert_eq!(keys(&house, "c").await, ["2024-03-11", "2024-03-12", "2024-03-13", "2024-03-14", "2024-03-15"]);
        // The leases of those five expire, and each is done the second time.
        house.clock.advance(Duration::from_secs(40));
        assert_eq!(house.play().await.len(), 5);
        house.clock.advance(Duration::from_secs(2));
        assert_eq!(house.play().await.len(), 2);
        assert_eq!(house.runs("c").await.len(), 7);
    }

    async fn a_run_hands_its_partition_on(db: TestStore) {
        let house = House::open(db).await;
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), partitioned("c", &named("orders"), json!({}))])).await;
        let body = TriggerDagRun { partition_key: Some("eu".parse().expect("a key")), ..TriggerDagRun::default() };
        house.broker.start_run(&house.ada, &dag("o"), body).await.expect("a run");
        assert_eq!(house.play().await, ["o", "c"]);
        assert_eq!(keys(&house, "c").await, ["eu"]);
        assert_eq!(house.events().await[0].partition_key.as_ref().map(flow_model::ids::PartitionKey::as_str), Some("eu"));
    }

    async fn a_key_that_means_nothing_is_told_and_other_rules_begin_anew(db: TestStore) {
        let house = House::open(db).await;
        let allowed = |keys: &[&str]| json!({"mapper": {"rollup": {
            "upstream": {"fixed_key": "all"}, "window": {"segment": keys}}}});
        let with = |partitions: Value| json!([producer("o", &["orders"]), partitioned("c", &named("orders"), partitions)]);
        house.accept(&house.ada, "m", &with(allowed(&["eu", "us"]))).await;
        house.update("orders", Some("eu")).await;
        assert!(house.next().await.is_empty());
        house.accept(&house.ada, "m", &with(allowed(&["us"]))).await;
        assert!(house.next().await.is_empty(), "what came under other rules is gone");
        house.update("orders", Some("us")).await;
        assert_eq!(house.play().await, ["c"]);
        house.accept(&house.ada, "m", &with(json!({"mapper": {"allowed_key": ["us"]}}))).await;
        house.update("orders", Some("mars")).await;
        assert!(house.next().await.is_empty());
        let filter = EventLogFilter { event: Some("failed to map partition_key".to_owned()), ..EventLogFilter::default() };
        let log = house.broker.event_logs(&house.ada.tenant, &filter, &PageRequest::default()).await.expect("the log");
        assert_eq!(log.total, 1);
        assert!(log.entries[0].extra.as_ref().expect("a reason").contains("not one of the allowed keys"));
    }
}
