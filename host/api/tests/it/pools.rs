//! Pools, many changes in one request, masks, and lists whose conditions come in the body.

use serde_json::{Value, json};

use crate::host::{Ask, Host, ask};

fn patch(token: &str, path: &str, body: &Value) -> Ask {
    ask("PATCH", path).token(token).json(body)
}

async fn names(host: &Host, token: &str, path: &str, list: &str, key: &str) -> Vec<String> {
    let answer = host.ask(ask("GET", path).token(token)).await.expect(200).json();
    let entries = answer[list].as_array().expect("a list");
    entries.iter().map(|entry| entry[key].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_pool_is_made_changed_and_deleted() {
    let host = Host::start().await;
    let op = host.tenant("acme").await;
    let default = host.ask(ask("GET", "/api/v2/pools/default_pool").token(&op)).await.expect(200).json();
    assert_eq!((&default["slots"], &default["open_slots"]), (&json!(-1), &json!(-1)));
    let body = json!({ "name": "db", "slots": 3, "description": "why" });
    let made = host.ask(ask("POST", "/api/v2/pools").token(&op).json(&body)).await.expect(201).json();
    let free = json!({ "name": "db", "slots": 3, "description": "why", "include_deferred": false, "occupied_slots": 0,
        "running_slots": 0, "queued_slots": 0, "scheduled_slots": 0, "open_slots": 3, "deferred_slots": 0,
        "team_name": null });
    assert_eq!(made, free);
    host.ask(ask("POST", "/api/v2/pools").token(&op).json(&body)).await.expect(409);
    let all = json!({ "slots": 7, "description": null, "include_deferred": true });
    let path = "/api/v2/pools/db?update_mask=slots&update_mask=include_deferred";
    let changed = host.ask(patch(&op, path, &all)).await.expect(200).json();
    assert_eq!((&changed["slots"], &changed["description"]), (&json!(7), &json!("why")), "the mask is kept to");
    host.ask(patch(&op, "/api/v2/pools/db", &json!({ "slots": -2 }))).await.expect(422);
    host.ask(patch(&op, "/api/v2/pools/db", &json!({ "name": "other", "slots": 1 }))).await.expect(400);
    assert_eq!(names(&host, &op, "/api/v2/pools?order_by=-name", "pools", "name").await, ["default_pool", "db"]);
    assert_eq!(names(&host, &op, "/api/v2/pools?pool_name_pattern=d%25b", "pools", "name").await, ["db"]);
    host.ask(ask("DELETE", "/api/v2/pools/db").token(&op)).await.expect(204);
    host.ask(ask("DELETE", "/api/v2/pools/db").token(&op)).await.expect(404);
}

#[tokio::test]
async fn the_default_pool_keeps_its_name_and_stays() {
    let host = Host::start().await;
    let op = host.tenant("acme").await;
    let path = "/api/v2/pools/default_pool";
    let bounded = host.ask(patch(&op, path, &json!({ "slots": 5, "include_deferred": true }))).await.expect(200).json();
    assert_eq!((&bounded["open_slots"], &bounded["include_deferred"]), (&json!(5), &json!(true)));
    host.ask(patch(&op, path, &json!({ "description": "mine" }))).await.expect(400);
    host.ask(ask("DELETE", path).token(&op)).await.expect(400);
}

#[tokio::test]
async fn many_changes_in_one_request() {
    let host = Host::start().await;
    let op = host.tenant("acme").await;
    let create = |existence: &str, value: &str| {
        json!({ "action": "create", "action_on_existence": existence,
                "entities": [{ "key": "a", "value": value }, { "key": "b", "value": value, "description": "why" }] })
    };
    let bulk = async |actions: Value| {
        host.ask(patch(&op, "/api/v2/variables", &json!({ "actions": actions }))).await.expect(200).json()
    };
    let done = bulk(json!([create("fail", "1")])).await;
    assert_eq!(done, json!({ "create": { "success": ["a", "b"], "errors": [] }, "update": null, "delete": null }));
    let taken = bulk(json!([create("fail", "2")])).await;
    let error = |name: &str| json!({ "error": format!("variable {name:?}: it exists already"), "status_code": 409 });
    assert_eq!(taken["create"], json!({ "success": [], "errors": [error("a"), error("b")] }));
    assert_eq!(bulk(json!([create("skip", "2")])).await["create"]["success"], json!([]));
    let both = bulk(json!([
        { "action": "update", "update_mask": ["description"],
          "entities": [{ "key": "a", "value": "3", "description": "new" }] },
        { "action": "delete", "action_on_non_existence": "skip", "entities": ["b", "none"] },
        { "action": "delete", "entities": ["a", "none"] },
    ]))
    .await;
    let missing = json!({ "error": "variable \"none\" was not found", "status_code": 404 });
    assert_eq!(both["update"]["success"], json!(["a"]));
    assert_eq!(both["delete"], json!({ "success": ["b"], "errors": [missing] }));
    let left = host.ask(ask("GET", "/api/v2/variables/a").token(&op)).await.expect(200).json();
    assert_eq!((&left["value"], &left["description"]), (&json!("1"), &json!("new")));
    assert_eq!(bulk(json!([create("overwrite", "4")])).await["create"]["success"], json!(["a", "b"]));
    assert_eq!(names(&host, &op, "/api/v2/variables", "variables", "value").await, ["4", "4"]);
    host.ask(patch(&op, "/api/v2/variables", &json!({ "actions": [{ "action": "burn" }] }))).await.expect(422);
}

#[tokio::test]
async fn connections_and_pools_are_changed_by_the_dozen() {
    let host = Host::start().await;
    let op = host.tenant("acme").await;
    let connections: Vec<Value> =
        (0..12).map(|n| json!({ "connection_id": format!("c{n:02}"), "conn_type": "http" })).collect();
    let actions = json!({ "actions": [{ "action": "create", "entities": connections },
        { "action": "update", "entities": [{ "connection_id": "c03", "host": "here" }, { "host": "nowhere" }],
          "action_on_non_existence": "skip" }] });
    let done = host.ask(patch(&op, "/api/v2/connections", &actions)).await.expect(200).json();
    assert_eq!(done["create"]["success"].as_array().map(Vec::len), Some(12));
    assert_eq!(done["update"]["success"], json!(["c03"]));
    let pools: Vec<Value> = (0..3).map(|n| json!({ "name": format!("p{n}"), "slots": n })).collect();
    let actions = json!({ "actions": [{ "action": "create", "entities": pools },
        { "action": "delete", "entities": ["p1", "default_pool"] }] });
    let done = host.ask(patch(&op, "/api/v2/pools", &actions)).await.expect(200).json();
    assert_eq!(
        (&done["delete"]["success"], &done["delete"]["errors"][0]["status_code"]),
        (&json!(["p1"]), &json!(400))
    );
    assert_eq!(names(&host, &op, "/api/v2/pools", "pools", "name").await, ["default_pool", "p0", "p2"]);
}

#[tokio::test]
async fn conditions_that_are_too_long_for_a_query_come_in_the_body() {
    let host = Host::start().await;
    let viewer = host.tenant("acme").await;
    for path in ["/api/v2/dags/~/dagRuns/list", "/api/v2/dags/~/dagRuns/~/taskInstances/list"] {
        let post = |body: Value| ask("POST", path).token(&viewer).json(&body);
        let body = json!({ "dag_ids": ["d"], "run_after_gte": "2026-01-01T00:00:00Z", "page_limit": 5 });
        assert_eq!(host.ask(post(body)).await.expect(200).json()["total_entries"], 0);
        host.ask(post(json!({ "dag_id": "d" }))).await.expect(422);
        host.ask(post(json!({ "order_by": "nothing" }))).await.expect(422);
    }
}
