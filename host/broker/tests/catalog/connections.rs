//! Connections as people see them.

use flow_model::ids::ConnectionId;
use flow_model::rest::connections::{ConnectionBody, ConnectionPatch};
use flow_model::rest::{Change, Names};
use flow_store::connection;
use flow_test_support::on_both;
use serde_json::json;

use crate::house::{House, not_found, page};

fn id(name: &str) -> ConnectionId {
    name.parse().expect("an id")
}

fn body(json: serde_json::Value) -> ConnectionBody {
    serde_json::from_value(json).expect("a connection")
}

fn warehouse() -> ConnectionBody {
    body(json!({
        "connection_id": "warehouse", "conn_type": "postgres", "host": "db.example", "port": 5432, "login": "etl",
        "password": "hunter2", "schema": "sales", "extra": "{\"sslmode\":\"require\",\"token\":\"t0ken\"}",
    }))
}

on_both! {
    async fn what_is_created_is_read_changed_and_deleted(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let created = broker.create_connection(ada, warehouse()).await.expect("a new connection");
        assert_eq!(created.password.as_deref(), Some("***"));
        assert_eq!(created.extra.as_deref(), Some(r#"{"sslmode":"require","token":"***"}"#));
        assert_eq!(broker.connection(&ada.tenant, &id("warehouse")).await, Ok(created.clone()));
        let taken = broker.create_connection(ada, warehouse()).await.expect_err("the id is taken");
        assert_eq!(taken.to_string(), "connection \"warehouse\": it exists already");

        let patch = ConnectionPatch {
            host: Change::To(None),
            port: Change::To(Some(6543)),
            password: Change::To(Some("***".into())),
            extra: Change::To(created.extra.as_deref().map(Into::into)),
            ..ConnectionPatch::default()
        };
        let changed = broker.patch_connection(ada, &id("warehouse"), patch).await.expect("a change");
        assert_eq!((changed.host, changed.port, changed.login.as_deref()), (None, Some(6543), Some("etl")));
        let patch = ConnectionPatch { password: Change::To(None), ..ConnectionPatch::default() };
        let changed = broker.patch_connection(ada, &id("warehouse"), patch).await.expect("a change");
        assert_eq!(changed.password, None);

        broker.delete_connection(ada, &id("warehouse")).await.expect("it is there");
        assert!(not_found(broker.connection(&ada.tenant, &id("warehouse")).await));
        let expected = ["post_connection", "patch_connection", "patch_connection", "delete_connection"];
        assert_eq!(house.audited(ada).await, expected);
    }

    async fn another_tenants_connection_is_as_if_it_were_not_there(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada, eve) = (&house.broker, &house.ada, &house.eve);
        broker.create_connection(ada, warehouse()).await.expect("a new connection");
        assert!(not_found(broker.connection(&eve.tenant, &id("warehouse")).await));
        assert!(not_found(broker.patch_connection(eve, &id("warehouse"), ConnectionPatch::default()).await));
        assert!(not_found(broker.delete_connection(eve, &id("warehouse")).await));
        assert_eq!(broker.connections(&eve.tenant, Names::ALL, &page(50, 0, &[])).await.expect("a list").total, 0);
        assert_eq!(broker.connections(&ada.tenant, Names::ALL, &page(50, 0, &["-host"])).await.expect("a list").total, 1);
    }

    async fn password_and_extra_are_sealed_in_the_store(db: TestStore) {
        let house = House::open(db).await;
        house.broker.create_connection(&house.ada, warehouse()).await.expect("a new connection");
        let mut session = house.db.store.read().await.expect("a session");
        let stored = connection::get(&mut session, &house.ada.tenant, &id("warehouse")).await.expect("a look");
        let stored = format!("{:?}", stored.expect("the connection"));
        for secret in ["hunter2", "t0ken"] {
            assert!(!stored.contains(&format!("{:?}", secret.as_bytes()).replace(['[', ']'], "")), "{secret} is in clear");
        }
    }

    async fn malformed_connections_are_refused(db: TestStore) {
        let house = House::open(db).await;
        for (members, expected) in [
            (json!({"conn_type": ""}), "conn_type is not valid: it is empty; use a type such as postgres or http"),
            (json!({"extra": "[1]"}), "extra is not valid: it is not a JSON object"),
            (json!({"extra": "not json"}), "extra is not valid: it is not a JSON object"),
            (json!({"host": "a\u{0}b"}), "host is not valid: it holds a NUL"),
            (json!({"password": "x".repeat(5_001)}), "password is too large: at most 5000 bytes are accepted"),
            (json!({"team_name": "red"}), "team_name is not valid: there are no teams; leave it out"),
        ] {
            let mut whole = json!({"connection_id": "c", "conn_type": "http"});
            whole.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
            let refused = house.broker.create_connection(&house.ada, body(whole)).await.expect_err("a mistake");
            assert_eq!(refused.to_string(), expected);
        }
        let list = house.broker.connections(&house.ada.tenant, Names::ALL, &page(50, 0, &[])).await;
        assert_eq!(list.expect("a list").total, 0);
    }
}
