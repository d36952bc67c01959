//! What task instances remember, as people see and change it.

use flow_broker::ServiceError;
use flow_model::call::{Call, Reply};
use flow_model::ids::{DagId, EntryKey, RunId, TaskId};
use flow_model::port::Broker;
use flow_model::rest::task_states::{TaskStateBody, TaskStatePatch};
use flow_model::rest::{JsonText, PageRequest};
use flow_model::time::Millis;
use flow_test_support::{Stage, on_both, spec};
use serde_json::json;

type Broken = Result<(), ServiceError>;

fn key(name: &str) -> EntryKey {
    name.parse().expect("a key")
}

fn text(value: &str) -> JsonText {
    JsonText::new(value.to_owned()).expect("it is JSON")
}

fn body(value: &str) -> TaskStateBody {
    TaskStateBody { value: text(value), expires_at: None }
}

async fn known(stage: &Stage<flow_broker::LocalBroker>) -> (DagId, RunId, TaskId) {
    let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [{"task_id": "t", "function": "f"}]}))).await;
    let run = stage.trigger(&dag).await;
    (dag, run, "t".parse().expect("a task id"))
}

on_both! {
    async fn people_and_the_guest_see_the_same(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run, task) = known(&stage).await;
        let (local, ada, instance) = (&stage.local, stage.admin(), ((&dag, &run), (&task, None)));
        let seen = async || {
            let page = local.task_states(&stage.tenant, instance, &PageRequest::default()).await.expect("a page");
            assert_eq!(page.total, page.entries.len() as u64);
            page.entries.into_iter().map(|one| format!("{}={}", one.key, one.value.as_str())).collect::<Vec<_>>()
        };
        local.put_task_state(&ada, instance, &key("row"), body("{\"b\": 1.10}")).await.expect("it is kept");
        let work = stage.claim_one().await;
        stage.port_start(&work).await;
        let call = async |call| stage.local.call(&work.grant, call).await;
        assert_eq!(call(Call::StateGet { key: key("row") }).await, Ok(Reply::Text("{\"b\": 1.10}".to_owned())));
        assert_eq!(call(Call::StateSet { key: key("words"), value: "no \"JSON\"".to_owned() }).await, Ok(Reply::Done));
        assert_eq!(seen().await, ["row={\"b\": 1.10}", "words=\"no \\\"JSON\\\"\""]);

        let patch = TaskStatePatch { value: text("[2]") };
        local.patch_task_state(&ada, instance, &key("row"), patch.clone()).await.expect("it is there");
        let absent = local.patch_task_state(&ada, instance, &key("other"), patch).await;
        assert!(matches!(absent, Err(ServiceError::NotFound { .. })), "{absent:?}");
        assert_eq!(call(Call::StateGet { key: key("row") }).await, Ok(Reply::Text("[2]".to_owned())));
        local.delete_task_state(&ada, instance, Some(&key("words"))).await.expect("it goes");
        local.delete_task_state(&ada, instance, Some(&key("words"))).await.expect("what is absent is no error");
        assert_eq!(seen().await, ["row=[2]"]);
        local.clear_task_states(&ada, (&dag, &run), &task).await.expect("it goes");
        assert_eq!(seen().await, [""; 0]);
    }

    async fn what_expires_goes_when_it_is_cleaned(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run, task) = known(&stage).await;
        let (local, ada, instance) = (&stage.local, stage.admin(), ((&dag, &run), (&task, None)));
        let now = stage.clock.now();
        let until = Some(Millis(now.0 + 1_000));
        for (name, expires_at) in [("kept", None), ("brief", until)] {
            local.put_task_state(&ada, instance, &key(name), TaskStateBody { expires_at, ..body("1") }).await.expect(name);
        }
        local.patch_task_state(&ada, instance, &key("brief"), TaskStatePatch { value: text("2") }).await.expect("it is there");
        let brief = local.task_state(&stage.tenant, instance, &key("brief")).await.expect("it is there");
        assert_eq!((brief.expires_at, brief.updated_at), (until, now), "another value leaves it its end");
        for (before, left) in [(Millis(now.0 + 1_000), 2), (Millis(now.0 + 1_001), 1)] {
            flow_broker::clean(&stage.db.store, before).await.expect("it is cleaned");
            let page = local.task_states(&stage.tenant, instance, &PageRequest::default()).await.expect("a page");
            assert_eq!(page.total, left);
        }
    }

    async fn what_cannot_be_remembered_is_refused(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run, task) = known(&stage).await;
        let (local, ada, instance) = (&stage.local, stage.admin(), ((&dag, &run), (&task, None)));
        let put = async |name: &str, value: &str| -> Broken {
            local.put_task_state(&ada, instance, &key(name), body(value)).await
        };
        let code = |outcome: Broken| outcome.map_err(|error| error.code());
        assert_eq!(code(put("k", "null").await), Err("invalid"));
        assert_eq!(code(put("k", &format!("{}{}", "[".repeat(129), "]".repeat(129))).await), Err("invalid"));
        assert_eq!(code(put("k", &format!("\"{}\"", "x".repeat(65_535))).await), Err("too-large"));
        for n in 0..1_000 {
            put(&format!("k{n}"), "1").await.expect("there is room");
        }
        assert_eq!(code(put("k", "1").await), Err("quota"));
        assert_eq!(code(put("k7", "2").await), Ok(()), "it is there already");
    }

    async fn what_another_tenants_tasks_remember_is_not_there(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run, task) = known(&stage).await;
        let (local, ada, instance) = (&stage.local, stage.admin(), ((&dag, &run), (&task, None)));
        local.put_task_state(&ada, instance, &key("row"), body("1")).await.expect("it is kept");
        let rival = stage.db.tenant("rival", stage.clock.now()).await;
        let eve = flow_broker::Actor { tenant: rival.clone(), ..ada };
        let absent = |outcome: Broken| assert!(matches!(outcome, Err(ServiceError::NotFound { .. })), "{outcome:?}");
        absent(local.task_states(&rival, instance, &PageRequest::default()).await.map(drop));
        absent(local.task_state(&rival, instance, &key("row")).await.map(drop));
        absent(local.put_task_state(&eve, instance, &key("row"), body("2")).await);
        absent(local.patch_task_state(&eve, instance, &key("row"), TaskStatePatch { value: text("2") }).await);
        absent(local.delete_task_state(&eve, instance, None).await);
        absent(local.clear_task_states(&eve, (&dag, &run), &task).await);
        let kept = local.task_state(&stage.tenant, instance, &key("row")).await.expect("it is there");
        assert_eq!(kept.value, text("1"));
    }
}
