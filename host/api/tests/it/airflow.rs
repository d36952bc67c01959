//! What a client of Airflow asks for that says little: answers to the letter.

use serde_json::{Value, json};

use crate::host::{Host, ask, component};

#[tokio::test]
async fn whoever_logs_out_is_out() {
    for (method, path) in [("POST", "/auth/logout"), ("GET", "/api/v2/auth/logout")] {
        let host = Host::start().await;
        for token in [host.tenant("acme").await, host.platform().await] {
            host.ask(ask(method, path).token(&token)).await.expect(204);
            let refused = host.ask(ask(method, path).token(&token)).await.expect(401).json();
            assert_eq!(refused["detail"], "the token was revoked: get a new one");
        }
        host.ask(ask(method, path)).await.expect(401);
    }
}

#[tokio::test]
async fn what_there_is_none_of_is_listed_empty() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    for (path, list) in [("plugins", "plugins"), ("plugins/importErrors", "import_errors"), ("providers", "providers")]
    {
        let answer = host.ask(ask("GET", format!("/api/v2/{path}")).token(&admin)).await.expect(200).json();
        assert_eq!(answer, json!({ list: [], "total_entries": 0 }));
    }
    host.ask(ask("GET", "/api/v2/config/section/core/option/parallelism").token(&admin)).await.expect(403);
    let config = host.ask(ask("GET", "/api/v2/config").token(&admin)).await.expect(403).json();
    assert_eq!(
        config["detail"],
        "The configuration is the platform's and is not exposed; `flow-host config show` prints it."
    );
    let body = json!({ "connection_id": "c", "conn_type": "http" });
    let test = host.ask(ask("POST", "/api/v2/connections/test").token(&admin).json(&body)).await.expect(403).json();
    let detail = test["detail"].as_str().expect("text");
    assert!(detail.starts_with("Testing connections is disabled"), "{detail}");
}

#[tokio::test]
async fn a_dag_shows_what_its_module_says_and_is_parsed_again() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let worker = crate::worker::Worker::start(host.broker.clone());
    let dags = json!([{ "dag_id": "etl", "display_name": "E T L", "tasks": [{ "task_id": "t", "function": "f" }] }]);
    let upload = ask("POST", "/api/v2/modules/m").token(&admin).body("application/wasm", component(&dags));
    host.ask(upload).await.expect(201);
    let source = host.ask(ask("GET", "/api/v2/dagSources/etl?version_number=1").token(&admin)).await.expect(200).json();
    assert_eq!((&source["version_number"], &source["dag_display_name"]), (&json!(1), &json!("E T L")));
    let content = source["content"].as_str().expect("a text");
    assert_eq!(serde_json::from_str::<Value>(content).expect("JSON")["tasks"][0]["task_id"], "t");
    let plain = ask("GET", "/api/v2/dagSources/etl").token(&admin).header("accept", "text/plain");
    assert_eq!(host.ask(plain).await.expect(200).text(), content);
    host.ask(ask("GET", "/api/v2/dagSources/etl?version_number=2").token(&admin)).await.expect(404);
    host.ask(ask("GET", "/api/v2/dagSources/none").token(&admin)).await.expect(404);

    let dag = host.ask(ask("GET", "/api/v2/dags/etl").token(&admin)).await.expect(200).json();
    let again = format!("/api/v2/parseDagFile/{}", dag["file_token"].as_str().expect("a token"));
    assert_eq!(host.ask(ask("PUT", again).token(&admin)).await.expect(201).text(), "null");
    let module = host.ask(ask("GET", "/api/v2/modules/m").token(&admin)).await.expect(200).json();
    assert_eq!((&module["version"], &module["dags"]), (&json!(2), &json!(["etl"])));
    drop(worker);
}

#[tokio::test]
async fn a_task_instance_has_no_links_and_its_log_is_nowhere_else() {
    let host = Host::start().await;
    let (names, _) = crate::population::populate(&host).await;
    let viewer = host.token("alpha", flow_model::roles::Role::Viewer).await;
    let path = names.fill("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}");
    let links = host.ask(ask("GET", format!("{path}/links")).token(&viewer)).await.expect(200).json();
    assert_eq!(links, json!({ "extra_links": {}, "total_entries": 0 }));
    host.ask(ask("GET", format!("{path}/links?map_index=3")).token(&viewer)).await.expect(404);
    host.ask(ask("GET", format!("{path}/dependencies?map_index=3")).token(&viewer)).await.expect(404);
    let user = host.token("alpha", flow_model::roles::Role::User).await;
    let noted = async |query: &str| {
        let body = json!({ "note": "seen" });
        host.ask(ask("PATCH", format!("{path}{query}")).token(&user).json(&body)).await
    };
    assert_eq!(noted("?map_index=-1").await.expect(200).json()["task_instances"][0]["note"], "seen");
    noted("?map_index=3").await.expect(404);
    host.ask(ask("GET", format!("{path}/externalLogUrl/1")).token(&viewer)).await.expect(400);
    host.ask(ask("GET", format!("{path}/externalLogUrl/1?map_index=3")).token(&viewer)).await.expect(404);
}

