//! Slots: a pool that is missing, too small, and then large enough; nobody ever takes one that is taken.

use flow_model::time::Millis;
use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(nobody_begins_without_a_slot);

async fn nobody_begins_without_a_slot(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    let upload = tenant.upload("limits", component("limits")).await.expect(201);
    assert_eq!(upload["warnings"], json!(["pool \"crm\" is used and does not exist yet"]));
    assert_eq!(warnings(&tenant).await, ["a task waits for ever: pool \"crm\" does not exist; create it"]);
    let run = tenant.trigger("limits", json!({ "hold_ms": 20 })).await;
    let instances = format!("/api/v2/dags/limits/dagRuns/{run}/taskInstances");
    let why = tenant.get(format!("{instances}/call_1/dependencies")).await.expect(200);
    assert_eq!(why["dependencies"][0]["reason"], "pool \"crm\" does not exist; create it");

    tenant.post("/api/v2/pools", &json!({ "name": "crm", "slots": 0 })).await.expect(201);
    assert_eq!(warnings(&tenant).await, ["a task waits for ever: it takes 2 slots, and pool \"crm\" has 0 in all"]);
    tenant.patch("/api/v2/pools/crm", &json!({ "slots": 2 })).await.expect(200);
    assert_eq!(tenant.wait("limits", &run).await, "success");

    let list = tenant.get(&instances).await.expect(200);
    let ended: Vec<Spell> = list["task_instances"].as_array().expect("a list").iter().map(Spell::of).collect();
    let in_pool: Vec<&Spell> = ended.iter().filter(|spell| spell.pool == "crm").collect();
    assert_eq!(in_pool.iter().map(|spell| spell.slots).sum::<u64>(), 4 + 3 * 2);
    for spell in &in_pool {
        let at_once: u64 = in_pool.iter().filter(|other| other.covers(spell.begin)).map(|other| other.slots).sum();
        assert!(at_once <= 2, "{at_once} slots were taken when {} began", spell.task);
    }
    let mut calls: Vec<&Spell> = ended.iter().filter(|spell| spell.task.starts_with("call_")).collect();
    calls.sort_by_key(|spell| spell.begin);
    let mut first: Vec<&str> = calls[..2].iter().map(|spell| spell.task.as_str()).collect();
    first.sort_unstable();
    assert_eq!(first, ["call_3", "call_4"], "the weightier began first");
    let pool = tenant.get("/api/v2/pools/crm").await.expect(200);
    assert_eq!((&pool["occupied_slots"], &pool["scheduled_slots"]), (&json!(0), &json!(0)));
    assert_eq!(warnings(&tenant).await, [""; 0]);
}

/// When a task instance ran, and what it took.
struct Spell {
    task: String,
    pool: String,
    slots: u64,
    begin: Millis,
    end: Millis,
}

impl Spell {
    fn of(instance: &Value) -> Self {
        let text = |name: &str| instance[name].as_str().expect("a text").to_owned();
        let instant = |name: &str| text(name).parse().expect("an instant");
        Self {
            task: text("task_id"),
            pool: text("pool"),
            slots: instance["pool_slots"].as_u64().expect("a number"),
            begin: instant("start_date"),
            end: instant("end_date"),
        }
    }

    /// Whether it ran at an instant, its end not included.
    fn covers(&self, instant: Millis) -> bool {
        self.begin <= instant && instant < self.end
    }
}

async fn warnings(tenant: &Client) -> Vec<String> {
    let list = tenant.get("/api/v2/dagWarnings").await.expect(200);
    let warnings = list["dag_warnings"].as_array().expect("a list").iter();
    warnings.map(|warning| warning["message"].as_str().expect("a text").to_owned()).collect()
}
