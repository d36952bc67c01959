//! Assets, end to end: runs made for updates, with all of them, by hand and part by part; and sharing between tenants.

use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(runs_are_made_when_data_is_there, parts_have_runs_of_their_own, tenants_share_what_both_agree_on);

/// The runs of a DAG, oldest first, once there are so many and all have ended.
async fn runs(tenant: &Client, dag: &str, count: u64) -> Vec<Value> {
    loop {
        let list = tenant.get(format!("/api/v2/dags/{dag}/dagRuns?order_by=id")).await.expect(200);
        let runs = list["dag_runs"].as_array().expect("a list");
        assert!(list["total_entries"].as_u64() <= Some(count), "{dag}: {list}");
        if list["total_entries"] == count && runs.iter().all(|run| run["state"] == "success") {
            return runs.clone();
        }
    }
}

/// The assets whose updates the runs of a DAG were made for, by name.
async fn updates(tenant: &Client, dag: &str) -> Vec<String> {
    let list = tenant.get(format!("/api/v2/dags/{dag}/dagRuns")).await.expect(200);
    let mut names = Vec::new();
    for run in list["dag_runs"].as_array().expect("a list") {
        let events =
            tenant.get(format!("/api/v2/dags/{dag}/dagRuns/{}/upstreamAssetEvents", id(run))).await.expect(200);
        let events = events["asset_events"].as_array().expect("a list").iter();
        names.extend(events.map(|event| event["name"].as_str().expect("a name").to_owned()));
    }
    names.sort_unstable();
    names
}

fn id(run: &Value) -> &str {
    run["dag_run_id"].as_str().expect("a run id")
}

async fn asset(tenant: &Client, name: &str) -> i64 {
    let list = tenant.get(format!("/api/v2/assets?name_pattern={name}")).await.expect(200);
    list["assets"][0]["id"].as_i64().expect("an asset")
}

async fn update(tenant: &Client, asset: i64, extra: Value) -> Value {
    tenant.post("/api/v2/assets/events", &json!({ "asset_id": asset, "extra": extra })).await.expect(200)
}

async fn runs_are_made_when_data_is_there(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("assets", component("assets")).await.expect(201);
    let made = tenant.trigger("assets", json!({ "rows": 3 })).await;
    assert_eq!(tenant.wait("assets", &made).await, "success");
    let report = &runs(&tenant, "assets_report", 1).await[0];
    assert_eq!((&report["run_type"], &report["triggered_by"]), (&json!("asset_triggered"), &json!("asset")));
    assert_eq!(tenant.result("assets_report", id(report), "count_rows").await, 3);
    let upstream = format!("/api/v2/dags/assets_report/dagRuns/{}/upstreamAssetEvents", id(report));
    let events = tenant.get(upstream).await.expect(200);
    let events = events["asset_events"].as_array().expect("a list");
    let event = events.iter().find(|event| event["name"] == "orders").expect("an event of it");
    assert_eq!((events.len(), &event["extra"]), (2, &json!({"rows": 3})));
    assert_eq!((&event["source_run_id"], &event["source_task_id"]), (&json!(made), &json!("load_orders")));
    assert_eq!(event["created_dagruns"].as_array().map(Vec::len), Some(1));
    // In one run or in two: the prices may come a moment before the file, which is told of under its alias.
    while updates(&tenant, "assets_any").await != ["file_1", "prices"] {}

    // By hand: what one half waits for is kept, and the run gets all of it.
    let orders = asset(&tenant, "orders").await;
    for rows in [4, 5] {
        let event = update(&tenant, orders, json!({ "rows": rows })).await;
        assert_eq!(event["extra"], json!({"from_rest_api": true, "rows": rows}));
    }
    let queued = tenant.get("/api/v2/dags/assets_report/assets/queuedEvents").await.expect(200);
    assert_eq!(queued["queued_events"][0]["asset_id"], orders);
    update(&tenant, asset(&tenant, "prices").await, json!({})).await;
    let reports = runs(&tenant, "assets_report", 2).await;
    assert_eq!(tenant.result("assets_report", id(&reports[1]), "count_rows").await, 9);
    tenant.get("/api/v2/dags/assets_report/assets/queuedEvents").await.expect(404);
    let again = tenant.post(format!("/api/v2/assets/{orders}/materialize"), &json!({})).await.expect(200);
    assert_eq!((&again["dag_id"], &again["run_type"]), (&json!("assets"), &json!("asset_materialization")));
    assert_eq!(again["triggering_user_name"], "admin");
}

