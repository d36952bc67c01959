//! Answers that go on: waiting for a run, following a log, watching state changes.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::host::{Host, ask};
use crate::worker::{Worker, with_a_dag};

const PATIENCE: Duration = Duration::from_secs(20);

async fn trigger(host: &Host, admin: &str) {
    let body = json!({ "dag_run_id": "r", "logical_date": null });
    host.ask(ask("POST", "/api/v2/dags/d/dagRuns").token(admin).json(&body)).await.expect(200);
}

/// An answer of which parts arrive one by one.
struct Listening(BodyDataStream);

impl Listening {
    async fn start(host: &Host, path: &str, token: &str, accept: &str) -> Self {
        let request = Request::builder()
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", accept)
            .body(Body::empty())
            .expect("a request");
        let response = host.app.clone().oneshot(request).await.expect("the router never fails");
        assert_eq!(response.status(), StatusCode::OK);
        Self(response.into_body().into_data_stream())
    }

    async fn next(&mut self) -> Option<String> {
        let part = timeout(PATIENCE, self.0.next()).await.expect("something comes in time")?;
        Some(String::from_utf8(part.expect("a part").to_vec()).expect("it is text"))
    }

    async fn rest(&mut self) -> String {
        let mut rest = String::new();
        while let Some(part) = self.next().await {
            rest.push_str(&part);
        }
        rest
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[tokio::test]
async fn waiting_ends_with_the_run_and_tells_its_results() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin).await;
    let path = "/api/v2/dags/d/dagRuns/r/wait?interval=30&result=t&result=nothing";
    let mut wait = Listening::start(&host, path, &admin, "*/*").await;
    assert_eq!(wait.next().await.as_deref(), Some("{\"state\":\"running\"}\n"));
    let _worker = Worker::start(host.broker.clone());
    assert_eq!(lines(&wait.rest().await), [json!({ "state": "success", "results": { "t": "f" } })]);
}

#[tokio::test]
async fn waiting_for_a_run_that_has_ended_says_so_once() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin).await;
    let _worker = Worker::start(host.broker.clone());
    let path = "/api/v2/dags/d/dagRuns/r/wait?interval=1";
    host.ask(ask("GET", path).token(&admin)).await.expect(200);
    assert_eq!(host.ask(ask("GET", path).token(&admin)).await.expect(200).text(), "{\"state\":\"success\"}\n");
}

#[tokio::test]
async fn a_followed_log_goes_on_until_the_try_has_ended() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin).await;
    let log = "/api/v2/dags/d/dagRuns/r/taskInstances/t/logs/1";
    let mut follow = Listening::start(&host, &format!("{log}?follow=true"), &admin, "*/*").await;
    let mut events = Listening::start(&host, &format!("{log}?follow=true"), &admin, "text/event-stream").await;
    let _worker = Worker::start(host.broker.clone());
    let followed = lines(&follow.rest().await);
    assert_eq!(followed[0]["event"], "t of r works");
    assert!(events.rest().await.starts_with("event: log\ndata: {"), "the same as server-sent events");

    let whole = host.ask(ask("GET", log).token(&admin)).await.expect(200).json();
    assert_eq!(whole["content"], Value::Array(followed.clone()));
    assert_eq!(whole["continuation_token"], Value::Null);
    let ndjson = host.ask(ask("GET", log).token(&admin).header("accept", "application/x-ndjson")).await.expect(200);
    assert_eq!(lines(&ndjson.text()), followed);
}

#[tokio::test]
async fn state_changes_are_told_to_their_tenant_alone() {
    let (host, admin) = with_a_dag().await;
    let stranger = host.tenant("other").await;
    let mut own = Listening::start(&host, "/api/v2/events", &admin, "*/*").await;
    let mut wrong_dag = Listening::start(&host, "/api/v2/events?dag_id=other", &admin, "*/*").await;
    let mut strangers = Listening::start(&host, "/api/v2/events", &stranger, "*/*").await;
    let _worker = Worker::start(host.broker.clone());
    trigger(&host, &admin).await;
    let mut told = String::new();
    while !told.contains("\"kind\":\"dag_run\",\"dag_id\":\"d\",\"dag_run_id\":\"r\",\"state\":\"success\"") {
        told.push_str(&own.next().await.expect("the stream goes on"));
    }
    host.shutdown.cancel();
    assert_eq!(wrong_dag.rest().await, "");
    assert_eq!(strangers.rest().await, "");
}

#[tokio::test]
async fn a_stream_ends_with_its_listeners_token() {
    let (host, admin) = with_a_dag().await;
    let issued = json!({ "subject": "ci", "role": "viewer" });
    let issued = host.ask(ask("POST", "/api/v2/tokens").token(&admin).json(&issued)).await.expect(201).json();
    let token = issued["access_token"].as_str().expect("a token");
    let mut events = Listening::start(&host, "/api/v2/events", token, "*/*").await;
    let path = format!("/api/v2/tokens/{}", issued["id"].as_str().expect("an id"));
    host.ask(ask("DELETE", path).token(&admin)).await.expect(204);
    assert_eq!(events.rest().await, "");
}
