//! How the server is: liveness, readiness, health in Airflow's shape, version, public keys, the OpenAPI document.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use flow_model::rest::health::Health;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use crate::Api;
use crate::http::Problem;

pub(super) fn routes() -> Routes {
    Routes::default()
        .open(routes!(get_live))
        .open(routes!(get_ready))
        .open(routes!(get_monitor_health))
        .open(routes!(get_version))
        .open(routes!(get_jwks))
        .open(routes!(get_openapi))
}

/// A one-word answer.
#[derive(Serialize, ToSchema)]
struct Status {
    /// `ok`
    status: &'static str,
}

/// Which program answers.
#[derive(Serialize, ToSchema)]
struct VersionInfo {
    /// The program's version.
    version: &'static str,
    /// Always null: the version says it all.
    git_version: Option<String>,
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/health", tag = "Monitor", responses((status = 200, body = Status)))]
async fn get_live() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Whether requests can be served: the database answers.
#[utoipa::path(get, path = "/ready", tag = "Monitor", responses((status = 200, body = Status)))]
async fn get_ready(State(api): State<Api>) -> Result<Json<Status>, Problem> {
    api.broker.ping().await?;
    Ok(Json(Status { status: "ok" }))
}

/// The parts' health.
#[utoipa::path(get, path = "/api/v2/monitor/health", tag = "Monitor", responses((status = 200, body = Health)))]
async fn get_monitor_health(State(api): State<Api>) -> Json<Health> {
    Json(api.broker.health().await)
}

/// Which program answers.
#[utoipa::path(get, path = "/api/v2/version", tag = "Monitor", responses((status = 200, body = VersionInfo)))]
async fn get_version(State(api): State<Api>) -> Json<VersionInfo> {
    Json(VersionInfo { version: api.version, git_version: None })
}

/// The public halves of the keys that tokens are signed with.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "Login", responses((status = 200, body = Value)))]
async fn get_jwks(State(api): State<Api>) -> Json<Value> {
    Json(api.tokens.keyring().jwks().clone())
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| crate::document().to_json().unwrap_or_else(|error| format!("{{\"detail\":\"{error}\"}}")));

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "Monitor", responses((status = 200, body = Value)))]
async fn get_openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}
