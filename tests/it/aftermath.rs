//! What follows what has happened in a run: callbacks, a deadline that is missed, and a param that rules out a run.

use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(callbacks_tell_how_it_went, a_missed_deadline_is_told, a_wrong_conf_begins_nothing);

/// How `work` is told to end, how its run then ends, and after what callbacks run. The run's deadline is missed always.
const WAYS: [(&str, &str, &[&str]); 4] = [
    ("success", "success", &["deadline_missed", "on_execute", "on_success", "on_success"]),
    ("retry", "success", &["deadline_missed", "on_execute", "on_execute", "on_retry", "on_success", "on_success"]),
    ("fail", "failed", &["deadline_missed", "on_execute", "on_failure", "on_failure"]),
    ("skip", "success", &["deadline_missed", "on_execute", "on_skipped", "on_success"]),
];

async fn callbacks_tell_how_it_went(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("callbacks", component("callbacks")).await.expect(201);
    for (mode, end, expected) in WAYS {
        let run = tenant.trigger("callbacks", json!({ "mode": mode })).await;
        assert_eq!(tenant.wait("callbacks", &run).await, end, "{mode}");
        let callbacks = callbacks_of(&tenant, &run).await;
        assert_eq!(texts(&callbacks, "event"), expected, "{mode}");
        assert!(callbacks.iter().all(|callback| callback["state"] == "success"), "{mode}: {callbacks:?}");

        let deadlines = tenant.get(format!("{}/deadlines", path(&run))).await.expect(200);
        let missed = &deadlines["deadlines"][0];
        assert_eq!((&missed["name"], &missed["missed"]), (&json!("soon"), &json!(true)), "{mode}");
    }
    for (channel, heard) in [
        ("execute", "on_execute of work"),
        ("success", "on_success of work"),
        ("retry", "on_retry of work"),
        ("failure", "on_failure of work"),
        ("skipped", "on_skipped of work"),
        ("deadline", "deadline_missed of the run"),
        ("run", "on_success of the run"),
    ] {
        let variable = tenant.get(format!("/api/v2/variables/callbacks_{channel}")).await.expect(200);
        assert_eq!(variable["value"], heard, "{channel}");
    }
}

async fn a_missed_deadline_is_told(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("deadlines", component("deadlines")).await.expect(201);
    let mut begun = Vec::new();
    for (day, conf) in [(1, json!({})), (2, json!({})), (3, json!({ "millis": 1_500 }))] {
        let run = tenant.trigger_for(&format!("2020-01-{day:02}T00:00:00Z"), "deadlines", conf).await;
        assert_eq!(tenant.wait("deadlines", &run).await, "success", "what is late goes on");
        begun.push(run);
    }
    let path = format!("/api/v2/dags/deadlines/dagRuns/{}/deadlines?order_by=name", begun[2]);
    loop {
        let list = tenant.get(&path).await.expect(200);
        let all = list["deadlines"].as_array().expect("a list").iter();
        let missed: Vec<Value> = all.filter(|one| one["missed"] == true).cloned().collect();
        if texts(&missed, "name") == ["by_average", "by_date", "of_group", "of_run", "of_task"] {
            let whose = missed.iter().map(|one| (one["group_id"].as_str(), one["task_id"].as_str()));
            let expected = [(None, None), (None, None), (Some("slow"), None), (None, None), (None, Some("slow.work"))];
            assert_eq!(whose.collect::<Vec<_>>(), expected);
            break;
        }
    }
    for (deadline, who) in [
        ("by_date", "the run"),
        ("by_average", "the run"),
        ("of_run", "the run"),
        ("of_group", "slow"),
        ("of_task", "slow.work"),
    ] {
        let path = format!("/api/v2/variables/missed_{deadline}");
        while tenant.get(&path).await.status != 200 {}
        assert_eq!(tenant.get(path).await.expect(200)["value"], who, "{deadline}");
    }
    tenant.get("/api/v2/variables/missed_kept").await.expect(404);
}

async fn a_wrong_conf_begins_nothing(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("callbacks", component("callbacks")).await.expect(201);
    let details = tenant.get("/api/v2/dags/callbacks/details").await.expect(200);
    let mode = &details["params"]["mode"];
    assert_eq!((&mode["value"], &mode["schema"]["title"]), (&json!("success"), &json!("How it ends")));

    let body = json!({ "logical_date": null, "conf": { "mode": "dance" } });
    let refusal = tenant.post("/api/v2/dags/callbacks/dagRuns", &body).await.expect(400).to_string();
    for part in ["mode", "dance", "success", "retry", "fail", "skip"] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    let runs = tenant.get("/api/v2/dags/callbacks/dagRuns").await.expect(200);
    assert_eq!(runs["total_entries"], 0);
}

/// The callbacks of a run, once none is waited for.
async fn callbacks_of(tenant: &Client, run: &str) -> Vec<Value> {
    loop {
        let list = tenant.get(format!("{}/callbacks", path(run))).await.expect(200);
        let callbacks = list["callbacks"].as_array().expect("a list");
        if callbacks.iter().all(|callback| callback["state"] != "queued") {
            return callbacks.clone();
        }
    }
}

fn path(run: &str) -> String {
    format!("/api/v2/dags/callbacks/dagRuns/{run}")
}

/// What the entries say under `name`, sorted.
fn texts<'a>(entries: &'a [Value], name: &str) -> Vec<&'a str> {
    let mut texts: Vec<&str> = entries.iter().map(|entry| entry[name].as_str().expect("a text")).collect();
    texts.sort_unstable();
    texts
}
