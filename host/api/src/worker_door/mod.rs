//! The worker door: the broker port over HTTP, for processes that hold no database credentials.
//!
//! It only carries: bodies are the model's types, and what an attempt may do is decided behind it. A worker's token can
//! claim; whatever is done for an attempt needs the attempt's own token as well, which never leaves the host side.

mod attempt;
mod refusal;
mod worker;

use axum::Router;
use axum::routing::{get, post};

use crate::Api;

/// The routes under `/internal/v1`.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/internal/v1/claim", post(worker::claim))
        .route("/internal/v1/renew", post(worker::renew))
        .route("/internal/v1/tell", post(worker::tell))
        .route("/internal/v1/call", post(attempt::call))
        .route("/internal/v1/module", get(attempt::module))
}
