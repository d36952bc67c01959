//! One tenant of the demo, made and used over HTTP as anybody else would: with its own token and nothing else.

use anyhow::{Context as _, Result};
use reqwest::{Body, Method, StatusCode, Url};
use serde_json::{Value, json};

use super::script::{Run, Tenant};
use crate::client::{Call, Client, at};
use crate::errors::Failure;

/// The name of each tenant's only member.
const USERNAME: &str = "demo";

/// A tenant and somebody who may do everything in it.
pub(super) struct Member {
    /// The tenant.
    pub(super) tenant: &'static Tenant,
    /// Talks to the server in the tenant's name.
    pub(super) client: Client,
    /// The server.
    url: Url,
}

/// A run that was triggered.
pub(super) struct Triggered {
    /// What was asked for.
    pub(super) run: &'static Run,
    /// Its id.
    pub(super) id: String,
}

impl Member {
    /// Makes the tenant, unless an earlier demo did, and logs in.
    pub(super) async fn join(platform: &Client, url: &Url, tenant: &'static Tenant) -> Result<Self> {
        let password = password(tenant);
        let body = json!({ "name": tenant.name, "admin": { "username": USERNAME, "password": password } });
        platform.answer_unless(Call::post(at!["tenants"], body), StatusCode::CONFLICT).await?;
        let body = json!({ "username": login(tenant), "password": password });
        let answer = Client::new(url.clone(), None)?.answer_at(["auth", "token"], &body).await?;
        let token = text(&answer, "access_token")?;
        Ok(Self { tenant, client: Client::new(url.clone(), Some(token))?, url: url.clone() })
    }

    /// Uploads a component and says which version it is and which DAGs it holds.
    pub(super) async fn upload(&self, name: &str, component: Vec<u8>) -> Result<String> {
        let length = u64::try_from(component.len())?;
        let call = Call { method: Method::POST, path: at!["modules", name], query: Vec::new(), body: None };
        let answer = self.client.upload(call, "application/wasm", length, Body::from(component)).await;
        let answer = answer.with_context(|| format!("cannot upload `{name}`"))?;
        Ok(format!("version {}, {} KiB, DAGs {}", answer["version"], length >> 10, answer["dags"]))
    }

    /// Sets what the tenant's tasks read.
    pub(super) async fn provide(&self) -> Result<()> {
        for (key, value) in self.tenant.variables {
            let body = json!({ "key": key, "value": value });
            let made = Call::post(at!["variables"], body.clone());
            if self.client.answer_unless(made, StatusCode::CONFLICT).await?.is_none() {
                self.client.answer(Call::patch(at!["variables", key], body)).await?;
            }
        }
        for (id, host) in self.tenant.connections {
            let body = json!({ "connection_id": id, "conn_type": "http", "host": host });
            self.client.answer_unless(Call::post(at!["connections"], body), StatusCode::CONFLICT).await?;
        }
        Ok(())
    }

    /// Triggers a run.
    pub(super) async fn trigger(&self, run: &'static Run) -> Result<Triggered> {
        let body = json!({ "logical_date": null, "conf": (run.conf)() });
        let answer = self.client.answer(Call::post(at!["dags", run.dag, "dagRuns"], body)).await;
        let answer = answer.with_context(|| format!("cannot trigger `{}`", run.dag))?;
        Ok(Triggered { run, id: text(&answer, "dag_run_id")? })
    }

    /// The run as the API shows it.
    pub(super) async fn run(&self, triggered: &Triggered) -> Result<Value> {
        self.client.answer(Call::get(at!["dags", triggered.run.dag, "dagRuns", triggered.id])).await
    }

    /// The run's task instances, as the API shows them.
    pub(super) async fn tasks(&self, triggered: &Triggered) -> Result<Vec<Value>> {
        let path = at!["dags", triggered.run.dag, "dagRuns", triggered.id, "taskInstances"];
        let answer = self.client.answer(Call::get(path).with("limit", Some(100))).await?;
        Ok(answer["task_instances"].as_array().cloned().unwrap_or_default())
    }

    /// What a task returned, if anything.
    pub(super) async fn result(&self, triggered: &Triggered, task: &str) -> Result<Option<Value>> {
        let (dag, run) = (triggered.run.dag, &triggered.id);
        let path = at!["dags", dag, "dagRuns", run, "taskInstances", task, "xcomEntries", "return_value"];
        let answer = self.client.answer_unless(Call::get(path), StatusCode::NOT_FOUND).await?;
        Ok(answer.map(|entry| entry["value"].clone()))
    }

    /// Where the run can be looked at.
    pub(super) fn link(&self, triggered: &Triggered) -> Url {
        Call::get(at!["dags", triggered.run.dag, "dagRuns", triggered.id]).url(&self.url)
    }
}

/// The name that the tenant's member logs in with.
pub(super) fn login(tenant: &Tenant) -> String {
    format!("{USERNAME}@{}", tenant.name)
}

/// The demo is for trying things out, so its passwords are no secrets.
pub(super) fn password(tenant: &Tenant) -> String {
    format!("demo-password-of-{}", tenant.name)
}

fn text(answer: &Value, field: &str) -> Result<String> {
    let text = answer.get(field).and_then(Value::as_str);
    Ok(text.ok_or_else(|| Failure::failed(format!("the server's answer has no `{field}`")))?.to_owned())
}
