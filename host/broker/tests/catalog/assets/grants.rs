//! Sharing assets between tenants.

use flow_broker::ServiceError;
use flow_model::ids::{AssetId, GrantId};
use flow_model::port::Broker;
use flow_model::rest::PageRequest;
use flow_model::rest::assets::{
    AcceptGrant, AssetEvent, AssetEventFilter, AssetFilter, CreateAssetEvent, IncomingGrant, OfferAsset,
};
use flow_test_support::on_both;
use serde_json::json;

use super::{consumer, done, handed, named, producer, task};
use crate::house::{House, not_found, page};

/// `acme` makes `orders`.
async fn owner(db: flow_test_support::TestStore) -> (House, AssetId) {
    let house = House::open(db).await;
    house.accept(&house.ada, "m", &json!([producer("o", &["orders", "secret"])])).await;
    let orders = house.asset("orders").await;
    (house, orders)
}

async fn offer(house: &House, orders: AssetId) -> GrantId {
    let offer = OfferAsset { to_tenant: house.eve.tenant.clone() };
    house.broker.offer_asset(&house.ada, orders, offer).await.expect("an offer").id
}

async fn accept(house: &House, grant: GrantId, name: Option<&str>) -> Result<IncomingGrant, ServiceError> {
    let body = AcceptGrant { name: name.map(|name| name.parse().expect("a name")) };
    house.broker.accept_grant(&house.eve, grant, body).await
}

/// What the other tenant sees of events.
async fn seen(house: &House) -> Vec<AssetEvent> {
    let all = AssetEventFilter::default();
    house.broker.asset_events_of(&house.eve.tenant, &all, &page(50, 0, &[])).await.expect("a list").entries
}

