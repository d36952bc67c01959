//! Runs that wait for the run before: for a task's own success there, or for all that followed it.

use flow_tests::{Client, component};
use serde_json::json;

use crate::database::{Database, on_both_databases};

on_both_databases!(a_run_waits_for_the_one_before);

/// Begins the run of a DAG for a day of a month; the task `fails` does, if there is one.
async fn run(tenant: &Client, dag: &str, day: u32, fails: Option<&str>) -> String {
    tenant.trigger_for(&format!("2026-01-{day:02}T00:00:00Z"), dag, json!({ "fail": fails })).await
}

/// Marks a task instance as a success.
async fn mark(tenant: &Client, dag: &str, run: &str, task: &str) {
    let path = format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}");
    tenant.patch(path, &json!({ "new_state": "success" })).await.expect(200);
}

async fn a_run_waits_for_the_one_before(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("past", component("past")).await.expect(201);
    for (dag, culprit) in [("past", "load"), ("past_downstream", "publish")] {
        let first = run(&tenant, dag, 1, Some(culprit)).await;
        assert_eq!(tenant.wait(dag, &first).await, "failed");
        let second = run(&tenant, dag, 2, None).await;
        let third = run(&tenant, dag, 3, None).await;
        assert_eq!(tenant.states(dag, &second).await, "load=none publish=none", "{dag}");
        let why = format!("/api/v2/dags/{dag}/dagRuns/{second}/taskInstances/load/dependencies");
        let why = tenant.get(why).await.expect(200);
        assert_eq!(why["dependencies"][0]["name"], "Previous Dagrun State", "{dag}: {why}");
        mark(&tenant, dag, &first, culprit).await;
        for run in [second, third] {
            assert_eq!(tenant.wait(dag, &run).await, "success", "{dag}");
        }
    }
    let fourth = run(&tenant, "past", 4, Some("publish")).await;
    assert_eq!(tenant.wait("past", &fourth).await, "failed");
    let fifth = run(&tenant, "past", 5, None).await;
    assert_eq!(tenant.wait("past", &fifth).await, "success", "what follows the task in the run before matters nothing");
}
