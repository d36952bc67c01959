//! The HTTP API as a stock client would use it.

use std::fmt::Display;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Somebody with a token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// What the host answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The status.
    pub status: StatusCode,
    /// The body, `null` if it is empty, a text if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.body);
        self.body
    }
}

impl Client {
    /// Somebody with this token at this host.
    pub fn new(url: &str, token: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), token: token.to_owned() }
    }

    /// The same somebody at the same host after it has moved.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// The token that it shows.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// `GET path`
    pub async fn get(&self, path: impl Display) -> Answer {
        self.send(self.request(Method::GET, &path)).await
    }

    /// `POST path`
    pub async fn post(&self, path: impl Display, body: &Value) -> Answer {
        self.send(self.request(Method::POST, &path).json(body)).await
    }

    /// `PATCH path`
    pub async fn patch(&self, path: impl Display, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, &path).json(body)).await
    }

    /// `PUT path`
    pub async fn put(&self, path: impl Display) -> Answer {
        self.send(self.request(Method::PUT, &path)).await
    }

    /// `DELETE path`
    pub async fn delete(&self, path: impl Display) -> Answer {
        self.send(self.request(Method::DELETE, &path)).await
    }

    /// Uploads a component under `name`.
    pub async fn upload(&self, name: &str, component: Vec<u8>) -> Answer {
        let request = self.request(Method::POST, &format_args!("/api/v2/modules/{name}"));
        self.send(request.header("content-type", "application/wasm").body(component)).await
    }

    /// Triggers a run and returns its id.
    pub async fn trigger(&self, dag: &str, conf: Value) -> String {
        self.begin(dag, json!({ "logical_date": null, "conf": conf })).await
    }

    /// Triggers a run that stands for this date and returns its id.
    pub async fn trigger_for(&self, date: &str, dag: &str, conf: Value) -> String {
        self.begin(dag, json!({ "logical_date": date, "conf": conf })).await
    }

    async fn begin(&self, dag: &str, body: Value) -> String {
        let run = self.post(format_args!("/api/v2/dags/{dag}/dagRuns"), &body).await.expect(200);
        run["dag_run_id"].as_str().expect("a run id").to_owned()
    }

    /// Waits until a run has ended, and returns how.
    pub async fn wait(&self, dag: &str, run: &str) -> String {
        let path = format!("/api/v2/dags/{dag}/dagRuns/{run}/wait?interval=1");
        let answer = self.send(self.request(Method::GET, &path)).await;
        assert!(answer.status.is_success(), "{}: {}", answer.asked, answer.body);
        let lines = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
        let last: Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("a line is JSON");
        last["state"].as_str().expect("a state").to_owned()
    }

    /// The states of a run's task instances in the order of their tasks' ids, such as `after=success first=failed`.
    pub async fn states(&self, dag: &str, run: &str) -> String {
        let path = format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?order_by=task_id&limit=1000");
        let list = self.get(path).await.expect(200);
        let tasks = list["task_instances"].as_array().expect("a list").iter();
        let states = tasks.map(|task| {
            let id = task["task_id"].as_str().expect("an id");
            format!("{id}={}", task["state"].as_str().unwrap_or("none"))
        });
        states.collect::<Vec<_>>().join(" ")
    }

    /// Looks until task instances of a run have these states, such as `after=success first=failed`.
    pub async fn reaches(&self, dag: &str, run: &str, states: &str) {
        loop {
            let now = self.states(dag, run).await;
            if states.split(' ').all(|state| now.split(' ').any(|one| one == state)) {
                return;
            }
        }
    }

    /// What a task returned.
    pub async fn result(&self, dag: &str, run: &str, task: &str) -> Value {
        let path = format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value");
        self.get(path).await.expect(200)["value"].clone()
    }

    /// A request with the token, for what the verbs above do not cover.
    pub fn request(&self, method: Method, path: &impl Display) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("a well-formed request");
        let asked = format!("{} {}", request.method(), request.url().path());
        let response = self.http.execute(request).await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        let status = response.status();
        let text = response.text().await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        let body =
            serde_json::from_str(&text).unwrap_or_else(|_| if text.is_empty() { Value::Null } else { text.into() });
        Answer { asked, status, body }
    }
}
