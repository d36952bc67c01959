//! The conditions that lists take: both databases understand every one that the OpenAPI document names.

use flow_tests::component;
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(every_condition_can_be_asked);

/// What a condition is asked with, if it is about parts of names or about ranges.
fn example(parameter: &Value) -> Option<String> {
    let name = parameter["name"].as_str().filter(|_| parameter["in"] == "query")?;
    let is_range = ["_gte", "_gt", "_lte", "_lt"].iter().any(|end| name.ends_with(end));
    let value = match parameter["schema"]["type"] == "number" {
        _ if name.ends_with("_pattern") => "x%7Cy_",
        true if is_range => "1.5",
        false if is_range => "2026-01-01T00:00:00Z",
        true | false => return None,
    };
    Some(format!("{name}={value}"))
}

/// A path of what the tenant has, if only DAGs, runs and tasks are to be named.
fn known(path: &str, run: &str) -> Option<String> {
    let filled = path
        .replace("{dag_id}", "hello")
        .replace("{dag_run_id}", run)
        .replace("{task_id}", "greet")
        .replace("{map_index}", "-1");
    // That one takes the conditions of the list it narrows, and `hello` maps nothing.
    (!filled.contains('{') && !filled.ends_with("/listMapped")).then_some(filled)
}

async fn every_condition_can_be_asked(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("hello", component("hello")).await.expect(201);
    let run = tenant.trigger("hello", json!({"name": "Ada"})).await;
    assert_eq!(tenant.wait("hello", &run).await, "success");
    let document = tenant.get("/openapi.json").await.expect(200);
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(path) = known(path, &run) else { continue };
        for condition in item["get"]["parameters"].as_array().into_iter().flatten().filter_map(example) {
            tenant.get(format!("{path}?{condition}")).await.expect(200);
            asked += 1;
        }
    }
    assert!(asked > 100, "only {asked} conditions were found");
}
