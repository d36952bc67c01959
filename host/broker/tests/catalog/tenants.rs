//! Tenants, the change of the master key, and signing keys.

use flow_broker::LocalBroker;
use flow_model::ids::VariableKey;
use flow_model::rest::Change;
use flow_model::rest::tenants::TenantPatch;
use flow_model::rest::variables::VariableBody;
use flow_test_support::on_both;
use serde_json::{Map, Value, json};

use crate::house::{House, config, not_found, page, tenant_body};

fn members(json: &Value) -> Map<String, Value> {
    json.as_object().expect("an object").clone()
}

fn variable(name: &str) -> VariableBody {
    VariableBody { key: name.parse().expect("a key"), value: json!("v"), description: None, team_name: None }
}

on_both! {
    async fn a_tenant_is_created_changed_and_listed(db: TestStore) {
        let house = House::open(db).await;
        let (broker, root, acme) = (&house.broker, &house.platform, &house.ada.tenant);
        let taken = broker.create_tenant(root, tenant_body("acme")).await.expect_err("the name is taken");
        assert_eq!(taken.to_string(), "tenant \"acme\": it exists already");
        let patch = TenantPatch { description: Change::To(Some("Acme Ltd".to_owned())) };
        broker.patch_tenant(root, acme, patch).await.expect("a change");
        let quota = broker.patch_quota(root, acme, members(&json!({"modules": 3}))).await.expect("a quota");
        assert_eq!((quota.modules, quota.variables), (3, 10_000));
        let policy = broker.patch_policy(root, acme, members(&json!({"forbid_wildcards": true}))).await;
        assert!(policy.expect("a policy").forbid_wildcards);
        let refused = broker.patch_quota(root, acme, members(&json!({"moduls": 3}))).await.expect_err("no such quota");
        assert_eq!(
            refused.to_string(),
            "quota is not valid: unknown field `moduls`, expected one of `modules`, `dags`, `tasks_per_dag`, \
             `active_runs`, `component_bytes`, `stored_bytes`, `variables`, `connections`, `pools`, `users`, `tokens`"
        );
        let list = broker.tenants(&page(50, 0, &["-name"])).await.expect("a list");
        let names: Vec<&str> = list.entries.iter().map(|tenant| tenant.name.as_str()).collect();
        assert_eq!((names, list.total), (vec!["rival", "acme"], 2));
        let acme = broker.tenant(acme).await.expect("the tenant");
        assert_eq!((acme.description.as_deref(), acme.quota.modules), (Some("Acme Ltd"), 3));
    }

    async fn nothing_of_a_deleted_tenant_is_left(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada, root) = (&house.broker, &house.ada, &house.platform);
        broker.create_variable(ada, variable("v")).await.expect("a new variable");
        let dags = json!([{"dag_id": "d", "tasks": [{"task_id": "t", "function": "f"}]}]);
        house.accept(ada, "m", &dags).await;
        house.accept(&house.eve, "m", &dags).await;
        broker.delete_tenant(root, &ada.tenant).await.expect("it is there");
        assert!(not_found(broker.tenant(&ada.tenant).await));
        assert!(not_found(broker.delete_tenant(root, &ada.tenant).await));
        broker.create_tenant(root, tenant_body("acme")).await.expect("the name is free again");
        let usage = broker.tenant_usage(&ada.tenant).await.expect("its usage");
        assert_eq!(serde_json::to_value(&usage).expect("JSON"), json!({
            "modules": 0, "dags": 0, "active_runs": 0, "stored_bytes": 0, "variables": 0, "connections": 0, "users": 0,
            "tokens": 0, "pools": 1, "attempts": 0, "cpu_ms": 0, "wall_ms": 0, "memory_mib_ms": 0,
        }));
        let rival = broker.tenant_usage(&house.eve.tenant).await.expect("its usage");
        assert_eq!((rival.modules, rival.dags), (1, 1), "the rival, who has the same bytes, keeps them");
        assert_eq!(house.audited(ada).await, [""; 0]);
    }

    async fn the_master_key_can_be_replaced(db: TestStore) {
        let house = House::open(db).await;
        let key: VariableKey = "v".parse().expect("a key");
        house.broker.create_variable(&house.ada, variable("v")).await.expect("a new variable");
        let signed = house.broker.signing_key().await.expect("a key").pkcs8;

        let refused = LocalBroker::open(config(&house.db, &house.clock, [8; 32], &[])).await.err().expect("another key");
        let refused = refused.to_string();
        assert_eq!(
            refused,
            "master key: it is sealed under master key 4654a643b9583017, which was not given; start with that key, or \
             give it as a former one"
        );

        let changing = config(&house.db, &house.clock, [8; 32], &[[7; 32]]);
        LocalBroker::open(changing).await.expect("the former key is at hand");
        let broker = LocalBroker::open(config(&house.db, &house.clock, [8; 32], &[])).await.expect("it is adopted");
        assert_eq!(broker.variable(&house.ada.tenant, &key).await.expect("the variable").value, "v");
        assert_eq!(broker.signing_key().await.expect("a key").pkcs8, signed);
    }

    async fn a_rotated_key_still_verifies(db: TestStore) {
        let house = House::open(db).await;
        let before = house.broker.public_keys().await.expect("the keys");
        let rotated = house.broker.rotate_signing_key(&house.platform).await.expect("a new key");
        let after = house.broker.public_keys().await.expect("the keys");
        assert_eq!(house.broker.signing_key().await.expect("a key").kid, rotated.kid);
        assert_eq!((before.len(), after.len()), (1, 2));
        let retired: Vec<_> = after.iter().filter(|key| key.retired_at.is_some()).map(|key| &key.kid).collect();
        assert_eq!(retired, [&before[0].kid]);
    }
}
