//! Variables as people see them.

use flow_broker::ServiceError;
use flow_model::ids::VariableKey;
use flow_model::rest::variables::{VariableBody, VariablePatch};
use flow_model::rest::{Change, Names};
use flow_store::variable;
use flow_test_support::on_both;
use serde_json::{Value, json};

use crate::house::{House, not_found, page};

fn key(name: &str) -> VariableKey {
    name.parse().expect("a key")
}

fn body(name: &str, value: impl Into<Value>) -> VariableBody {
    VariableBody { key: key(name), value: value.into(), description: None, team_name: None }
}

on_both! {
    async fn what_is_created_is_read_changed_and_deleted(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let created = broker.create_variable(ada, body("region", "eu")).await.expect("a new variable");
        assert_eq!((created.value.as_str(), created.description.as_deref()), ("eu", None));
        let taken = broker.create_variable(ada, body("region", "us")).await.expect_err("the key is taken");
        assert_eq!(taken.to_string(), "variable \"region\": it exists already");

        let patch = VariablePatch { description: Change::To(Some("where".to_owned())), ..VariablePatch::default() };
        broker.patch_variable(ada, &key("region"), patch).await.expect("a change");
        let patch = VariablePatch { value: Some(json!({"a": 1})), ..VariablePatch::default() };
        broker.patch_variable(ada, &key("region"), patch).await.expect("a change");
        let read = broker.variable(&ada.tenant, &key("region")).await.expect("the variable");
        assert_eq!((read.value.as_str(), read.description.as_deref()), (r#"{"a":1}"#, Some("where")));

        broker.delete_variable(ada, &key("region")).await.expect("it is there");
        assert!(not_found(broker.variable(&ada.tenant, &key("region")).await));
        assert!(not_found(broker.delete_variable(ada, &key("region")).await));
        assert_eq!(house.audited(ada).await, ["post_variable", "patch_variable", "patch_variable", "delete_variable"]);
    }

    async fn another_tenants_variable_is_as_if_it_were_not_there(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada, eve) = (&house.broker, &house.ada, &house.eve);
        broker.create_variable(ada, body("mine", "a")).await.expect("a new variable");
        let absent = broker.variable(&ada.tenant, &key("none")).await.expect_err("it is not there");
        let foreign = broker.variable(&eve.tenant, &key("mine")).await.expect_err("it is not hers");
        assert_eq!(absent.to_string().replace("none", "mine"), foreign.to_string());
        assert!(not_found(broker.patch_variable(eve, &key("mine"), VariablePatch::default()).await));
        assert!(not_found(broker.delete_variable(eve, &key("mine")).await));
        assert_eq!(broker.variables(&eve.tenant, Names::ALL, &page(50, 0, &[])).await.expect("a list").total, 0);
        broker.create_variable(eve, body("mine", "b")).await.expect("names are unique within a tenant only");
        assert_eq!(broker.variable(&ada.tenant, &key("mine")).await.expect("ada's").value, "a");
    }

    async fn values_are_sealed_in_the_store_and_masked_in_the_answer(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let shown = broker.create_variable(ada, body("db_password", "hunter2")).await.expect("a new variable");
        assert_eq!(shown.value, "***");
        let shown = broker.create_variable(ada, body("settings", json!({"api_key": "k", "url": "u"}))).await;
        assert_eq!(shown.expect("a new variable").value, r#"{"api_key":"***","url":"u"}"#);
        let mut session = house.db.store.read().await.expect("a session");
        let stored = variable::get(&mut session, &ada.tenant, &key("db_password")).await.expect("a look");
        let stored = stored.expect("the variable").value;
        assert!(!stored.windows(7).any(|bytes| bytes == b"hunter2"), "the value is stored in clear");
    }

    async fn lists_are_cut_sorted_and_searched(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        for name in ["b_two", "a_one", "C_three", "a-four"] {
            broker.create_variable(ada, body(name, "v")).await.expect("a new variable");
        }
        let keys = async |pattern: Option<&str>, request| {
            let list = broker.variables(&ada.tenant, Names { pattern, prefix: None }, &request).await.expect("a list");
            (list.entries.into_iter().map(|entry| entry.key.to_string()).collect::<Vec<_>>().join(" "), list.total)
        };
        assert_eq!(keys(None, page(50, 0, &[])).await, ("C_three a-four a_one b_two".to_owned(), 4));
        assert_eq!(keys(None, page(2, 1, &["-key"])).await, ("a_one a-four".to_owned(), 4));
        assert_eq!(keys(Some("c_THREE"), page(50, 0, &[])).await, ("C_three".to_owned(), 1));
        assert_eq!(keys(Some("a%n"), page(50, 0, &[])).await, ("a_one".to_owned(), 1));
        assert_eq!(keys(Some("\\"), page(50, 0, &[])).await, (String::new(), 0));
        let refused = broker.variables(&ada.tenant, Names::ALL, &page(50, 0, &["value_sealed"])).await.expect_err("no field");
        assert_eq!(
            refused.to_string(),
            "order_by is not valid: cannot sort by \"value_sealed\"; sort by one of: key, id, description"
        );
    }

    async fn what_is_too_much_is_refused_and_changes_nothing(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let refused = broker.create_variable(ada, body("big", "x".repeat(65_537))).await.expect_err("too large");
        assert_eq!(refused, ServiceError::TooLarge { what: "value".to_owned(), limit: 65_536 });
        let quota = json!({"variables": 1}).as_object().expect("an object").clone();
        broker.patch_quota(&house.platform, &ada.tenant, quota).await.expect("a quota");
        broker.create_variable(ada, body("one", "v")).await.expect("one fits");
        let refused = broker.create_variable(ada, body("two", "v")).await.expect_err("two do not");
        assert_eq!(refused.to_string(), "quota used up: variables: 1 in use, 1 more wanted, 1 allowed");
        assert_eq!(broker.variables(&ada.tenant, Names::ALL, &page(50, 0, &[])).await.expect("a list").total, 1);
    }
}