#[tokio::test]
async fn many_dags_are_paused_and_marked() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let worker = crate::worker::Worker::start(host.broker.clone());
    let task = json!([{ "task_id": "t", "function": "f" }]);
    let dags = json!([{ "dag_id": "etl", "tasks": task }, { "dag_id": "report", "tasks": task }]);
    let upload = ask("POST", "/api/v2/modules/m").token(&admin).body("application/wasm", component(&dags));
    host.ask(upload).await.expect(201);
    drop(worker);
    let pause = async |query: &str, body: Value| {
        host.ask(ask("PATCH", format!("/api/v2/dags{query}")).token(&admin).json(&body)).await
    };
    let shown = pause("?dag_id_pattern=%7E&limit=1", json!({ "is_paused": true })).await.expect(200).json();
    assert_eq!((&shown["total_entries"], &shown["dags"][0]["is_paused"]), (&json!(2), &json!(true)));
    let none = pause("", json!({ "is_paused": false })).await.expect(200).json();
    assert_eq!(none, json!({ "dags": [], "total_entries": 0 }));
    pause("?dag_id_pattern=e", json!({ "paused": true })).await.expect(422);

    host.ask(ask("POST", "/api/v2/dags/etl/favorite").token(&admin)).await.expect(204);
    host.ask(ask("POST", "/api/v2/dags/etl/favorite").token(&admin)).await.expect(409);
    let list = host.ask(ask("GET", "/api/v2/dags?is_favorite=true").token(&admin)).await.expect(200).json();
    assert_eq!((&list["total_entries"], &list["dags"][0]["dag_id"]), (&json!(1), &json!("etl")));
    host.ask(ask("POST", "/api/v2/dags/etl/unfavorite").token(&admin)).await.expect(204);
    host.ask(ask("POST", "/api/v2/dags/etl/unfavorite").token(&admin)).await.expect(409);
}

#[tokio::test]
async fn what_a_task_remembers_is_kept_to_the_letter() {
    let host = Host::start().await;
    let (names, _) = crate::population::populate(&host).await;
    let admin = host.token("alpha", flow_model::roles::Role::User).await;
    let path = names.fill("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store");
    let key = format!("{path}/job.id");
    let put =
        async |body: &str| host.ask(ask("PUT", &key).token(&admin).body("application/json", body.to_owned())).await;
    put(r#"{"value": {"b": 1.10}, "expires_at": "2027-01-15T08:00:00Z"}"#).await.expect(204);
    put(r#"{"value": null}"#).await.expect(422);
    put(r#"{"value": 1, "expires_at": "tomorrow"}"#).await.expect(422);
    put(r#"{"value": 1, "until": null}"#).await.expect(422);
    let shown = host.ask(ask("GET", &key).token(&admin)).await.expect(200);
    let expected = r#"{"key":"job.id","value":{"b": 1.10},"updated_at":"2027-01-15T08:00:00Z","expires_at":"2027-01-15T08:00:00Z"}"#;
    assert_eq!(shown.text(), expected);
    let patched = host.ask(ask("PATCH", &key).token(&admin).json(&json!({ "value": [2] }))).await.expect(200);
    assert_eq!(patched.text(), "null");
    let list = host.ask(ask("GET", &path).token(&admin)).await.expect(200).json();
    let seen: Vec<_> = list["task_state_store"].as_array().expect("a list").iter().map(|one| &one["value"]).collect();
    assert_eq!((seen, &list["total_entries"]), (vec![&json!({ "alpha": 1 }), &json!([2])], &json!(2)));
    host.ask(ask("GET", format!("{path}?map_index=0")).token(&admin)).await.expect(404);
    host.ask(ask("DELETE", &key).token(&admin)).await.expect(204);
    host.ask(ask("DELETE", &key).token(&admin)).await.expect(204);
    host.ask(ask("GET", &key).token(&admin)).await.expect(404);
    host.ask(ask("DELETE", format!("{path}?all_map_indices=true")).token(&admin)).await.expect(204);
    let list = host.ask(ask("GET", &path).token(&admin)).await.expect(200).json();
    assert_eq!(list, json!({ "task_state_store": [], "total_entries": 0 }));
}
