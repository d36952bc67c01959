//! Uploads that are accepted, and what becomes of a module's DAGs.

use std::time::Duration;

use flow_broker::{ServiceError, Upload, UploadError};
use flow_model::ids::{DagId, ModuleName};
use flow_model::rest::Names;
use flow_model::rest::import_errors::ImportErrorFilter;
use flow_model::rest::modules::{RollbackBody, VersionState};
use flow_model::work::{AttemptEnd, ErrorClass, Failure, SourceLocation};
use flow_store::{dag, dag_version};
use flow_test_support::on_both;
use serde_json::{Value, json};

use crate::house::{House, not_found, page};

fn name(name: &str) -> ModuleName {
    name.parse().expect("a module's name")
}

/// A module with these DAGs of one task each; `release` makes other bytes of the same DAGs.
fn dags(ids: &[&str], release: &str) -> Value {
    let dag = |id: &&str| json!({"dag_id": id, "tasks": [{"task_id": "t", "function": release}]});
    Value::Array(ids.iter().map(dag).collect())
}

/// A DAG's number of versions, and whether it is stale.
async fn dag_of(house: &House, id: &str) -> Option<(u32, bool)> {
    let (tenant, id): (_, DagId) = (&house.ada.tenant, id.parse().expect("a DAG id"));
    let mut session = house.db.store.read().await.expect("a session");
    let found = dag::find(&mut session, tenant, &id).await.expect("a look")?;
    let latest = dag_version::latest(&mut session, tenant, &id).await.expect("a look").expect("a version");
    Some((latest.number, found.is_stale))
}

