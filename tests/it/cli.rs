//! The command line against a running host: a tenant's first hour, and every way to fail.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use flow_model::time::Millis;
use flow_tests::component;
use serde_json::{Value, json};

use crate::shell::{Shell, command};

#[test]
fn a_tenants_first_hour() {
    let shell = Shell::of_member();
    let file = shell.path("hello.wasm");
    std::fs::write(&file, component("hello")).expect("the component can be written");
    let uploaded = shell.json(&["upload", file.to_str().expect("the path is UTF-8")]);
    assert_eq!(
        (&uploaded["name"], &uploaded["version"], &uploaded["dags"]),
        (&json!("hello"), &json!(1), &json!(["hello"]))
    );
    assert_eq!(shell.json(&["dags", "list"])[0]["dag_id"], "hello");

    let run = shell.json(&["dags", "trigger", "hello", "--conf", r#"{"name": "Ada"}"#, "--run-id", "first", "--wait"]);
    assert_eq!((&run["dag_run_id"], &run["state"]), (&json!("first"), &json!("success")));
    assert_eq!(shell.done(&["xcoms", "get", "hello", "first", "greet"]), "Hello, Ada!\n");
    let states = shell.json(&["tasks", "states", "hello", "first", "--state", "success"]);
    assert_eq!(states.as_array().map(Vec::len), Some(3));
    let log = shell.done(&["tasks", "logs", "hello", "first", "tell"]);
    assert!(log.contains("Hello, Ada!"), "{log}");

    assert_eq!(shell.json(&["tasks", "states", "hello", "first", "--task", "greet"]).as_array().map(Vec::len), Some(1));
    for value in ["[1.50]", "seen by Ada"] {
        shell.done(&["xcoms", "set", "hello", "first", "greet", "note", value]);
        assert_eq!(shell.done(&["xcoms", "get", "hello", "first", "greet", "note"]), format!("{value}\n"));
    }
    shell.done(&["xcoms", "delete", "hello", "first", "greet", "note"]);
    assert!(shell.fails(1, &["xcoms", "get", "hello", "first", "greet", "note"]).contains("404"));

    for verb in ["pause", "unpause"] {
        shell.done(&["dags", verb, "hello"]);
        assert_eq!(shell.json(&["dags", "get", "hello"])["is_paused"], verb == "pause");
    }
    shell.done(&["runs", "delete", "hello", "first", "--yes"]);
    assert!(shell.fails(1, &["runs", "get", "hello", "first"]).contains("404"));
}

#[test]
fn a_run_waits_for_the_instant_that_it_is_to_run_after() {
    let shell = Shell::of_member();
    let file = shell.path("hello.wasm");
    std::fs::write(&file, component("hello")).expect("the component can be written");
    shell.done(&["upload", file.to_str().expect("the path is UTF-8")]);
    let later = shell.json(&["dags", "trigger", "hello", "--run-after", "2999-01-01", "--run-id", "later"]);
    assert_eq!((&later["state"], &later["start_date"]), (&json!("queued"), &Value::Null));

    let now: Millis = later["queued_at"].as_str().expect("it waits").parse().expect("an instant");
    let due = now.after(Duration::from_secs(3));
    let run = shell.json(&["dags", "trigger", "hello", "--run-after", &due.to_string(), "--wait"]);
    assert_eq!(run["state"], "success");
    let begun: Millis = run["start_date"].as_str().expect("it has begun").parse().expect("an instant");
    assert!(begun >= due, "{begun} is before {due}");
    assert_eq!(shell.json(&["runs", "get", "hello", "later"])["state"], "queued");
}

#[test]
fn variables_connections_and_pools_go_out_and_come_back() {
    let shell = Shell::of_member();
    shell.done(&["variables", "set", "region", "eu", "--description", "where"]);
    shell.done(&["variables", "set", "limits", r#"{"rows": 10}"#, "--json"]);
    assert_eq!(shell.done(&["variables", "get", "region"]), "eu\n");
    shell.done(&["connections", "add", "db", "--conn-uri", "postgres://me@db.example:5432/sales?sslmode=require"]);
    let connection = shell.json(&["connections", "get", "db"]);
    assert_eq!((&connection["host"], &connection["port"]), (&json!("db.example"), &json!(5432)));

    shell.done(&["pools", "set", "warehouse", "8", "connections to it", "--include-deferred"]);
    assert_eq!(shell.json(&["pools", "get", "warehouse"])["open_slots"], 8);
    shell.done(&["pools", "set", "default_pool", "-1"]);
    assert!(shell.fails(1, &["pools", "delete", "default_pool"]).contains("default pool"));

    for (group, name) in [("variables", "region"), ("connections", "db"), ("pools", "warehouse")] {
        let file = shell.path(&format!("{group}.json"));
        let file = file.to_str().expect("the path is UTF-8");
        let before = shell.json(&[group, "get", name]);
        shell.done(&[group, "export", file]);
        shell.done(&[group, "delete", name]);
        shell.fails(1, &[group, "get", name]);
        shell.done(&[group, "import", file]);
        assert_eq!(shell.json(&[group, "get", name]), before);
    }
}

#[test]
fn a_secret_is_never_overwritten_by_its_mask() {
    let shell = Shell::of_member();
    shell.done(&["connections", "add", "db", "--conn-uri", "postgres://me:hunter2@db.example"]);
    let exported = shell.done(&["connections", "export"]);
    assert!(!exported.contains("hunter2"), "{exported}");
    let file = shell.path("connections.json");
    std::fs::write(&file, exported).expect("it can be written");
    let said = shell.fails(2, &["connections", "import", file.to_str().expect("the path is UTF-8")]);
    assert!(said.contains("masked values cannot be imported: connection `db`"), "{said}");
}

#[test]
fn a_failed_run_is_a_failed_command() {
    let shell = Shell::of_member();
    let file = shell.path("greedy.wasm");
    std::fs::write(&file, component("greedy")).expect("the component can be written");
    shell.done(&["upload", file.to_str().expect("the path is UTF-8")]);
    let conf = r#"{"mode": "recursion"}"#;
    let said = shell.fails(1, &["dags", "trigger", "greedy", "--conf", conf, "--run-id", "r", "--wait"]);
    assert!(said.contains("run `r` of DAG `greedy` failed in "), "{said}");
    assert!(said.contains("flow-host tasks logs greedy r "), "{said}");
}

#[test]
fn what_is_followed_ends_with_the_run() {
    let shell = Shell::of_member();
    let file = shell.path("greedy.wasm");
    std::fs::write(&file, component("greedy")).expect("the component can be written");
    shell.done(&["upload", file.to_str().expect("the path is UTF-8")]);
    shell.done(&["dags", "trigger", "greedy", "--conf", r#"{"mode": "sleep"}"#, "--run-id", "r"]);
    let log = shell.begun(&["tasks", "logs", "greedy", "r", "misbehave", "--follow", "--try", "1"]);
    let waiting = shell.begun(&["runs", "wait", "greedy", "r"]);
    shell.done(&["runs", "cancel", "greedy", "r"]);
    let waited = waiting.wait_with_output().expect("it ends with the run");
    assert_eq!(waited.status.code(), Some(1), "{}", String::from_utf8_lossy(&waited.stderr));
    assert!(log.wait_with_output().expect("it ends with the try").status.success());
}

#[test]
fn state_changes_are_told_as_they_happen() {
    let shell = Shell::of_member();
    let file = shell.path("hello.wasm");
    std::fs::write(&file, component("hello")).expect("the component can be written");
    shell.done(&["upload", file.to_str().expect("the path is UTF-8")]);
    let mut events = shell.begun(&["events", "--follow", "--dag", "hello", "-o", "json"]);
    let output = BufReader::new(events.stdout.take().expect("standard output is piped"));
    let told = std::thread::spawn(move || output.lines().map_while(Result::ok).find(|line| line.contains("success")));
    // When the listener is there cannot be seen from here, so runs go on until it has told of one.
    for _ in 0..100 {
        shell.done(&["dags", "trigger", "hello", "--wait"]);
        if told.is_finished() {
            break;
        }
    }
    events.kill().expect("it can be ended");
    events.wait().expect("it can be waited for");
    let line = told.join().expect("the reader does not panic").expect("a run was told of");
    let event: Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!(event["dag_id"], "hello");
}

#[test]
fn some_things_need_no_server() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for args in [
        &["--help"][..],
        &["dags", "trigger", "--help"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["completions", "fish"],
        &["version", "--url", "http://127.0.0.1:1"],
    ] {
        let output = command(folder.path()).args(args).output().expect("flow-host starts");
        assert!(output.status.success() && !output.stdout.is_empty(), "{args:?}: {output:?}");
    }
}

#[test]
fn each_way_to_fail_has_its_exit_code() {
    let shell = Shell::of_member();
    for (code, args, said) in [
        (1, &["dags", "get", "none"][..], "none"),
        (1, &["runs", "wait", "none", "none"], "none"),
        (2, &["dags", "get", "../x"], "DAG id"),
        (2, &["dags", "trigger", "hello", "--conf", "[1]"], "--conf is not a JSON object"),
        (2, &["upload", "nowhere.wasm"], "cannot read nowhere.wasm"),
        (2, &["dags", "frobnicate"], "frobnicate"),
        (3, &["dags", "list", "--url", "http://127.0.0.1:1"], "cannot reach http://127.0.0.1:1/"),
        (4, &["dags", "list", "--token", "nonsense"], "flow-host login"),
        (4, &["tenants", "list"], "platform-admin"),
    ] {
        let error = shell.fails(code, args);
        assert!(error.contains(said), "{args:?}: {error}");
    }
}
