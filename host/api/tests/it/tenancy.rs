//! The tenancy matrix: every operation of the OpenAPI document, asked by everybody who must not get through.
//!
//! The outcome is the golden file `tenancy.golden`: by column who asks, what is answered; `pass` where the role gets
//! through. The stranger administers another tenant and asks for what this one has. An operation that is not in the
//! file, or for which there is no example here, fails the test.

use std::fmt::Write as _;

use axum::http::StatusCode;
use flow_model::roles::Role;
use serde_json::{Value, json};

use crate::golden::keep;
use crate::host::{Ask, Host, ask};
use crate::population::{Names, populate, snapshot};

/// One operation of the document.
struct Operation {
    method: String,
    path: String,
    has_body: bool,
}

fn operations() -> Vec<Operation> {
    let document: Value =
        serde_json::from_str(&flow_api::document().to_json().expect("the document is JSON")).expect("it is JSON");
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let has_body = operation["requestBody"].is_object();
            all.push(Operation { method: method.to_uppercase(), path: path.clone(), has_body });
        }
    }
    all
}

/// A body that would do something, were it let through.
fn body(operation: &Operation, names: &Names) -> Value {
    let key = format!("{} {}", operation.method, operation.path);
    let key = key.replace("/api/v2", "");
    match key.as_str() {
        "POST /auth/token" | "POST /auth/token/cli" => {
            json!({ "username": "alpha_user", "password": "wrong password", "tenant": "alpha" })
        }
        "POST /variables" => json!({ "key": "new", "value": "v" }),
        "PATCH /variables/{variable_key}" => json!({ "value": "taken" }),
        "POST /connections" | "POST /connections/test" => json!({ "connection_id": "new", "conn_type": "http" }),
        "PATCH /connections/{connection_id}" => json!({ "host": "taken" }),
        "POST /pools" => json!({ "name": "new", "slots": 1 }),
        "PATCH /pools/{pool_name}" => json!({ "slots": 9 }),
        "PATCH /variables" => {
            taking(&json!({ "key": names.get("variable_key"), "value": "taken" }), names.get("variable_key"))
        }
        "PATCH /connections" => {
            let host = json!({ "connection_id": names.get("connection_id"), "host": "taken" });
            taking(&host, names.get("connection_id"))
        }
        "PATCH /pools" => taking(&json!({ "name": names.get("pool_name"), "slots": 9 }), names.get("pool_name")),
        "POST /dags/~/dagRuns/list" | "POST /dags/~/dagRuns/~/taskInstances/list" => {
            json!({ "dag_ids": [names.get("dag_id")] })
        }
        "POST /assets/events" => json!({ "asset_id": names.get("asset_id").parse::<i64>().expect("a number") }),
        "POST /assets/{asset_id}/materialize" => json!({}),
        "PUT /assets/{asset_id}/state-store/{key}" => json!({ "value": 1 }),
        "POST /assets/{asset_id}/grants" => json!({ "to_tenant": "beta" }),
        "POST /assetGrants/{grant_id}/accept" => json!({ "name": "taken" }),
        "POST /users" => json!({ "username": "new", "password": "a new password", "role": "viewer" }),
        "PATCH /users/{username}" => json!({ "role": "viewer" }),
        "POST /tokens" => json!({ "subject": "new", "role": "viewer" }),
        "POST /tokens/workers" => json!({ "subject": "new" }),
        "POST /tenants" => json!({ "name": "new" }),
        "POST /tenants/{tenant}/tokens" => json!({ "subject": "new", "role": "admin" }),
        "PATCH /tenants/{tenant}" => json!({ "description": "taken" }),
        "PUT /tenants/{tenant}/quota" | "PATCH /tenants/{tenant}/quota" => json!({ "modules": 1 }),
        "PUT /tenants/{tenant}/policy" | "PATCH /tenants/{tenant}/policy" => json!({ "forbid_wildcards": true }),
        "POST /modules/{name}/rollback" => json!({ "version": 1 }),
        "PATCH /dags/{dag_id}" | "PATCH /dags" => json!({ "is_paused": true }),
        "POST /dags/{dag_id}/dagRuns" => json!({ "dag_run_id": "new", "logical_date": null }),
        "POST /backfills" | "POST /backfills/dry_run" => json!({
            "dag_id": names.get("dag_id"), "from_date": "2020-02-01T00:00:00Z", "to_date": "2020-02-02T00:00:00Z",
        }),
        "POST /tasks/run" => json!({ "dag_id": names.get("dag_id"), "task_id": names.get("task_id") }),
        "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails" => {
            json!({ "chosen_options": ["yes"] })
        }
        key => of_run(key, names).unwrap_or_else(|| panic!("{key} has a body: give an example of it here")),
    }
}

