//! States: each that a task instance can be held in, as lists and single answers show it, and what ends all of them.

use flow_tests::{Client, component, reworded};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(every_state_is_shown_and_ended);

/// The states that task instances of the run stay in, each held by the task that is named after it.
const HELD: [&str; 12] = [
    "none",
    "scheduled",
    "queued",
    "running",
    "up_for_retry",
    "up_for_reschedule",
    "deferred",
    "awaiting_input",
    "success",
    "failed",
    "skipped",
    "upstream_failed",
];

/// The tasks whose instances a list of those in this state names.
async fn listed(tenant: &Client, run: &str, state: &str) -> Vec<String> {
    let path = format!("/api/v2/dags/states/dagRuns/{run}/taskInstances?state={state}");
    let list = tenant.get(path).await.expect(200);
    let tasks = list["task_instances"].as_array().expect("a list").iter();
    tasks.map(|task| task["task_id"].as_str().expect("an id").to_owned()).collect()
}

async fn every_state_is_shown_and_ended(database: Database) {
    let stage = database.stage(&["--workers", "1"]);
    let tenant = stage.host.tenant("acme").await;
    tenant.post("/api/v2/pools", &json!({ "name": "closed", "slots": 0 })).await.expect(201);
    tenant.upload("states", component("states")).await.expect(201);
    let pause = async |is_paused: bool| {
        tenant.patch("/api/v2/dags/states", &json!({ "is_paused": is_paused })).await.expect(200);
    };
    pause(true).await;
    let run = tenant.trigger("states", json!({})).await;
    // With no slot left, there will be none to look into a further version.
    let changed = reworded(&component("states"), "up_for_reschedule", "looks_once_a_hour");
    tenant.upload("states", changed).await.expect(201);
    pause(false).await;
    let all = HELD.map(|state| format!("{state}={state}")).join(" ");
    tenant.reaches("states", &run, &all).await;
    for state in HELD {
        assert_eq!(listed(&tenant, &run, state).await, [state]);
        let shown = tenant.get(format!("/api/v2/dags/states/dagRuns/{run}/taskInstances/{state}")).await.expect(200);
        let name = if state == "none" { Value::Null } else { state.into() };
        assert_eq!(shown["state"], name, "Airflow has no name for a task instance that nothing has happened to");
    }

    let clear = json!({ "dry_run": false, "only_failed": false, "task_ids": ["running"], "dag_run_id": run });
    tenant.post("/api/v2/dags/states/clearTaskInstances", &clear).await.expect(200);
    let running = format!("/api/v2/dags/states/dagRuns/{run}/taskInstances/running");
    loop {
        let again = tenant.get(&running).await.expect(200);
        assert_ne!(again["state"], "restarting", "what is cleared while it runs is fenced at once");
        if (&again["state"], &again["try_number"]) == (&json!("running"), &json!(2)) {
            break;
        }
    }

    let latest = json!({ "dry_run": false, "only_new": true });
    tenant.post(format!("/api/v2/dags/states/dagRuns/{run}/clear"), &latest).await.expect(200);
    assert_eq!(listed(&tenant, &run, "removed").await, ["up_for_reschedule"]);

    tenant.patch(format!("/api/v2/dags/states/dagRuns/{run}"), &json!({ "state": "failed" })).await.expect(200);
    assert_eq!(tenant.wait("states", &run).await, "failed");
    let ended = "awaiting_input=skipped deferred=skipped failed=failed looks_once_a_hour=skipped none=skipped \
        queued=skipped running=failed scheduled=skipped skipped=skipped success=success up_for_reschedule=removed \
        up_for_retry=skipped upstream_failed=upstream_failed";
    assert_eq!(tenant.states("states", &run).await, ended);
}
