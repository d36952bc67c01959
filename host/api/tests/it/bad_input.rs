//! What is wrong with a request, told exactly; the answers are the golden files. Nothing of a bad request stays behind.

use std::fmt::Write as _;

use axum::body::{Body, Bytes};
use serde_json::{Value, json};

use crate::golden::keep;
use crate::host::{Ask, Host, MAX_UPLOAD, ask, component};
use crate::worker::Worker;

/// Asks everything and writes down what is answered.
async fn table(host: &Host, cases: Vec<(&str, Ask)>) -> String {
    let mut lines = String::new();
    for (what, ask) in cases {
        let answer = host.ask(ask).await;
        let shown = if answer.body.is_empty() { "(no body)".to_owned() } else { answer.json()["detail"].to_string() };
        writeln!(lines, "{what}\n    {} {shown}", answer.status.as_u16()).expect("it is text");
    }
    lines
}

#[tokio::test]
async fn names_and_parameters() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let get = |path: String| ask("GET", path).token(&admin);
    let long = "x".repeat(300);
    let cases = vec![
        ("a path in a name", get("/api/v2/dags/..%2F..%2Fetc".to_owned())),
        ("a NUL in a name", get("/api/v2/dags/a%00b".to_owned())),
        ("an emoji in a name", get("/api/v2/dags/%F0%9F%9A%80".to_owned())),
        ("a name that is not UTF-8", get("/api/v2/dags/%ff".to_owned())),
        ("300 characters in a name", get(format!("/api/v2/dags/{long}"))),
        ("only dots in a name", get("/api/v2/variables/%2e%2e".to_owned())),
        ("every run where one is meant", get("/api/v2/dags/d/dagRuns/~".to_owned())),
        ("an unknown DAG", get("/api/v2/dags/nothing".to_owned())),
        ("an unknown run", get("/api/v2/dags/nothing/dagRuns/nothing".to_owned())),
        ("a number that is none", get("/api/v2/importErrors/one".to_owned())),
        ("a number over its size", get("/api/v2/importErrors/99999999999999999999".to_owned())),
        ("a limit that is none", get("/api/v2/variables?limit=many".to_owned())),
        ("a limit below 0", get("/api/v2/variables?limit=-1".to_owned())),
        ("an offset over its size", get("/api/v2/variables?offset=99999999999".to_owned())),
        ("an order that there is not", get("/api/v2/variables?order_by=value".to_owned())),
        ("SQL for an order", get("/api/v2/variables?order_by=key%3B%20DROP%20TABLE%20tenant".to_owned())),
        ("an instant without a zone", get("/api/v2/eventLogs?before=2026-01-01T00:00:00".to_owned())),
        ("a route that there is not", get("/api/v2/nothing".to_owned())),
        ("a slash too much", get("/api/v2/variables/".to_owned())),
        ("another method", ask("PUT", "/api/v2/variables").token(&admin)),
    ];
    keep("names", &table(&host, cases).await);
}

