//! Guests that ask for too much are stopped, each with the right reason, and nobody else notices.

use flow_tests::component;
use serde_json::json;

use crate::database::Database;

/// Every way of asking for too much, and what the host calls it.
const MODES: [(&str, &str); 7] = [
    ("loop", "cpu-limit"),
    ("memory", "memory-limit"),
    ("recursion", "stack-overflow"),
    ("panic", "guest-bug"),
    ("exit", "guest-bug"),
    ("sleep", "timeout"),
    ("xcom", "quota"),
];

#[tokio::test]
async fn every_excess_is_named_and_harms_nobody() {
    let stage = Database::Sqlite.stage(&["--attempt-cpu-seconds", "1", "--attempt-seconds", "5"]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("greedy", component("greedy")).await.expect(201);
    let mut runs = Vec::new();
    for (mode, class) in MODES {
        runs.push((mode, class, tenant.trigger("greedy", json!({ "mode": mode })).await));
    }
    for (mode, class, run) in runs {
        assert_eq!(tenant.wait("greedy", &run).await, "failed", "{mode}");
        let log = format!("/api/v2/dags/greedy/dagRuns/{run}/taskInstances/misbehave/logs/1");
        let log = tenant.get(log).await.expect(200).to_string();
        assert!(log.contains(&format!("the attempt failed ({class})")), "{mode}: {log}");
        assert_eq!(tenant.result("greedy", &run, "bystander").await, "undisturbed", "{mode}");
    }
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_the_task_goes_on() {
    let stage = Database::Sqlite.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("greedy", component("greedy")).await.expect(201);
    let run = tenant.trigger("greedy", json!({ "mode": "log" })).await;
    assert_eq!(tenant.wait("greedy", &run).await, "success");
    let log = format!("/api/v2/dags/greedy/dagRuns/{run}/taskInstances/misbehave/logs/1");
    let log = tenant.get(log).await.expect(200).to_string();
    assert!(log.contains("log truncated"), "the cut is marked");
    assert!(log.len() < 3 << 20, "{} bytes were kept", log.len());
}
