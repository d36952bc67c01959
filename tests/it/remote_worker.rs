//! Workers in processes of their own: over HTTP, where they know of no database, and beside the database.

use std::path::Path;

use flow_tests::{Client, RemoteWorker, component};
use serde_json::json;

use crate::database::{Database, Stage, on_both_databases};
use crate::pipeline::{prepare_etl, weather};

on_both_databases!(a_remote_worker_runs_everything, a_worker_that_stops_hands_its_work_back);

/// A worker that reaches the database itself.
fn worker_beside(stage: &Stage) -> RemoteWorker {
    let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
    let url = stage.options.database_url.as_deref().expect("a database that can be shared");
    let key = text(&stage.options.data.join("master-key"));
    let data = text(&stage.options.data.with_extension("worker"));
    RemoteWorker::spawn(&["--database-url", url, "--master-key-file", &key, "--data-dir", &data])
}

#[tokio::test]
async fn a_worker_beside_the_database_runs_everything() {
    let stage = Database::Postgres.stage(&["--workers", "0"]);
    let tenant = stage.host.tenant("acme").await;
    let worker = worker_beside(&stage);
    prepare_etl(&tenant).await;
    let run = tenant.trigger("etl", weather()).await;
    assert_eq!(tenant.wait("etl", &run).await, "success");
    assert_eq!(jobs(&tenant).await, [["SchedulerJob", "running"], ["WorkerJob", "running"]], "it does not schedule");
    worker.stop();
    assert_eq!(jobs(&tenant).await, [["SchedulerJob", "running"], ["WorkerJob", "success"]]);
}

/// What the processes do, and how they are.
async fn jobs(tenant: &Client) -> Vec<[String; 2]> {
    let list = tenant.get("/api/v2/jobs?order_by=job_type").await.expect(200);
    let jobs = list["jobs"].as_array().expect("a list");
    jobs.iter().map(|job| ["job_type", "state"].map(|key| job[key].as_str().expect("a text").to_owned())).collect()
}

async fn a_remote_worker_runs_everything(database: Database) {
    let stage = database.stage(&["--workers", "0"]);
    let tenant = stage.host.tenant("acme").await;
    let _worker = RemoteWorker::start(&stage.host, "one", &[]).await;
    prepare_etl(&tenant).await;
    let run = tenant.trigger("etl", weather()).await;
    assert_eq!(tenant.wait("etl", &run).await, "success");
    assert_eq!(tenant.result("etl", &run, "deliver").await["resumed_at_row"], 6);
    assert_eq!(jobs(&tenant).await, [["SchedulerJob", "running"], ["WorkerJob", "running"]]);
    let log = tenant.get(format!("/api/v2/dags/etl/dagRuns/{run}/taskInstances/clean/logs/1")).await.expect(200);
    assert!(log.to_string().contains("read the weather"), "{log}");
}

async fn a_worker_that_stops_hands_its_work_back(database: Database) {
    let stage = database.stage(&["--workers", "0"]);
    let tenant = stage.host.tenant("acme").await;
    let first = RemoteWorker::start(&stage.host, "first", &["--drain-seconds", "0"]).await;
    tenant.upload("greedy", component("greedy")).await.expect(201);
    let run = tenant.trigger("greedy", json!({ "mode": "sleep" })).await;
    let path = format!("/api/v2/dags/greedy/dagRuns/{run}/taskInstances/misbehave");
    while tenant.get(&path).await.expect(200)["state"] != "running" {}
    first.stop();
    assert_eq!(tenant.get(&path).await.expect(200)["state"], "queued", "it waits for another worker");
    let _second = RemoteWorker::start(&stage.host, "second", &[]).await;
    while tenant.get(&path).await.expect(200)["state"] != "running" {}
    assert_eq!(tenant.get(&path).await.expect(200)["try_number"], 1, "the lost attempt consumed no try");
}
