//! Mapped tasks: their instances by index and by name, and what becomes of them when what they are mapped over is another list.

use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(
    instances_are_found_by_index_and_by_name,
    a_list_shrinks_grows_and_is_empty_when_it_is_made_again,
    many_instances_are_expanded_run_and_joined,
);

/// The path of something of a run of `mapping`.
fn path(run: &str, rest: &str) -> String {
    format!("/api/v2/dags/mapping/dagRuns/{run}/taskInstances/{rest}")
}

/// A member of every entry.
fn each(list: &Value, member: &str) -> Vec<Value> {
    list["task_instances"].as_array().expect("a list").iter().map(|entry| entry[member].clone()).collect()
}

async fn instances_are_found_by_index_and_by_name(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("mapping", component("mapping")).await.expect(201);
    let run = tenant.trigger("mapping", json!({ "count": 3 })).await;
    assert_eq!(tenant.wait("mapping", &run).await, "success");
    let get = async |rest: &str| tenant.get(path(&run, rest)).await;

    let list = get("double/listMapped?order_by=-map_index").await.expect(200);
    assert_eq!(each(&list, "map_index"), [2, 1, 0]);
    assert_eq!(each(&list, "rendered_map_index"), ["number 3", "number 2", "number 1"]);
    let named = get("double/listMapped?rendered_map_index_pattern=BER%202").await.expect(200);
    assert_eq!((each(&named, "map_index"), &named["total_entries"]), (vec![json!(1)], &json!(1)));
    let page = get("multiply/listMapped?limit=2&offset=3").await.expect(200);
    assert_eq!(
        (each(&page, "rendered_map_index"), &page["total_entries"]),
        (vec![json!("2 × 100"), json!("3 × 10")], &json!(6))
    );
    assert_eq!(each(&get("load/listMapped").await.expect(200), "rendered_map_index"), ["a.csv", "b.csv"]);

    let one = get("double/1").await.expect(200);
    assert_eq!(
        (&one["map_index"], &one["rendered_map_index"], &one["state"]),
        (&json!(1), &json!("number 2"), &json!("success"))
    );
    assert_eq!(each(&get("double/1/tries").await.expect(200), "try_number"), [1]);
    assert_eq!(get("double/1/tries/1").await.expect(200)["map_index"], 1);
    assert_eq!(get("double/1/dependencies").await.expect(200)["dependencies"], json!([]));
    assert_eq!(get("double/xcomEntries/return_value?map_index=2").await.expect(200)["value"], 6);
    assert_eq!(get("numbers/-1").await.expect(200)["rendered_map_index"], Value::Null);
    let said = get("double").await.expect(404);
    assert_eq!(said["detail"], "task instance \"double\" was not found; it is mapped: add its map index");
    for absent in ["double/3", "double/3/tries", "double/1/tries/2", "numbers/listMapped", "nobody/listMapped"] {
        get(absent).await.expect(404);
    }
    let totals = [("total", 12), ("total__1", 660), ("total__2", 7)];
    for (task, total) in totals {
        assert_eq!(tenant.result("mapping", &run, task).await, total, "{task}");
    }
}

async fn a_list_shrinks_grows_and_is_empty_when_it_is_made_again(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("mapping", component("mapping")).await.expect(201);
    tenant.post("/api/v2/variables", &json!({ "key": "count", "value": "3" })).await.expect(201);
    let run = tenant.trigger("mapping", json!({})).await;
    assert_eq!(tenant.wait("mapping", &run).await, "success");
    for (count, states, total) in [
        (2, "success success removed", Some(6)),
        (5, "success success success success success", Some(30)),
        (0, "skipped removed removed removed removed", None),
        (1, "success removed removed removed removed", Some(2)),
    ] {
        again(&tenant, &run, count).await;
        let found = each(&tenant.get(path(&run, "double/listMapped")).await.expect(200), "state");
        let found: Vec<&str> = found.iter().map(|state| state.as_str().expect("a state")).collect();
        assert_eq!(found.join(" "), states, "a list of {count}");
        match total {
            Some(total) => assert_eq!(tenant.result("mapping", &run, "total").await, total, "a list of {count}"),
            None => assert_eq!(tenant.get(path(&run, "total")).await.expect(200)["state"], "skipped"),
        }
    }
}

/// Runs everything again, with a list of this length.
async fn again(tenant: &Client, run: &str, count: u64) {
    tenant.patch("/api/v2/variables/count", &json!({ "value": count.to_string() })).await.expect(200);
    let clear = format!("/api/v2/dags/mapping/dagRuns/{run}/clear");
    tenant.post(clear, &json!({ "dry_run": false })).await.expect(200);
    assert_eq!(tenant.wait("mapping", run).await, "success", "a list of {count}");
}

/// As many instances as a test has time for. Ten times as many take ten times as long.
const MANY: u64 = 1_000;

async fn many_instances_are_expanded_run_and_joined(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("bench", component("bench")).await.expect(201);
    let run = tenant.trigger("mapped", json!({ "count": MANY })).await;
    assert_eq!(tenant.wait("mapped", &run).await, "success");
    assert_eq!(tenant.result("mapped", &run, "sum").await, MANY * (MANY + 1) / 2);
    let instances = format!("/api/v2/dags/mapped/dagRuns/{run}/taskInstances/pass/listMapped?limit=1");
    for (state, count) in [("success", MANY), ("failed", 0)] {
        let list = tenant.get(format!("{instances}&state={state}")).await.expect(200);
        assert_eq!(list["total_entries"], count, "{state}");
    }
}
