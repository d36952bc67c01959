//! What every answer wears: a request id, security headers, a line in the trace; and what a panic looks like outside.

use std::any::Any;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::problem::Problem;
use crate::Api;

/// Nothing of ours is a page to render, to frame, to guess the type of, or to keep.
const HEADERS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
];

/// Gives the request an id and the answer its headers, and traces both.
pub(crate) async fn dress(State(api): State<Api>, request: Request, next: Next) -> Response {
    let id = api.tokens.fresh_id().to_string();
    let path = request.extensions().get::<MatchedPath>().map_or("", |matched| matched.as_str()).to_owned();
    let span = tracing::info_span!("request", %id, method = %request.method(), path);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    if status.is_server_error() {
        tracing::warn!(parent: &span, status = status.as_u16(), "answered");
    } else {
        tracing::debug!(parent: &span, status = status.as_u16(), "answered");
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// The answer to a request that made us panic. The payload goes to the log, not to the client.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of an unknown kind"), "a request panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::StatusCode;

    use super::panicked;

    #[tokio::test]
    async fn a_panic_says_nothing_of_itself() {
        let response = panicked(Box::new("the secret is 42"));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), 4_096).await.expect("a short body");
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains("42"), "{text}");
    }
}