/// The same for what is done to runs and to their task instances.
fn of_run(key: &str, names: &Names) -> Option<Value> {
    Some(match key {
        "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}" => json!({ "state": "failed" }),
        "POST /dags/{dag_id}/dagRuns/{dag_run_id}/clear" => json!({ "dry_run": false }),
        "POST /dags/{dag_id}/clearTaskInstances" => {
            json!({ "dry_run": false, "dag_run_id": names.get("dag_run_id"), "only_failed": false })
        }
        "POST /dags/{dag_id}/clearPartitions" => {
            json!({ "dry_run": false, "run_id": names.get("dag_run_id"), "clear_task_instances": true })
        }
        "POST /dags/{dag_id}/clearDagRuns" => {
            json!({ "dry_run": false, "dag_runs": [{ "dag_run_id": names.get("dag_run_id") }] })
        }
        "PATCH /dags/{dag_id}/dagRuns" => {
            taking(&json!({ "dag_run_id": names.get("dag_run_id"), "state": "failed" }), names.get("dag_run_id"))
        }
        "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances" => {
            taking(&json!({ "task_id": names.get("task_id"), "new_state": "failed" }), names.get("task_id"))
        }
        "POST /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries" => {
            json!({ "key": "new", "value": 1 })
        }
        "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}"
        | "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dry_run"
        | "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dry_run"
        | "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}"
        | "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}/dry_run"
        | "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}" => {
            json!({ "new_state": "failed" })
        }
        "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}"
        | "PUT /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}"
        | "PATCH /dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}" => {
            json!({ "value": "taken" })
        }
        _ => return None,
    })
}

/// Whoever asks for this has no token any more.
fn ends_the_token(operation: &Operation) -> bool {
    operation.path.ends_with("/logout")
}

/// A bulk request that changes and deletes what is another's.
fn taking(change: &Value, name: &str) -> Value {
    json!({ "actions": [
        { "action": "update", "entities": [change] },
        { "action": "delete", "entities": [name], "action_on_non_existence": "skip" },
    ] })
}

fn request(operation: &Operation, names: &Names) -> Ask {
    let ask = ask(&operation.method, names.fill(&operation.path));
    match (operation.has_body, operation.path.as_str()) {
        (false, _) => ask,
        (true, "/api/v2/modules/{name}") => ask.body("application/wasm", "no component"),
        (true, _) => ask.json(&body(operation, names)),
    }
}

/// A request that asks for nothing that exists and says nothing that can be read: it only shows who gets through.
fn probe(operation: &Operation, names: &Names) -> Ask {
    let ask = ask(&operation.method, names.fill(&operation.path));
    if operation.has_body { ask.body("application/json", "{") } else { ask }
}

