//! The process is killed in the middle of a run, more than once; afterwards the run completes, and every result is there once.

use flow_tests::{Client, Host, Options, component};
use serde_json::json;

use crate::database::{Database, on_both_databases};
use crate::pipeline::{prepare_etl, weather};

on_both_databases!(
    a_killed_host_completes_its_runs,
    a_host_killed_before_a_retry_still_retries,
    an_upload_outlives_a_kill,
    an_upload_that_was_not_parsed_yet_is_parsed_later,
);

/// The tasks of the run that are in one of these states.
async fn count(tenant: &Client, dag: &str, run: &str, states: &[&str]) -> usize {
    let path = format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?limit=1000");
    let tasks = tenant.get(path).await.expect(200);
    let tasks = tasks["task_instances"].as_array().expect("task instances").clone();
    tasks.iter().filter(|task| states.iter().any(|state| task["state"] == *state)).count()
}

async fn a_killed_host_completes_its_runs(database: Database) {
    let mut stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("bench", component("bench")).await.expect(201);
    let token = tenant.token().to_owned();
    // A chain is killed between any two of its tasks, a fan in the middle of many.
    let chain = tenant.trigger("chain10", json!({})).await;
    let fan = tenant.trigger("fanout100", json!({})).await;
    for ended in [1, 20, 60, 100] {
        let tenant = Client::new(stage.host.url(), &token);
        loop {
            let all = count(&tenant, "fanout100", &fan, &["success"]).await;
            if all >= ended {
                break;
            }
        }
        stage.host = stage.host.kill_and_restart();
    }
    let tenant = Client::new(stage.host.url(), &token);
    assert_eq!(tenant.wait("chain10", &chain).await, "success");
    assert_eq!(tenant.wait("fanout100", &fan).await, "success");
    assert_eq!(tenant.result("fanout100", &fan, "sum").await, 100);
    assert_eq!(count(&tenant, "fanout100", &fan, &["success"]).await, 102);
    for (dag, run, tasks) in [("chain10", &chain, 10), ("fanout100", &fan, 102)] {
        let path = format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/~/xcomEntries?limit=1000");
        assert_eq!(tenant.get(path).await.expect(200)["total_entries"], tasks, "each result of {dag} is stored once");
    }
}

async fn a_host_killed_before_a_retry_still_retries(database: Database) {
    let mut stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    prepare_etl(&tenant).await;
    let token = tenant.token().to_owned();
    let run = tenant.trigger("etl", weather()).await;
    while count(&tenant, "etl", &run, &["up_for_retry"]).await == 0 {}
    stage.host = stage.host.kill_and_restart();
    let tenant = Client::new(stage.host.url(), &token);
    assert_eq!(tenant.wait("etl", &run).await, "success");
    assert_eq!(tenant.result("etl", &run, "deliver").await["resumed_at_row"], 6);
}

async fn an_upload_outlives_a_kill(database: Database) {
    let mut stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("hello", component("hello")).await.expect(201);
    let token = tenant.token().to_owned();
    stage.host = stage.host.kill_and_restart();
    let tenant = Client::new(stage.host.url(), &token);
    tenant.upload("hello", component("hello")).await.expect(200);
    let run = tenant.trigger("hello", json!({ "name": "Ada" })).await;
    assert_eq!(tenant.wait("hello", &run).await, "success");
    assert_eq!(tenant.result("hello", &run, "tell").await, "Hello, Ada! (8 letters)");
}

async fn an_upload_that_was_not_parsed_yet_is_parsed_later(database: Database) {
    let stage = database.stage(&["--workers", "0"]);
    let tenant = stage.host.tenant("acme").await;
    let token = tenant.token().to_owned();
    let versions = "/api/v2/modules/hello/versions";
    let uploader = tenant.clone();
    let upload = tokio::spawn(async move { uploader.upload("hello", component("hello")).await });
    while tenant.get(versions).await.body["versions"][0]["state"] != "parsing" {}
    upload.abort();
    stage.host.kill();
    let host = Host::start(Options { flags: Vec::new(), ..stage.options });
    let tenant = Client::new(host.url(), &token);
    while tenant.get(versions).await.expect(200)["versions"][0]["state"] != "ready" {}
    let run = tenant.trigger("hello", json!({})).await;
    assert_eq!(tenant.wait("hello", &run).await, "success");
}
