//! Waiting without a slot, end to end: for time, a sensor, a trigger in its sandbox, a person, another run, and a page.

use flow_tests::{Client, component};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::database::{Database, on_both_databases};

on_both_databases!(
    a_run_waits_and_goes_on,
    a_page_is_waited_for_where_it_may_be,
    a_host_killed_while_tasks_wait_goes_on
);

fn instance(dag: &str, run: &str, task: &str) -> String {
    format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}")
}

/// Looks until a task instance is in one of these states, and answers in which.
async fn comes_to(tenant: &Client, path: &str, states: &[&str]) -> String {
    loop {
        let state = tenant.get(path).await.expect(200)["state"].as_str().unwrap_or("none").to_owned();
        if states.contains(&state.as_str()) {
            return state;
        }
    }
}

async fn answer(tenant: &Client, run: &str, body: Value) -> flow_tests::Answer {
    tenant.patch(format!("{}/-1/hitlDetails", instance("waiting", run, "release")), &body).await
}

async fn a_run_waits_and_goes_on(database: Database) {
    let stage = database.stage(&["--workers", "1"]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("waiting", component("waiting")).await.expect(201);
    let run = tenant.trigger_for("2026-02-01T00:00:00Z", "waiting", json!({})).await;
    let follower = tenant.trigger_for("2026-02-01T00:00:00Z", "follower", json!({})).await;
    comes_to(&tenant, &instance("waiting", &run, "release"), &["awaiting_input"]).await;
    assert_eq!(tenant.wait("follower", &follower).await, "success", "the one slot is free for others");

    let open = tenant.get("/api/v2/dags/~/dagRuns/~/hitlDetails?state=awaiting_input").await.expect(200);
    let question = &open["hitl_details"][0];
    assert_eq!((&open["total_entries"], &question["subject"]), (&json!(1), &json!("Publish the file?")));
    assert_eq!((&question["options"], &question["defaults"]), (&json!(["publish", "drop"]), &json!(["drop"])));
    assert_eq!(question["params"]["copies"]["schema"]["minimum"], 1);
    assert!(question["response_timeout_at"].is_string(), "{question}");
    for wrong in
        [json!({"chosen_options": ["burn"]}), json!({"chosen_options": ["publish"], "params_input": {"copies": 0}})]
    {
        answer(&tenant, &run, wrong).await.expect(422);
    }
    let right = json!({"chosen_options": ["publish"], "params_input": {"copies": 2}});
    let taken = answer(&tenant, &run, right.clone()).await.expect(200);
    assert_eq!(taken["responded_by"]["name"], "admin");
    answer(&tenant, &run, right).await.expect(409);

    assert_eq!(tenant.wait("waiting", &run).await, "success");
    assert_eq!(tenant.result("waiting", &run, "publish").await, "seen at look 3; job-1 ended; 2 copies");
    let tasks = tenant.get(format!("/api/v2/dags/waiting/dagRuns/{run}/taskInstances")).await.expect(200);
    let tries = tasks["task_instances"].as_array().expect("a list").iter().map(|task| &task["try_number"]);
    assert_eq!(tries.collect::<Vec<_>>(), [1; 5], "however often they looked, it was one try");
}

/// A page that is answered with each of these statuses once, and from then on with the last one.
async fn page(statuses: &'static [u16]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/ready", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let mut left = statuses.iter().peekable();
        while let Ok((mut stream, _)) = listener.accept().await {
            let status = if left.len() > 1 { left.next() } else { left.peek().copied() };
            // Nothing is read of the request but its begin; whoever asks closes the connection.
            let _ = stream.read(&mut [0; 1_024]).await;
            let answer =
                format!("HTTP/1.1 {} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", status.expect("one"));
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}

/// How the task `page` of a run that is told to wait for `url` ends, and why.
async fn watched(tenant: &Client, url: &str) -> (String, Value) {
    let run = tenant.trigger("watcher", json!({ "url": url })).await;
    let path = instance("watcher", &run, "page");
    let state = comes_to(tenant, &path, &["success", "failed", "up_for_retry"]).await;
    let shown = tenant.get(path).await.expect(200);
    if state == "success" {
        assert_eq!(tenant.wait("watcher", &run).await, "success");
        return (state, tenant.result("watcher", &run, "report").await);
    }
    (state, shown["error_message"].clone())
}

async fn a_page_is_waited_for_where_it_may_be(database: Database) {
    let url = page(&[503, 404, 200]).await;
    let stage = database.stage(&["--allowed-networks", "127.0.0.0/8"]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("waiting", component("waiting")).await.expect(201);
    let found = watched(&tenant, &url).await;
    assert_eq!(found, ("success".to_owned(), json!("job-2 ended; the page answered 200")));
    let (state, why) = watched(&tenant, "https://example.org/").await;
    assert_eq!(state, "failed");
    assert!(why.to_string().contains("does not declare that it uses it: add it to `uses.origins`"), "{why}");

    let strict = database.stage(&[]);
    let tenant = strict.host.tenant("acme").await;
    tenant.upload("waiting", component("waiting")).await.expect(201);
    let (state, why) = watched(&tenant, &url).await;
    assert_eq!(state, "failed");
    assert!(why.to_string().contains("this host's operator does not allow its network"), "{why}");
}

async fn a_host_killed_while_tasks_wait_goes_on(database: Database) {
    let mut stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    tenant.upload("waiting", component("waiting")).await.expect(201);
    let token = tenant.token().to_owned();
    let run = tenant.trigger("waiting", json!({ "looks": 5 })).await;
    for (task, states) in [
        ("pause", &["deferred", "success"]),
        ("run_job", &["deferred", "success"]),
        ("file_is_there", &["up_for_reschedule", "success"]),
        ("release", &["awaiting_input"; 2]),
    ] {
        let tenant = Client::new(stage.host.url(), &token);
        comes_to(&tenant, &instance("waiting", &run, task), states).await;
        stage.host = stage.host.kill_and_restart();
    }
    let tenant = Client::new(stage.host.url(), &token);
    answer(&tenant, &run, json!({"chosen_options": ["publish"]})).await.expect(200);
    assert_eq!(tenant.wait("waiting", &run).await, "success");
    let result = tenant.result("waiting", &run, "publish").await.to_string();
    assert!(result.contains("job-1 ended; 1 copies"), "{result}");
}
