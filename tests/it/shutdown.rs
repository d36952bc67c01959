//! A host that is told to stop ends in good order, whoever listens to it.

use flow_tests::component;
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::json;

use crate::database::{Database, on_both_databases};

on_both_databases!(listens_end_with_the_host);

async fn listens_end_with_the_host(database: Database) {
    let stage = database.stage(&["--drain-seconds", "0"]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("greedy", component("greedy")).await.expect(201);
    let run = tenant.trigger("greedy", json!({ "mode": "sleep" })).await;
    let listens = [
        "/api/v2/events".to_owned(),
        format!("/api/v2/dags/greedy/dagRuns/{run}/wait?interval=1"),
        format!("/api/v2/dags/greedy/dagRuns/{run}/taskInstances/misbehave/logs/1?follow=true"),
    ];
    let mut open = Vec::new();
    for path in &listens {
        let response = tenant.request(Method::GET, path).send().await.expect("it answers");
        assert_eq!(response.status(), 200, "{path}");
        open.push(response.bytes_stream());
    }
    let status = stage.host.stop();
    assert!(status.success(), "{status}");
    for (path, listen) in listens.iter().zip(open) {
        let broken: Vec<_> = listen.filter_map(async |chunk| chunk.err()).collect().await;
        assert!(broken.is_empty(), "{path}: {broken:?}");
    }
}