on_both! {
    async fn an_upload_makes_dags(db: TestStore) {
        let house = House::open(db).await;
        let uploaded = house.accept(&house.ada, "m", &dags(&["b", "a"], "1")).await;
        let shown: Vec<String> = uploaded.dags.iter().map(ToString::to_string).collect();
        assert_eq!((uploaded.version, shown), (1, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(dag_of(&house, "a").await, Some((1, false)));
        let details = house.broker.module_details(&house.ada.tenant, &name("m")).await.expect("the module");
        assert_eq!((details.module.version, details.module.digest), (Some(1), Some(uploaded.digest)));
        assert_eq!(details.imports, ["flow:host/log@0.1.0"]);
        assert!(not_found(house.broker.module_details(&house.eve.tenant, &name("m")).await));
        assert_eq!(house.audited(&house.ada).await, ["post_module"]);
    }

    async fn identical_bytes_change_nothing(db: TestStore) {
        let house = House::open(db).await;
        let first = house.accept(&house.ada, "m", &dags(&["a"], "1")).await;
        let again = house.upload(&house.ada, "m", &dags(&["a"], "1")).await;
        assert_eq!(again, Ok(Upload::Unchanged(first)));
        assert_eq!(dag_of(&house, "a").await, Some((1, false)));
        let versions = house.broker.module_versions(&house.ada.tenant, &name("m"), &page(50, 0, &[])).await;
        assert_eq!(versions.expect("a list").total, 1);
    }

    async fn a_new_version_replaces_the_dags_of_the_one_before(db: TestStore) {
        let house = House::open(db).await;
        house.accept(&house.ada, "m", &dags(&["a", "b"], "1")).await;
        house.accept(&house.ada, "m", &dags(&["b", "c"], "2")).await;
        assert_eq!(dag_of(&house, "a").await, Some((1, true)), "it vanished");
        assert_eq!(dag_of(&house, "b").await, Some((2, false)), "it changed");
        assert_eq!(dag_of(&house, "c").await, Some((1, false)), "it is new");
        house.accept(&house.ada, "m", &dags(&["a"], "1")).await;
        assert_eq!(dag_of(&house, "a").await, Some((2, false)), "it came back with another component");
    }

    async fn a_dag_belongs_to_one_module(db: TestStore) {
        let house = House::open(db).await;
        house.accept(&house.ada, "one", &dags(&["a"], "1")).await;
        house.accept(&house.eve, "one", &dags(&["a"], "1")).await;
        let refused = house.refusal(&house.ada, "two", &dags(&["b", "a"], "2")).await;
        assert_eq!(refused, r#"DAG "a" belongs to module "one"; choose another id, or delete that module first"#);
        assert_eq!(dag_of(&house, "b").await, None, "nothing is half-written");
        house.broker.delete_module(&house.ada, &name("one")).await.expect("it is there");
        house.accept(&house.ada, "two", &dags(&["a"], "3")).await;
        assert_eq!(dag_of(&house, "a").await, Some((2, false)));
    }

    async fn a_refused_version_leaves_the_current_one(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        house.accept(ada, "m", &dags(&["a"], "1")).await;
        assert_eq!(house.refusal(ada, "m", &json!([])).await, "the module describes no DAGs; give it at least one");
        let details = broker.module_details(&ada.tenant, &name("m")).await.expect("the module").module;
        assert_eq!((details.version, details.last_version), (Some(1), 2));
        assert_eq!(details.import_error.as_deref(), Some("the module describes no DAGs; give it at least one"));
        assert_eq!(dag_of(&house, "a").await, Some((1, false)));
        let errors = broker.import_errors(&ada.tenant, &ImportErrorFilter::default(), &page(50, 0, &[])).await.expect("a list");
        let error = errors.entries.first().expect("an import error");
        assert_eq!((errors.total, error.bundle_name.as_str(), error.filename.as_str()), (1, "m", "m"));
        assert_eq!(broker.import_error(&ada.tenant, error.import_error_id).await.as_ref(), Ok(error));
        assert!(not_found(broker.import_error(&house.eve.tenant, error.import_error_id).await));
        let (none, some) = (ImportErrorFilter::default, |text: &str| Some(text.to_owned()));
        for (filter, expected) in [
            (ImportErrorFilter { filename_pattern: some("M"), ..none() }, 1),
            (ImportErrorFilter { filename_pattern: some("m_"), ..none() }, 0),
            (ImportErrorFilter { filename_prefix_pattern: some("x|m"), ..none() }, 1),
            (ImportErrorFilter { filename_prefix_pattern: some("M"), ..none() }, 0),
            (ImportErrorFilter { bundle_name: some("m"), filename: some("m"), ..none() }, 1),
            (ImportErrorFilter { bundle_name: some("other"), ..none() }, 0),
        ] {
            let found = broker.import_errors(&ada.tenant, &filter, &page(50, 0, &["-timestamp"])).await.expect("a list");
            assert_eq!((found.total, found.entries.len() as u64), (expected, expected), "{filter:?}");
        }
        let versions = broker.module_versions(&ada.tenant, &name("m"), &page(50, 0, &[])).await.expect("a list");
        let states: Vec<_> = versions.entries.iter().map(|version| (version.state, version.is_current)).collect();
        assert_eq!(states, [(VersionState::Ready, true), (VersionState::Failed, false)]);

        house.accept(ada, "m", &dags(&["a"], "2")).await;
        assert_eq!(broker.import_errors(&ada.tenant, &ImportErrorFilter::default(), &page(50, 0, &[])).await.expect("a list").total, 0);
    }

    async fn what_admission_or_a_quota_refuses_is_not_stored(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let refused = house.upload_bytes(ada, "m", "no:wasi:http/types").await.expect_err("a forbidden import");
        assert_eq!(refused.code(), "forbidden-import");
        let quota = |json: Value| json.as_object().expect("an object").clone();
        broker.patch_quota(&house.platform, &ada.tenant, quota(json!({"component_bytes": 10}))).await.expect("a quota");
        let refused = house.upload(ada, "m", &dags(&["a"], "1")).await.expect_err("too large");
        let limit = ServiceError::TooLarge { what: "the component".to_owned(), limit: 10 };
        assert_eq!(refused, UploadError::Service(limit));
        let small = json!({"component_bytes": 1_000, "stored_bytes": 100, "modules": 1});
        broker.patch_quota(&house.platform, &ada.tenant, quota(small)).await.expect("a quota");
        assert_eq!(broker.modules(&ada.tenant, Names::ALL, &page(50, 0, &[])).await.expect("a list").total, 0);
        house.accept(ada, "m", &dags(&["a"], "1")).await;
        let refused = house.upload(ada, "n", &dags(&["b"], "1")).await.expect_err("one module is allowed");
        assert_eq!(refused.to_string(), "quota used up: modules: 1 in use, 1 more wanted, 1 allowed");
        let refused = house.upload(ada, "m", &dags(&["a"], "2")).await.expect_err("a hundred bytes are allowed");
        assert_eq!(refused.to_string(), "quota used up: stored_bytes: 57 in use, 57 more wanted, 100 allowed");
    }

    async fn the_dags_quota_counts_other_modules(db: TestStore) {
        let house = House::open(db).await;
        let quota = json!({"dags": 2}).as_object().expect("an object").clone();
        house.broker.patch_quota(&house.platform, &house.ada.tenant, quota).await.expect("a quota");
        house.accept(&house.ada, "m", &dags(&["a"], "1")).await;
        house.accept(&house.ada, "m", &dags(&["a", "b"], "2")).await;
        let refused = house.refusal(&house.ada, "n", &dags(&["c"], "1")).await;
        assert_eq!(refused, "quota used up: dags: 2 in use, 1 more wanted, 2 allowed");
    }

    async fn going_back_is_a_new_version_of_old_bytes(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let first = house.accept(ada, "m", &dags(&["a"], "1")).await;
        let none = broker.roll_back_module(ada, &name("m"), RollbackBody::default()).await.expect_err("none before");
        assert_eq!(none.to_string(), "module \"m\": no version before the current one was accepted");
        house.accept(ada, "m", &dags(&["a", "b"], "2")).await;
        let module = name("m");
        let back = tokio::join!(broker.roll_back_module(ada, &module, RollbackBody::default()), async {
            let work = house.claim(5_000).await.remove(0);
            house.finish(&work, AttemptEnd::Parsed { dags: dags(&["a"], "1").to_string() }).await;
        })
        .0
        .expect("there is an earlier version");
        assert_eq!((back.version, back.digest), (3, first.digest));
        assert_eq!((dag_of(&house, "a").await, dag_of(&house, "b").await), (Some((3, false)), Some((1, true))));
    }

    async fn what_the_guest_says_is_the_import_error(db: TestStore) {
        let house = House::open(db).await;
        let module = name("m");
        let at = |file: &str, line| Some(SourceLocation { file: file.to_owned(), line });
        for (class, location, expected, filename) in [
            (ErrorClass::Error, at("src/dags.rs", Some(7)), "no such table", "src/dags.rs:7"),
            (ErrorClass::CpuLimit, None, "the module could not describe its DAGs (cpu-limit): no such table", "m"),
        ] {
            let upload = house.broker.upload_module(&house.ada, &module, "x".into());
            let (refused, ()) = tokio::join!(upload, async {
                let work = house.claim(5_000).await.remove(0);
                let failure = Failure { class, message: "no such table".to_owned(), location };
                house.finish(&work, AttemptEnd::Failed(failure)).await;
            });
            assert_eq!(refused, Err(UploadError::Refused(expected.to_owned())));
            let errors = house.broker.import_errors(&house.ada.tenant, &ImportErrorFilter::default(), &page(50, 0, &[])).await;
            assert_eq!(errors.expect("a list").entries[0].filename, filename);
        }
    }

    async fn a_parse_that_is_overtaken_changes_no_dag(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        let (old_name, new_name) = (name("m"), name("m"));
        let old = broker.upload_module(ada, &old_name, "old".into());
        let (old, new) = tokio::join!(old, async {
            let old = house.claim(5_000).await.remove(0);
            let upload = broker.upload_module(ada, &new_name, "new".into());
            let (uploaded, ()) = tokio::join!(upload, async {
                let new = house.claim(5_000).await.remove(0);
                house.finish(&new, AttemptEnd::Parsed { dags: dags(&["new"], "1").to_string() }).await;
            });
            house.finish(&old, AttemptEnd::Parsed { dags: dags(&["old"], "1").to_string() }).await;
            uploaded
        });
        assert!(matches!((old, new), (Ok(Upload::Created(_)), Ok(Upload::Created(_)))));
        let details = broker.module_details(&ada.tenant, &name("m")).await.expect("the module").module;
        assert_eq!(details.version, Some(2));
        assert_eq!((dag_of(&house, "new").await, dag_of(&house, "old").await), (Some((1, false)), None));
    }

    async fn a_parse_whose_workers_vanish_fails_in_the_end(db: TestStore) {
        let house = House::open(db).await;
        let module = name("m");
        let upload = house.broker.upload_module(&house.ada, &module, "x".into());
        let (refused, ()) = tokio::join!(upload, async {
            for _ in 0..6 {
                assert_eq!(house.claim(5_000).await.len(), 1);
                house.clock.advance(Duration::from_secs(31));
                house.broker.tick().await.expect("a round of the timekeeper");
            }
            assert_eq!(house.claim(0).await, []);
        });
        let expected = "the module could not describe its DAGs (lost): the workers that parsed the module were not heard of again";
        assert_eq!(refused, Err(UploadError::Refused(expected.to_owned())));
    }

    async fn warnings_name_what_is_used_and_not_there(db: TestStore) {
        let house = House::open(db).await;
        let mut described = dags(&["a"], "1");
        described[0]["uses"] = json!({"variables": ["region", "pre_*"], "connections": ["warehouse"]});
        let uploaded = house.accept(&house.ada, "m", &described).await;
        assert_eq!(uploaded.warnings, [
            "variable \"region\" is used and does not exist yet",
            "connection \"warehouse\" is used and does not exist yet",
        ]);
        let details = house.broker.module_details(&house.ada.tenant, &name("m")).await.expect("the module");
        assert_eq!(details.uses.variables, ["pre_*", "region"]);
    }

    async fn a_deleted_module_leaves_no_bytes(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada) = (&house.broker, &house.ada);
        house.accept(ada, "m", &dags(&["a"], "1")).await;
        assert!(not_found(broker.delete_module(&house.eve, &name("m")).await), "it is not hers");
        broker.delete_module(ada, &name("m")).await.expect("it is there");
        assert!(not_found(broker.module_details(&ada.tenant, &name("m")).await));
        assert_eq!(dag_of(&house, "a").await, Some((1, true)));
        assert_eq!(broker.tenant_usage(&ada.tenant).await.expect("its usage").stored_bytes, 0);
        assert_eq!(house.accept(ada, "m", &dags(&["a"], "1")).await.version, 1);
    }
}
