//! What ends before its time: by a first failure, by a limit for the run, by one for a try. What was set up is undone.

use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(a_run_ends_early_and_cleans_up, a_try_has_one_budget_before_and_after_its_wait);

async fn a_run_ends_early_and_cleans_up(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("stops", component("stops")).await.expect(201);
    let late = tenant.trigger("too_long", json!({})).await;

    let run = tenant.trigger("first_failure", json!({})).await;
    tenant.reaches("first_failure", &run, "asked=awaiting_input wait=deferred work=running").await;
    let question = format!("/api/v2/dags/first_failure/dagRuns/{run}/taskInstances/asked/-1/hitlDetails");
    tenant.patch(question, &json!({ "chosen_options": ["OK"] })).await.expect(200);
    assert_eq!(tenant.wait("first_failure", &run).await, "failed");
    let ended = "asked=success give_up=failed later=skipped set_up=success tear_down=success wait=skipped work=failed";
    assert_eq!(tenant.states("first_failure", &run).await, ended);
    assert_eq!(tenant.result("first_failure", &run, "tear_down").await, "no scratch space");

    assert_eq!(tenant.wait("too_long", &late).await, "failed");
    let ended = "later=skipped set_up=success tear_down=success wait=skipped work=skipped";
    assert_eq!(tenant.states("too_long", &late).await, ended);
    let ran = tenant.get(format!("/api/v2/dags/too_long/dagRuns/{late}")).await.expect(200);
    assert!(ran["duration"].as_f64().is_some_and(|seconds| seconds >= 3.0), "not before its limit: {ran}");
    while tenant.get("/api/v2/variables/too_long").await.status != 200 {}
    assert_eq!(tenant.get("/api/v2/variables/too_long").await.expect(200)["value"], "failed");
}

/// How the task ends that works, waits, and works for so many milliseconds: its state and the class of its failure.
async fn in_two_parts(tenant: &Client, [first, wait, then]: [u64; 3]) -> (String, Value) {
    let run = tenant.trigger("budget", json!({ "first_ms": first, "wait_ms": wait, "then_ms": then })).await;
    let state = tenant.wait("budget", &run).await;
    let path = format!("/api/v2/dags/budget/dagRuns/{run}/taskInstances/in_two_parts");
    let task = tenant.get(path).await.expect(200);
    assert_eq!(task["try_number"], 1);
    (state, task["error_class"].clone())
}

async fn a_try_has_one_budget_before_and_after_its_wait(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("stops", component("stops")).await.expect(201);
    let [waits, works, stays] = [[0, 1_500, 0], [700, 1, 700], [0, 1, 60_000]];
    assert_eq!(in_two_parts(&tenant, waits).await, ("success".to_owned(), Value::Null), "waiting takes nothing of it");
    let timed_out = ("failed".to_owned(), json!("timeout"));
    assert_eq!(in_two_parts(&tenant, works).await, timed_out, "either part alone would have been in time");
    assert_eq!(in_two_parts(&tenant, stays).await, timed_out);
}
