//! What is kept of assets besides their events.

use flow_model::ids::{AssetId, EntryKey};
use flow_model::rest::asset_states::AssetStateBody;
use flow_model::rest::{JsonText, PageRequest};
use flow_test_support::on_both;
use serde_json::json;

use super::producer;
use crate::house::{House, not_found};

fn key(key: &str) -> EntryKey {
    key.parse().expect("a key")
}

fn body(value: &str) -> AssetStateBody {
    AssetStateBody { value: JsonText::new(value.to_owned()).expect("JSON") }
}

on_both! {
    async fn what_is_kept_of_an_asset_is_kept_to_the_letter(db: TestStore) {
        let house = House::open(db).await;
        house.accept(&house.ada, "m", &json!([producer("o", &["orders"]), producer("p", &["prices"])])).await;
        let (broker, ada, eve) = (&house.broker, &house.ada, &house.eve);
        let orders = house.asset("orders").await;
        for (name, value) in [("b", "1"), ("a", r#"{"x": 1.10}"#), ("b", "[2]")] {
            broker.put_asset_state(ada, orders, &key(name), body(value)).await.expect("it is kept");
        }
        let kept = async |id: AssetId| {
            let page = broker.asset_states(&ada.tenant, id, &PageRequest::default()).await.expect("a list");
            assert_eq!(page.total, page.entries.len() as u64);
            page.entries.into_iter().map(|one| (one.key.to_string(), String::from(one.value))).collect::<Vec<_>>()
        };
        let expected = [("a".to_owned(), r#"{"x": 1.10}"#.to_owned()), ("b".to_owned(), "[2]".to_owned())];
        assert_eq!(kept(orders).await, expected);
        assert_eq!(kept(house.asset("prices").await).await, []);
        assert!(broker.put_asset_state(ada, orders, &key("b"), body("null")).await.is_err());
        assert!(not_found(broker.asset_state(&ada.tenant, orders, &key("c")).await));
        assert!(not_found(broker.asset_state(&eve.tenant, orders, &key("a")).await));
        assert!(not_found(broker.put_asset_state(eve, orders, &key("a"), body("1")).await));
        assert!(not_found(broker.delete_asset_state(eve, orders, None).await));
        broker.delete_asset_state(ada, orders, Some(&key("a"))).await.expect("it is forgotten");
        broker.delete_asset_state(ada, orders, Some(&key("a"))).await.expect("so it was");
        assert_eq!(kept(orders).await, expected[1..]);
        broker.delete_asset_state(ada, orders, None).await.expect("all is forgotten");
        assert_eq!(kept(orders).await, []);
    }
}