on_both! {
    async fn an_accepted_asset_triggers_under_the_name_that_the_receiver_chose(db: TestStore) {
        let (house, orders) = owner(db).await;
        let grant = offer(&house, orders).await;
        house.accept(&house.eve, "m", &json!([consumer("c", &named("acme/orders"))])).await;
        house.update("orders", None).await;
        assert!(house.next().await.is_empty(), "an offer alone shares nothing");
        let accepted = accept(&house, grant, None).await.expect("it is offered");
        assert_eq!(accepted.local_name.as_ref().map(flow_model::ids::AssetName::as_str), Some("acme/orders"));
        house.run("o").await;
        let make = house.next_one().await;
        house.broker.start(&make.grant).await.expect("the attempt counts");
        house.emit(&make, "orders", Some(json!({"rows": 1}))).await.expect("an outlet");
        house.finish(&make, done()).await;
        let found = house.next_one().await;
        assert_eq!((found.grant.claims.tenant.as_str(), task(&found)), ("rival", ("c", "use")));
        assert_eq!(handed(&found), [r#"acme/orders {"rows":1}"#]);
        let events = seen(&house).await;
        assert_eq!(events.len(), 1, "what happened before, and other assets, stay with their owner");
        let event = &events[0];
        assert_eq!((event.name.as_str(), event.uri.as_str()), ("acme/orders", "acme/orders"));
        assert_eq!((&event.source_dag_id, &event.source_run_id, &event.source_task_id), (&None, &None, &None));
        let owned = house.broker.asset_grants(&house.ada.tenant, orders, &PageRequest::default()).await.expect("a list");
        assert!(owned.entries[0].accepted_at.is_some(), "the owner sees that it was accepted");
    }

    async fn either_side_can_end_it(db: TestStore) {
        let (house, orders) = owner(db).await;
        let grant = offer(&house, orders).await;
        accept(&house, grant, Some("theirs")).await.expect("it is offered");
        house.update("orders", None).await;
        assert_eq!(seen(&house).await.len(), 1);
        house.broker.withdraw_asset(&house.ada, orders, grant).await.expect("it is offered");
        house.update("orders", None).await;
        assert_eq!(seen(&house).await.len(), 1);
        let active = house.broker.assets(&house.eve.tenant, &AssetFilter::default(), &page(50, 0, &[])).await;
        assert_eq!(active.expect("a list").total, 0, "nobody refers to it any more");
        let again = offer(&house, orders).await;
        accept(&house, again, Some("theirs")).await.expect("it is offered anew");
        house.broker.decline_grant(&house.eve, again).await.expect("it is accepted");
        house.update("orders", None).await;
        assert_eq!(seen(&house).await.len(), 1);
        assert!(not_found(house.broker.decline_grant(&house.eve, again).await));
    }

    async fn nothing_else_is_told(db: TestStore) {
        let (house, orders) = owner(db).await;
        let grant = offer(&house, orders).await;
        assert!(not_found(house.broker.offer_asset(&house.eve, orders, OfferAsset { to_tenant: house.ada.tenant.clone() }).await));
        assert!(not_found(house.broker.asset_grants(&house.eve.tenant, orders, &page(50, 0, &[])).await));
        assert!(not_found(house.broker.withdraw_asset(&house.eve, orders, grant).await));
        assert!(not_found(house.broker.decline_grant(&house.ada, grant).await), "the owner cannot decline");
        let body = AcceptGrant { name: None };
        assert!(not_found(house.broker.accept_grant(&house.ada, grant, body.clone()).await));
        assert!(not_found(house.broker.accept_grant(&house.eve, GrantId(grant.0 + 1_000), body).await));
        // A tenant that does not exist is offered something as one that does.
        let nobody = OfferAsset { to_tenant: "nobody".parse().expect("a name") };
        house.broker.offer_asset(&house.ada, orders, nobody.clone()).await.expect("an offer");
        assert!(matches!(house.broker.offer_asset(&house.ada, orders, nobody).await, Err(ServiceError::Conflict { .. })));
        let own = OfferAsset { to_tenant: house.ada.tenant.clone() };
        assert!(matches!(house.broker.offer_asset(&house.ada, orders, own).await, Err(ServiceError::Invalid { .. })));
        let incoming = house.broker.incoming_grants(&house.eve.tenant, &page(50, 0, &[])).await.expect("a list");
        assert_eq!((incoming.total, incoming.entries[0].asset_name.as_str()), (1, "orders"));
    }

    async fn only_its_owner_updates_a_shared_asset(db: TestStore) {
        let (house, orders) = owner(db).await;
        let grant = offer(&house, orders).await;
        house.accept(&house.eve, "m", &json!([producer("p", &["mine"])])).await;
        let taken = accept(&house, grant, Some("mine")).await;
        assert!(matches!(taken, Err(ServiceError::Conflict { .. })), "{taken:?}");
        let accepted = accept(&house, grant, Some("theirs")).await.expect("it is offered");
        let local = accepted.local_asset_id.expect("an asset");
        let body = CreateAssetEvent { asset_id: local, extra: serde_json::Map::new(), partition_key: None };
        let refused = house.broker.create_asset_event(&house.eve, body).await;
        assert!(matches!(refused, Err(ServiceError::Conflict { .. })), "{refused:?}");
        let reoffered = OfferAsset { to_tenant: "third".parse().expect("a name") };
        let refused = house.broker.offer_asset(&house.eve, local, reoffered).await;
        assert!(matches!(refused, Err(ServiceError::Conflict { .. })), "{refused:?}");
        let refused = house.refusal(&house.eve, "n", &json!([producer("q", &["theirs"])])).await;
        assert_eq!(
            refused,
            "asset \"theirs\" belongs to another tenant, which shares it; it can be read here, not updated"
        );
    }

    async fn a_grant_does_not_outlive_its_tenants(db: TestStore) {
        let (house, orders) = owner(db).await;
        let grant = offer(&house, orders).await;
        accept(&house, grant, None).await.expect("it is offered");
        house.broker.delete_tenant(&house.platform, &house.eve.tenant).await.expect("it goes");
        house.broker.create_tenant(&house.platform, crate::house::tenant_body("rival")).await.expect("a new tenant");
        house.update("orders", None).await;
        assert!(seen(&house).await.is_empty());
        assert_eq!(house.broker.incoming_grants(&house.eve.tenant, &page(50, 0, &[])).await.expect("a list").total, 0);
    }
}
