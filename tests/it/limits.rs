//! Slots: a pool that is missing, too small, and then large enough; nobody ever takes one that is taken.

use flow_model::time::Millis;
use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, Stage, on_both_databases};

on_both_databases!(
    nobody_begins_without_a_slot,
    runs_and_tasks_keep_to_their_limits,
    weights_add_up_by_three_rules,
    who_is_deferred_keeps_its_slot_where_the_pool_says_so,
);

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

/// A tenant with this module, and a pool `crm` without slots.
async fn with_module(stage: &Stage, module: &str) -> Client {
    let tenant = stage.host.tenant("acme").await;
    tenant.post("/api/v2/pools", &json!({ "name": "crm", "slots": 0 })).await.expect(201);
    tenant.upload(module, component(module)).await.expect(201);
    tenant
}

/// The task instances of a run that took a slot of `crm`, or of any pool, in the order in which they began.
async fn spells(tenant: &Client, dag: &str, run: &str) -> Vec<Spell> {
    let list = tenant.get(format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?limit=100")).await.expect(200);
    let functions = list["task_instances"].as_array().expect("a list").iter();
    let mut spells: Vec<Spell> = functions.filter(|one| one["hostname"].is_string()).map(Spell::of).collect();
    spells.sort_by_key(|spell| spell.begin);
    spells
}

/// Those of tasks whose ids begin so.
fn all_of<'s>(spells: &'s [Spell], task: &str) -> Vec<&'s Spell> {
    spells.iter().filter(|spell| spell.task.starts_with(task)).collect()
}

/// The most of these that ran at one instant.
fn most_at_once(spells: &[&Spell]) -> usize {
    spells.iter().map(|one| spells.iter().filter(|other| other.covers(one.begin)).count()).max().unwrap_or(0)
}

async fn runs_and_tasks_keep_to_their_limits(database: Database) {
    let stage = database.stage(&[]);
    let tenant = with_module(&stage, "limits").await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(tenant.trigger("limits", json!({ "hold_ms": 20 })).await);
    }
    let details = tenant.get("/api/v2/dags/limits/details").await.expect(200);
    assert_eq!((&details["max_active_runs"], &details["max_active_tasks"]), (&json!(2), &json!(4)));
    let mut states = Vec::new();
    for run in &runs {
        states.push(tenant.get(format!("/api/v2/dags/limits/dagRuns/{run}")).await.expect(200)["state"].clone());
    }
    assert_eq!(states, ["running", "running", "queued"], "two runs at once");

    tenant.patch("/api/v2/pools/crm", &json!({ "slots": 100 })).await.expect(200);
    let mut all = Vec::new();
    for run in &runs {
        assert_eq!(tenant.wait("limits", run).await, "success");
        let spells = spells(&tenant, "limits", run).await;
        assert_eq!(spells.len(), 4 + 3 + 1);
        assert!(most_at_once(&all_of(&spells, "")) <= 4, "max_active_tasks");
        assert_eq!(most_at_once(&all_of(&spells, "export")), 1, "max_active_tis_per_dagrun");
        all.extend(spells);
    }
    assert_eq!(most_at_once(&all_of(&all, "index")), 1, "max_active_tis_per_dag");
}

async fn weights_add_up_by_three_rules(database: Database) {
    let stage = database.stage(&[]);
    let tenant = with_module(&stage, "limits").await;
    let run = tenant.trigger("limits_order", json!({})).await;
    let instances = format!("/api/v2/dags/limits_order/dagRuns/{run}/taskInstances");
    let order = [("before_three", 4), ("after_two", 3), ("alone", 1)];
    for (task, weight) in order {
        let instance = tenant.get(format!("{instances}/{task}")).await.expect(200);
        assert_eq!((&instance["state"], &instance["priority_weight"]), (&json!("scheduled"), &json!(weight)), "{task}");
    }
    tenant.patch("/api/v2/pools/crm", &json!({ "slots": 1 })).await.expect(200);
    assert_eq!(tenant.wait("limits_order", &run).await, "success");
    let begun = spells(&tenant, "limits_order", &run).await;
    assert_eq!(begun.iter().map(|spell| spell.task.as_str()).collect::<Vec<_>>(), order.map(|(task, _)| task));
}

async fn who_is_deferred_keeps_its_slot_where_the_pool_says_so(database: Database) {
    let stage = database.stage(&[]);
    let tenant = with_module(&stage, "waiting").await;
    let pool = "/api/v2/pools/default_pool";
    tenant.patch(pool, &json!({ "slots": 1, "include_deferred": true })).await.expect(200);
    let run = tenant.trigger("waiting", json!({ "looks": 1_000_000 })).await;
    let instances = format!("/api/v2/dags/waiting/dagRuns/{run}/taskInstances");
    let state = async |task: &str| tenant.get(format!("{instances}/{task}")).await.expect(200)["state"].clone();
    while (state("run_job").await, state("file_is_there").await) != (json!("deferred"), json!("scheduled")) {}
    let full = tenant.get(pool).await.expect(200);
    assert_eq!(
        (&full["occupied_slots"], &full["deferred_slots"], &full["open_slots"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let why = tenant.get(format!("{instances}/file_is_there/dependencies")).await.expect(200);
    assert_eq!(why["dependencies"][0]["name"], "Pool Slots Available");

    tenant.patch(pool, &json!({ "include_deferred": false })).await.expect(200);
    while state("file_is_there").await != "up_for_reschedule" {}
    assert_eq!(state("run_job").await, "deferred");
    tenant.patch(format!("/api/v2/dags/waiting/dagRuns/{run}"), &json!({ "state": "failed" })).await.expect(200);
    assert_eq!(tenant.wait("waiting", &run).await, "failed");
    let free = tenant.get(pool).await.expect(200);
    assert_eq!((&free["occupied_slots"], &free["deferred_slots"]), (&json!(0), &json!(0)));
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

/// What is wrong with the DAG `limits`.
async fn warnings(tenant: &Client) -> Vec<String> {
    let list = tenant.get("/api/v2/dagWarnings?dag_id=limits").await.expect(200);
    let warnings = list["dag_warnings"].as_array().expect("a list").iter();
    warnings.map(|warning| warning["message"].as_str().expect("a text").to_owned()).collect()
}
