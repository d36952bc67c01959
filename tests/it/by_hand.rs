//! What people do to runs by hand: storing a result, marking, noting, clearing, deleting.

use flow_tests::component;
use serde_json::json;

use crate::database::{Database, on_both_databases};

on_both_databases!(a_failed_task_is_put_right_by_hand, a_way_that_was_left_out_is_taken_after_all);

const RUNS: &str = "/api/v2/dags/flaky/dagRuns";

async fn a_failed_task_is_put_right_by_hand(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("flaky", component("flaky")).await.expect(201);
    let run = tenant.trigger("flaky", json!({ "mode": "fail" })).await;
    assert_eq!(tenant.wait("flaky", &run).await, "failed");
    assert_eq!(tenant.states("flaky", &run).await, "after=upstream_failed always=success attempt=failed");

    let attempt = format!("{RUNS}/{run}/taskInstances/attempt");
    let entry = json!({ "key": "return_value", "value": 7 });
    tenant.post(format!("{attempt}/xcomEntries"), &entry).await.expect(201);
    tenant.post(format!("{attempt}/xcomEntries"), &entry).await.expect(409);
    let mark = json!({ "new_state": "success", "note": "by hand" });
    let rehearsed = tenant.patch(format!("{attempt}/dry_run"), &mark).await.expect(200);
    assert_eq!((&rehearsed["total_entries"], &rehearsed["task_instances"][0]["state"]), (&json!(1), &json!("failed")));
    let marked = tenant.patch(&attempt, &mark).await.expect(200);
    let shown = &marked["task_instances"][0];
    assert_eq!((&shown["state"], &shown["note"]), (&json!("success"), &json!("by hand")));
    assert_eq!(tenant.wait("flaky", &run).await, "success");
    assert_eq!(tenant.result("flaky", &run, "after").await, "it took 7");
    tenant.patch(&attempt, &json!({ "new_state": "success" })).await.expect(409);

    let clear =
        json!({ "dry_run": false, "only_failed": false, "task_ids": ["attempt"], "dag_run_id": run, "note": "anew" });
    let cleared = tenant.post("/api/v2/dags/flaky/clearTaskInstances", &clear).await.expect(200);
    assert_eq!((&cleared["total_entries"], &cleared["task_instances"][0]["note"]), (&json!(1), &json!("anew")));
    tenant.wait("flaky", &run).await;
    let tries = tenant.get(format!("{attempt}/tries")).await.expect(200);
    assert_eq!(tries["total_entries"], 2, "{tries}");
    tenant.delete(&attempt).await.expect(200);
    tenant.get(&attempt).await.expect(404);
    let bulk = json!({ "actions": [{ "action": "delete", "entities": [run] }] });
    let deleted = tenant.patch(RUNS, &bulk).await.expect(200);
    assert_eq!(deleted["delete"]["success"], json!([format!("flaky.{run}")]), "{deleted}");
    tenant.get(format!("{RUNS}/{run}")).await.expect(404);
}

async fn a_way_that_was_left_out_is_taken_after_all(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("branching", component("branching")).await.expect(201);
    let run = tenant.trigger("branching", json!({ "rows": 200, "publish": false })).await;
    assert_eq!(tenant.wait("branching", &run).await, "success");
    let states = "announce=success archive=skipped choose=success complain=skipped join=success latest_only=success \
        load_all=skipped load_some=success report=skipped worth_it=success";
    assert_eq!(tenant.states("branching", &run).await, states);
    let report = format!("/api/v2/dags/branching/dagRuns/{run}/taskInstances/report");
    let downstream = json!({ "new_state": "success", "include_downstream": true });
    let marked = tenant.patch(&report, &downstream).await.expect(200);
    assert_eq!(marked["total_entries"], 2, "{marked}");
    let by_hand = states.replace("archive=skipped", "archive=success").replace("report=skipped", "report=success");
    assert_eq!(tenant.states("branching", &run).await, by_hand);
    let clear = json!({ "dry_run": false, "only_failed": false, "task_ids": ["report"], "dag_run_id": run });
    tenant.post("/api/v2/dags/branching/clearTaskInstances", &clear).await.expect(200);
    assert_eq!(tenant.wait("branching", &run).await, "success");
    let again = tenant.states("branching", &run).await;
    assert!(again.contains("report=skipped"), "a short circuit decides for what is cleared too: {again}");
}
