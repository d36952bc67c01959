//! Groups: what has been set up is undone however it ends, groups are tried again as a whole, and limited as a whole.

use flow_model::time::Millis;
use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(what_was_set_up_is_undone, a_group_is_tried_again_and_runs_for_each_region);

/// A task instance of a run of `groups`.
async fn task(tenant: &Client, run: &str, id: &str) -> Value {
    tenant.get(format!("/api/v2/dags/groups/dagRuns/{run}/taskInstances/{id}")).await.expect(200)
}

async fn states<const N: usize>(tenant: &Client, run: &str, ids: [&str; N]) -> [Value; N] {
    let mut states = [const { Value::Null }; N];
    for (state, id) in states.iter_mut().zip(ids) {
        *state = task(tenant, run, id).await["state"].clone();
    }
    states
}

async fn what_was_set_up_is_undone(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("groups", component("groups")).await.expect(201);
    let work = ["work.create", "work.inner.query", "work.drop_database", "compare"];

    let run = tenant.trigger("groups", json!({ "fail": "query" })).await;
    assert_eq!(tenant.wait("groups", &run).await, "failed");
    assert_eq!(states(&tenant, &run, work).await, ["success", "failed", "success", "upstream_failed"]);

    let run = tenant.trigger("groups", json!({ "fail": "hang" })).await;
    while task(&tenant, &run, "work.inner.query").await["state"] != "running" {}
    tenant.patch(format!("/api/v2/dags/groups/dagRuns/{run}"), &json!({ "state": "failed" })).await.expect(200);
    assert_eq!(tenant.wait("groups", &run).await, "failed");
    assert_eq!(states(&tenant, &run, work).await, ["success", "failed", "success", "skipped"]);
    assert_eq!(tenant.result("groups", &run, "work.drop_database").await, "dropped scratch");
}

async fn a_group_is_tried_again_and_runs_for_each_region(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("groups", component("groups")).await.expect(201);
    let run = tenant.trigger("groups", json!({})).await;
    assert_eq!(tenant.wait("groups", &run).await, "success");
    assert_eq!(task(&tenant, &run, "again.unstable").await["try_number"], 2);

    let mut spells: Vec<(Millis, Millis)> = Vec::new();
    for id in ["region.download", "region.add"] {
        let list = task(&tenant, &run, &format!("{id}/listMapped")).await;
        let instances = list["task_instances"].as_array().expect("a list").clone();
        assert_eq!(instances.iter().map(|one| &one["rendered_map_index"]).collect::<Vec<_>>(), ["0", "1", "2"]);
        let instant = |one: &Value, name: &str| one[name].as_str().expect("an instant").parse().expect("an instant");
        spells.extend(instances.iter().map(|one| (instant(one, "start_date"), instant(one, "end_date"))));
    }
    for (begin, _) in &spells {
        let at_once = spells.iter().filter(|(from, to)| from <= begin && begin < to).count();
        assert!(at_once <= 2, "{at_once} of the group ran at once: {spells:?}");
    }
    let asia: u32 = "asia".bytes().map(u32::from).sum();
    assert_eq!(tenant.result("groups", &run, "compare").await, asia);
}
