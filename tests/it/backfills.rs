//! Backfills: what they would make, in which order they do, how they pause and end, and what they run again.

use flow_tests::{Client, component, reworded};
use serde_json::{Value, json};

use crate::database::{Database, Stage, on_both_databases};

on_both_databases!(a_backfill_goes_backwards_pauses_and_is_cancelled, a_backfill_runs_again_what_it_is_told_to);

/// A tenant with the DAG to backfill, whose pool has so many slots.
async fn with_archive(stage: &Stage, slots: u32) -> Client {
    let tenant = stage.host.tenant("acme").await;
    tenant.post("/api/v2/pools", &json!({ "name": "archive", "slots": slots })).await.expect(201);
    tenant.upload("past", component("past")).await.expect(201);
    tenant
}

async fn open(tenant: &Client, slots: u32) {
    tenant.patch("/api/v2/pools/archive", &json!({ "slots": slots })).await.expect(200);
}

/// The first days of January 2020, up to this one, to be backfilled like this.
fn until(day: u32, more: &Value) -> Value {
    let to_date = format!("2020-01-{day:02}T00:00:00Z");
    let mut body = json!({ "dag_id": "archive", "from_date": "2020-01-01T00:00:00Z", "to_date": to_date });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

/// The days of the month that runs stand for.
fn days(runs: &Value) -> Vec<u32> {
    let dates = runs.as_array().expect("a list").iter().map(|run| run["logical_date"].as_str().expect("a date"));
    dates.map(|date| date["2020-01-".len()..][..2].parse().expect("a day")).collect()
}

/// The days that a backfill would make runs for, and those of them that it would run again.
async fn planned(tenant: &Client, body: &Value) -> (Vec<u32>, Vec<u32>) {
    let plan = tenant.post("/api/v2/backfills/dry_run", body).await.expect(200);
    let runs = plan["backfills"].as_array().expect("a list").iter();
    let again: Vec<&Value> = runs.filter(|run| run["reprocesses"] == true).collect();
    (days(&plan["backfills"]), days(&json!(again)))
}

async fn begin(tenant: &Client, body: &Value) -> i64 {
    let backfill = tenant.post("/api/v2/backfills", body).await.expect(200);
    backfill["id"].as_i64().expect("a number")
}

async fn backfill(tenant: &Client, id: i64) -> Value {
    tenant.get(format!("/api/v2/backfills/{id}")).await.expect(200)
}

/// Looks until so many runs of a backfill wait, have begun, and have ended.
async fn comes_to(tenant: &Client, id: i64, expected: [u64; 3]) {
    let of = |progress: &Value| ["waiting", "active", "ended"].map(|name| progress[name].as_u64().expect("a number"));
    while of(&backfill(tenant, id).await["progress"]) != expected {}
}

/// The runs that backfills have made, from the first day to the last.
async fn made(tenant: &Client) -> Value {
    let path = "/api/v2/dags/archive/dagRuns?run_type=backfill&order_by=logical_date";
    tenant.get(path).await.expect(200)["dag_runs"].clone()
}

async fn succeeds(tenant: &Client, run: &Value) {
    let id = run["dag_run_id"].as_str().expect("an id");
    assert_eq!(tenant.wait("archive", id).await, "success");
}

async fn a_backfill_goes_backwards_pauses_and_is_cancelled(database: Database) {
    let stage = database.stage(&[]);
    let tenant = with_archive(&stage, 0).await;
    let body = until(4, &json!({ "run_backwards": true, "max_active_runs": 1 }));
    assert_eq!(planned(&tenant, &body).await.0, [4, 3, 2, 1]);
    assert_eq!(tenant.get("/api/v2/backfills").await.expect(200)["total_entries"], 0, "a dry run makes nothing");

    let id = begin(&tenant, &body).await;
    comes_to(&tenant, id, [3, 1, 0]).await;
    tenant.post("/api/v2/backfills", &body).await.expect(409);
    let paused = tenant.put(format!("/api/v2/backfills/{id}/pause")).await.expect(200);
    assert_eq!(paused["is_paused"], true);
    open(&tenant, 1).await;
    succeeds(&tenant, &made(&tenant).await[0]).await;
    let other = tenant.trigger("archive", json!({})).await;
    assert_eq!(tenant.wait("archive", &other).await, "success", "the DAG itself is not paused");
    comes_to(&tenant, id, [3, 0, 1]).await;
    assert_eq!(days(&made(&tenant).await), [4]);

    open(&tenant, 0).await;
    tenant.put(format!("/api/v2/backfills/{id}/unpause")).await.expect(200);
    comes_to(&tenant, id, [2, 1, 1]).await;
    let cancelled = tenant.put(format!("/api/v2/backfills/{id}/cancel")).await.expect(200);
    assert!(cancelled["completed_at"].is_string(), "{cancelled}");
    tenant.put(format!("/api/v2/backfills/{id}/cancel")).await.expect(409);
    open(&tenant, 1).await;
    succeeds(&tenant, &made(&tenant).await[0]).await;
    comes_to(&tenant, id, [2, 0, 2]).await;
    assert_eq!(days(&made(&tenant).await), [3, 4], "what has begun goes on, and nothing else begins");
}

/// What the runs of backfills have found, from the first day to the last, after a further backfill has ended.
async fn found_by(tenant: &Client, body: &Value) -> Vec<String> {
    let id = begin(tenant, body).await;
    while backfill(tenant, id).await["completed_at"].is_null() {}
    let mut found = Vec::new();
    for run in made(tenant).await.as_array().expect("a list") {
        let id = run["dag_run_id"].as_str().expect("an id");
        let text = tenant.result("archive", id, "count").await;
        found.push(text.as_str().expect("a text").replace("2020-01-", "").replace(" way to count", ""));
    }
    found
}

async fn a_backfill_runs_again_what_it_is_told_to(database: Database) {
    let stage = database.stage(&[]);
    let tenant = with_archive(&stage, 16).await;
    assert_eq!(found_by(&tenant, &until(3, &json!({}))).await, ["01, the first", "02, the first", "03, the first"]);
    let second = made(&tenant).await[1]["dag_run_id"].as_str().expect("an id").to_owned();
    tenant.patch(format!("/api/v2/dags/archive/dagRuns/{second}"), &json!({ "state": "failed" })).await.expect(200);
    for (behavior, plan) in [
        ("none", (vec![4], vec![])),
        ("failed", (vec![2, 4], vec![2])),
        ("completed", (vec![1, 2, 3, 4], vec![1, 2, 3])),
    ] {
        let body = until(4, &json!({ "reprocess_behavior": behavior }));
        assert_eq!(planned(&tenant, &body).await, plan, "{behavior}");
    }

    let changed = reworded(&component("past"), "the first way to count", "the other way to count");
    tenant.upload("past", changed).await.expect(201);
    let own = until(4, &json!({ "reprocess_behavior": "failed", "run_on_latest_version": false }));
    let found = found_by(&tenant, &own).await;
    assert_eq!(found, ["01, the first", "02, the first", "03, the first", "04, the other"], "each keeps its own");
    let latest = until(3, &json!({ "reprocess_behavior": "completed" }));
    let found = found_by(&tenant, &latest).await;
    assert_eq!(found, ["01, the other", "02, the other", "03, the other", "04, the other"]);
}