async fn parts_have_runs_of_their_own(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("assets", component("assets")).await.expect(201);
    for (n, day) in (1..).zip(["2026-01-26", "2026-01-29"]) {
        let made = tenant.trigger("assets", json!({ "day": day })).await;
        assert_eq!(tenant.wait("assets", &made).await, "success");
        let daily = runs(&tenant, "assets_daily", n).await;
        let run = daily.iter().find(|run| run["partition_key"] == day).expect("a run for the day");
        assert_eq!(tenant.result("assets_daily", id(run), "report_day").await, day);
    }
    let weekly = runs(&tenant, "assets_weekly", 1).await;
    assert_eq!(weekly[0]["partition_key"], "2026-01-26 (W05)");
    let upstream = format!("/api/v2/dags/assets_weekly/dagRuns/{}/upstreamAssetEvents", id(&weekly[0]));
    assert_eq!(tenant.get(upstream).await.expect(200)["total_entries"], 2);
}

async fn tenants_share_what_both_agree_on(database: Database) {
    let stage = database.stage(&[]);
    let owner = stage.host.tenant("acme").await;
    owner.upload("assets", component("assets")).await.expect(201);
    let (friend, stranger) = (stage.host.tenant("beta").await, stage.host.tenant("gamma").await);
    let orders = asset(&owner, "orders").await;
    for other in [&friend, &stranger] {
        other.get(format!("/api/v2/assets/{orders}")).await.expect(404);
        other.post("/api/v2/assets/events", &json!({ "asset_id": orders })).await.expect(404);
        other.post(format!("/api/v2/assets/{orders}/grants"), &json!({ "to_tenant": "gamma" })).await.expect(404);
        other.post(format!("/api/v2/assets/{orders}/materialize"), &json!({})).await.expect(404);
    }
    let offer =
        owner.post(format!("/api/v2/assets/{orders}/grants"), &json!({ "to_tenant": "beta" })).await.expect(201);
    let grant = offer["id"].as_i64().expect("a number");
    update(&owner, orders, json!({ "rows": 1 })).await;
    assert_eq!(friend.get("/api/v2/assets/events").await.expect(200)["total_entries"], 0, "an offer is not enough");
    stranger.post(format!("/api/v2/assetGrants/{grant}/accept"), &json!({})).await.expect(404);
    assert_eq!(stranger.get("/api/v2/assetGrants").await.expect(200)["total_entries"], 0);

    let accepted = friend.post(format!("/api/v2/assetGrants/{grant}/accept"), &json!({})).await.expect(200);
    assert_eq!((&accepted["from_tenant"], &accepted["local_name"]), (&json!("acme"), &json!("acme/orders")));
    friend.get(format!("/api/v2/assets/{orders}")).await.expect(404);
    update(&owner, orders, json!({ "rows": 2 })).await;
    let seen = friend.get("/api/v2/assets/events").await.expect(200);
    let event = &seen["asset_events"][0];
    assert_eq!(
        (&seen["total_entries"], &event["name"], &event["extra"]["rows"]),
        (&json!(1), &json!("acme/orders"), &json!(2))
    );
    assert_eq!(event["source_dag_id"], Value::Null);
    let local = accepted["local_asset_id"].clone();
    friend.post("/api/v2/assets/events", &json!({ "asset_id": local })).await.expect(409);

    friend.delete(format!("/api/v2/assetGrants/{grant}")).await.expect(204);
    update(&owner, orders, json!({ "rows": 3 })).await;
    assert_eq!(friend.get("/api/v2/assets/events").await.expect(200)["total_entries"], 1, "nothing more is shared");
    assert_eq!(stranger.get("/api/v2/assets/events").await.expect(200)["total_entries"], 0);
}