/// Who asks, by column.
struct Askers {
    wrong: Vec<(&'static str, Option<String>)>,
    roles: Vec<(&'static str, String)>,
    stranger: String,
}

async fn askers(host: &Host, work_tokens: (String, String)) -> Askers {
    let expired = host.expired("alpha").await;
    let revoked = host.revoked("alpha").await;
    let (worker, attempt) = work_tokens;
    Askers {
        wrong: vec![
            ("none", None),
            ("garbage", Some("garbage".to_owned())),
            ("expired", Some(expired)),
            ("revoked", Some(revoked)),
            ("worker", Some(worker)),
            ("attempt", Some(attempt)),
        ],
        roles: roles(host, "alpha").await,
        stranger: host.tenant("beta").await,
    }
}

async fn roles(host: &Host, tenant: &str) -> Vec<(&'static str, String)> {
    let mut roles = Vec::new();
    for role in [Role::Viewer, Role::User, Role::Op, Role::Admin] {
        roles.push((role.as_str(), host.token(tenant, role).await));
    }
    roles.push(("platform", host.platform().await));
    roles
}

fn header(askers: &Askers) -> String {
    let wrong = askers.wrong.iter().map(|(column, _)| *column);
    let mut header = format!("{:<104}", "");
    for column in wrong.chain(askers.roles.iter().map(|(column, _)| *column)) {
        write!(header, " {column:<8}").expect("it is text");
    }
    header + " stranger\n"
}

fn passed(status: StatusCode) -> String {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => status.as_str().to_owned(),
        _ => "pass".to_owned(),
    }
}

/// What the stranger is told of an object of another tenant, and of one that nobody has.
async fn compare(host: &Host, operation: &Operation, stranger: &str, names: &Names) -> String {
    let of_alpha = host.ask(request(operation, names).token(stranger)).await;
    if operation.path.contains('{') {
        let absent = Names::absent();
        let of_nobody = host.ask(request(operation, &absent).token(stranger)).await;
        assert_eq!(of_alpha.status, of_nobody.status, "{} {}", operation.method, operation.path);
        let (alphas, nobodys) = (names.forget(&of_alpha.text()), absent.forget(&of_nobody.text()));
        assert_eq!(alphas, nobodys, "{} {}", operation.method, operation.path);
    }
    let shown = names.forget(&of_alpha.text());
    assert!(!shown.contains("alpha"), "{} {} shows a stranger {shown}", operation.method, operation.path);
    of_alpha.status.as_str().to_owned()
}

#[tokio::test]
async fn every_operation_keeps_everybody_out_who_must_not_get_in() {
    let host = Host::start().await;
    let (names, work_tokens) = populate(&host).await;
    let mut askers = askers(&host, work_tokens).await;
    host.tenant("delta").await;
    let before = snapshot(&host, &askers.roles[3].1).await;
    let mut golden = header(&askers);
    for operation in operations() {
        let mut line = format!("{:<6} {:<97}", operation.method, operation.path);
        for (_, token) in &askers.wrong {
            let mut ask = request(&operation, &names);
            if let Some(token) = token {
                ask = ask.token(token);
            }
            write!(line, " {:<8}", host.ask(ask).await.status.as_str()).expect("it is text");
        }
        let leaving = if ends_the_token(&operation) { Some(roles(&host, "delta").await) } else { None };
        for (_, token) in leaving.as_ref().unwrap_or(&askers.roles) {
            let answer = host.ask(probe(&operation, &Names::absent()).token(token)).await;
            write!(line, " {:<8}", passed(answer.status)).expect("it is text");
        }
        let foreign = compare(&host, &operation, &askers.stranger, &names).await;
        if ends_the_token(&operation) {
            askers.stranger = host.token("beta", Role::Admin).await;
        }
        writeln!(golden, "{line} {foreign}").expect("it is text");
    }
    assert_eq!(snapshot(&host, &askers.roles[3].1).await, before, "a stranger has changed something");
    keep("tenancy", &golden);
}

#[tokio::test]
async fn the_same_names_in_two_tenants_are_two_things() {
    let host = Host::start().await;
    let tenants = [("one", host.tenant("one").await), ("two", host.tenant("two").await)];
    for (tenant, token) in &tenants {
        let variable = json!({ "key": "shared", "value": format!("of {tenant}") });
        host.ask(ask("POST", "/api/v2/variables").token(token).json(&variable)).await.expect(201);
        let user = json!({ "username": "ann", "password": format!("password of {tenant}"), "role": "op" });
        host.ask(ask("POST", "/api/v2/users").token(token).json(&user)).await.expect(201);
    }
    for (tenant, _) in &tenants {
        let login = json!({ "username": "ann", "password": format!("password of {tenant}"), "tenant": tenant });
        let login = host.ask(ask("POST", "/auth/token").json(&login)).await.expect(201).json();
        let token = login["access_token"].as_str().expect("a token");
        let seen = host.ask(ask("GET", "/api/v2/variables/shared").token(token)).await.expect(200).json();
        assert_eq!(seen["value"], format!("of {tenant}"));
        let list = host.ask(ask("GET", "/api/v2/variables").token(token)).await.expect(200).json();
        assert_eq!(list["total_entries"], 1);
    }
}