#[tokio::test]
async fn bodies() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let post = |body: &str| ask("POST", "/api/v2/variables").token(&admin).body("application/json", body.to_owned());
    let deep = format!(r#"{{"key":"k","value":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let huge = format!(r#"{{"key":"k","value":"{}"}}"#, "x".repeat(5 << 20));
    let cases = vec![
        ("no body", ask("POST", "/api/v2/variables").token(&admin)),
        ("a body that is not JSON", post("{")),
        ("a body after the body", post(r#"{"key":"k","value":"v"} {}"#)),
        ("a body that is not an object", post("[]")),
        (
            "a body that is not UTF-8",
            ask("POST", "/api/v2/variables").token(&admin).body("application/json", b"\"\xff\"".to_vec()),
        ),
        ("a form", ask("POST", "/api/v2/variables").token(&admin).body("application/x-www-form-urlencoded", "key=k")),
        ("a key that is missing", post(r#"{"key":"k"}"#)),
        ("a key that is there twice", post(r#"{"key":"k","key":"l","value":"v"}"#)),
        ("a key that there is not", post(r#"{"key":"k","value":"v","owner":"me"}"#)),
        ("a name that is none", post(r#"{"key":"../k","value":"v"}"#)),
        ("200 brackets", post(&deep)),
        ("5 MiB", post(&huge)),
        ("a NUL in a description", post(r#"{"key":"k","value":"v","description":"a\u0000b"}"#)),
    ];
    keep("bodies", &table(&host, cases).await);
    let list = host.ask(ask("GET", "/api/v2/variables").token(&admin)).await.expect(200).json();
    assert_eq!(list["total_entries"], 0, "something stayed behind");
}

#[tokio::test]
async fn runs() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let worker = Worker::start(host.broker.clone());
    let dags = json!([{ "dag_id": "d", "tasks": [{ "task_id": "t", "function": "f" }] }]);
    host.ask(upload(&admin, component(&dags))).await.expect(201);
    drop(worker);
    let post = |body: Value| ask("POST", "/api/v2/dags/d/dagRuns").token(&admin).json(&body);
    let cases = vec![
        ("a conf that is not an object", post(json!({ "logical_date": null, "conf": [1] }))),
        ("a conf of 2 MiB", post(json!({ "logical_date": null, "conf": { "x": "x".repeat(2 << 20) } }))),
        ("a run id that is a path", post(json!({ "logical_date": null, "dag_run_id": "../r" }))),
        ("a logical date that is none", post(json!({ "logical_date": "yesterday" }))),
        (
            "an unknown DAG",
            ask("POST", "/api/v2/dags/nothing/dagRuns").token(&admin).json(&json!({ "logical_date": null })),
        ),
        (
            "a state that nobody sets",
            ask("PATCH", "/api/v2/dags/d/dagRuns/r").token(&admin).json(&json!({ "state": "tired" })),
        ),
    ];
    keep("runs", &table(&host, cases).await);
    let list = host.ask(ask("GET", "/api/v2/dags/~/dagRuns").token(&admin)).await.expect(200).json();
    assert_eq!(list["total_entries"], 0, "something stayed behind");
}

fn upload(token: &str, bytes: impl Into<Body>) -> Ask {
    ask("POST", "/api/v2/modules/m").token(token).body("application/wasm", bytes)
}

#[tokio::test]
async fn uploads_that_are_no_components() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let endless = futures::stream::repeat(Ok::<_, std::convert::Infallible>(Bytes::from_static(&[0; 4096])));
    let cases = vec![
        ("no bytes", upload(&admin, "")),
        ("text", upload(&admin, "print('hello')")),
        ("native code", upload(&admin, b"\x7fELF\x02\x01\x01".to_vec())),
        ("an import that is not offered", upload(&admin, b"\0asm sockets".to_vec())),
        ("no content type", ask("POST", "/api/v2/modules/m").token(&admin).header("content-length", "4")),
        ("another content type", ask("POST", "/api/v2/modules/m").token(&admin).body("multipart/form-data", "x")),
        ("one byte too many", upload(&admin, vec![0; MAX_UPLOAD + 1])),
        ("no end", upload(&admin, Body::from_stream(endless))),
        ("10 GiB declared", upload(&admin, "x").header("content-length", "10737418240")),
        ("a name that is a path", ask("POST", "/api/v2/modules/..%2Fm").token(&admin).body("application/wasm", "x")),
    ];
    keep("uploads", &table(&host, cases).await);
    let list = host.ask(ask("GET", "/api/v2/modules").token(&admin)).await.expect(200).json();
    assert_eq!(list["total_entries"], 0, "something stayed behind");
}

#[tokio::test]
async fn modules_whose_mappings_are_wrong() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let _worker = Worker::start(host.broker.clone());
    let dag = |groups: Value, more: Value| {
        let mut tasks = vec![json!({ "task_id": "list", "function": "f" })];
        tasks.extend(more.as_array().expect("a list").clone());
        upload(&admin, component(&json!([{ "dag_id": "d", "groups": groups, "tasks": tasks }])))
    };
    let group = |id: &str, over: Value| json!({ "group_id": id, "expand": [{ "name": "x", "over": over }] });
    let list = || json!({ "output": "list" });
    let inner = |over: Value| {
        let mut inner = group("outer.inner", over);
        inner["parent"] = "outer".into();
        inner
    };
    let task = |more: Value| {
        let mut task = json!({ "task_id": "t", "function": "f" });
        task.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!([task])
    };
    let over = |source: Value| task(json!({ "arguments": [{ "expand": source }] }));
    let inside = |more: Value| {
        let mut tasks = task(more);
        tasks[0]["group"] = "outer".into();
        dag(json!([group("outer", list())]), tasks)
    };
    let cases = vec![
        ("a mapped group in a mapped group", dag(json!([group("outer", list()), inner(list())]), json!([]))),
        ("a mapped task in a mapped group", inside(json!({ "arguments": [{ "expand": { "literal": [1, 2] } }] }))),
        ("expand_kwargs in a mapped group", inside(json!({ "expand_kwargs": { "literal": [{ "a": 1 }] } }))),
        (
            "a group that is mapped over a task of its own",
            dag(json!([group("g", json!({ "output": "t" }))]), task(json!({ "group": "g" }))),
        ),
        ("a rule that does not wait in a mapped group", inside(json!({ "trigger_rule": "always" }))),
        ("a task that is mapped over itself", dag(json!([]), over(json!({ "output": "t" })))),
        ("a task that is mapped over nobody", dag(json!([]), over(json!({ "output": "nobody" })))),
        ("a number to map over", dag(json!([]), over(json!({ "literal": 7 })))),
        ("100,001 elements", dag(json!([]), over(json!({ "literal": vec![0; 100_001] })))),
        (
            "both ways of mapping",
            dag(
                json!([]),
                task(json!({
            "arguments": [{ "expand": { "literal": [1] } }], "expand_kwargs": { "literal": [{ "a": 1 }] } })),
            ),
        ),
        (
            "a label of what is not there",
            dag(
                json!([]),
                task(json!({
            "map_index_template": "{fil}", "parameters": ["file"], "arguments": [{ "expand": { "literal": ["a"] } }] })),
            ),
        ),
    ];
    keep("mappings", &table(&host, cases).await);
    let list = host.ask(ask("GET", "/api/v2/dags").token(&admin)).await.expect(200).json();
    assert_eq!(list["total_entries"], 0, "something stayed behind");
}

#[tokio::test]
async fn modules_whose_dags_are_wrong() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let _worker = Worker::start(host.broker.clone());
    let one = |id: &str, rest: Value| {
        let mut dag = json!({ "dag_id": id, "tasks": [{ "task_id": "t", "function": "f" }] });
        dag.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        upload(&admin, component(&json!([dag])))
    };
    let tasks = |tasks: Value| one("d", json!({ "tasks": tasks }));
    let cron = |expression: &str, zone: &str| {
        one("d", json!({ "schedule": { "cron": { "expression": expression, "timezone": zone } } }))
    };
    let task = |id: &str, upstream: &[&str]| json!({ "task_id": id, "function": "f", "depends_on": upstream });
    let many: Vec<Value> = (0..=100_000).map(|n| json!({ "task_id": format!("t{n}"), "function": "f" })).collect();
    let dag = json!({ "dag_id": "d", "tasks": [{ "task_id": "t", "function": "f" }] });
    let twice = json!([dag, dag]);
    let cases = vec![
        ("no tasks", one("d", json!({ "tasks": [] }))),
        ("no DAGs", upload(&admin, component(&json!([])))),
        ("no list", upload(&admin, component(&json!({})))),
        ("no JSON", upload(&admin, b"\0asm{".to_vec())),
        ("a DAG id that is a path", one("../d", json!({}))),
        ("a DAG id that is an emoji", one("🚀", json!({}))),
        ("a DAG id of 300 characters", one(&"x".repeat(300), json!({}))),
        ("a DAG id with a NUL", one("a\0b", json!({}))),
        ("a key that there is not", one("d", json!({ "colour": "red" }))),
        ("a DAG that is there twice", upload(&admin, component(&twice))),
        ("a task that is there twice", tasks(json!([task("t", &[]), task("t", &[])]))),
        ("an edge to itself", tasks(json!([task("t", &["t"])]))),
        ("a cycle", tasks(json!([task("a", &["c"]), task("b", &["a"]), task("c", &["b"])]))),
        ("an edge to nothing", tasks(json!([task("a", &["z"])]))),
        ("100,001 tasks", tasks(Value::Array(many))),
        ("a cron expression that is none", cron("every day", "UTC")),
        ("30 February", cron("0 0 30 2 *", "UTC")),
        ("a zone that there is not", cron("0 0 * * *", "../../etc/passwd")),
    ];
    keep("dags", &table(&host, cases).await);
    let list = host.ask(ask("GET", "/api/v2/dags").token(&admin)).await.expect(200).json();
    assert_eq!(list["total_entries"], 0, "something stayed behind");
}

#[tokio::test]
async fn the_same_bytes_twice_are_one_version() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let _worker = Worker::start(host.broker.clone());
    let dags = |id: &str| component(&json!([{ "dag_id": id, "tasks": [{ "task_id": "t", "function": "f" }] }]));
    let first = host.ask(upload(&admin, dags("d"))).await.expect(201).json();
    assert_eq!((&first["name"], &first["version"], &first["dags"]), (&json!("m"), &json!(1), &json!(["d"])));
    let again = host.ask(upload(&admin, dags("d"))).await.expect(200).json();
    assert_eq!(again["version"], 1);
    let next = host.ask(upload(&admin, dags("e"))).await.expect(201).json();
    assert_eq!(next["version"], 2);
    host.ask(upload(&admin, component(&json!([])))).await.expect(422);
    let module = host.ask(ask("GET", "/api/v2/modules/m").token(&admin)).await.expect(200).json();
    assert_eq!((&module["version"], &module["dags"]), (&json!(2), &json!(["e"])), "the last good version stays");
}
