//! The HTTP doors: Airflow's REST API v2, our additions, and the worker door.
//!
//! Handlers decode, ask a service of the broker, encode. Who may call a route is said once, where it is registered
//! (`routes`), and checked before anything else of the request is looked at; it is also what the OpenAPI document says.

mod access;
mod http;
mod openapi;
mod routes;
mod serve;
mod tokens;
mod uploads;
mod worker_door;

use axum::Router;
use axum::middleware::from_fn_with_state;
use flow_broker::LocalBroker;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

pub use openapi::document;
pub use serve::serve;
pub use tokens::Tokens;

use uploads::Uploads;

/// What the doors are made of.
#[derive(Clone)]
pub struct ApiConfig {
    /// Answers every request.
    pub broker: LocalBroker,
    /// Signs and verifies tokens.
    pub tokens: Tokens,
    /// Ends listens that would go on: event streams, followed logs, waiting claims.
    pub shutdown: CancellationToken,
    /// The program's version, as `/api/v2/version` shows it.
    pub version: &'static str,
    /// The largest component that can be uploaded, in bytes.
    pub max_upload: usize,
}

/// What handlers reach: the configuration, shared.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) broker: LocalBroker,
    pub(crate) tokens: Tokens,
    pub(crate) shutdown: CancellationToken,
    pub(crate) version: &'static str,
    pub(crate) max_upload: usize,
    pub(crate) uploads: Uploads,
}

/// Both doors: the public API and the worker's.
pub fn router(config: ApiConfig) -> Router {
    let ApiConfig { broker, tokens, shutdown, version, max_upload } = config;
    let api = Api { broker, tokens, shutdown, version, max_upload, uploads: Uploads::default() };
    routes::all()
        .router(&api)
        .merge(worker_door::routes())
        .fallback(routes::unknown)
        .method_not_allowed_fallback(routes::wrong_method)
        .layer(CatchPanicLayer::custom(http::panicked))
        .layer(from_fn_with_state(api.clone(), http::dress))
        .with_state(api)
}
