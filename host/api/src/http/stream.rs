//! Answers that go on: newline-delimited JSON and server-sent events. Each ends when its listener may listen no longer.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use serde::Serialize;

/// How often a silent event stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One JSON value a line, until the stream ends or `until` is ready.
pub(crate) fn ndjson<T: Serialize>(
    values: impl Stream<Item = T> + Send + 'static,
    until: BoxFuture<'static, ()>,
) -> Response {
    let lines = values.take_until(until).map(|value| {
        serde_json::to_vec(&value).map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        })
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// One event for each value, until the stream ends or `until` is ready.
pub(crate) fn sse<T: Serialize>(
    name: &'static str,
    values: impl Stream<Item = T> + Send + 'static,
    until: BoxFuture<'static, ()>,
) -> Response {
    let events = values.take_until(until).map(move |value| {
        // A value of ours that is not JSON is a bug; the listener sees an empty event rather than a broken stream.
        let data = serde_json::to_string(&value).unwrap_or_default();
        Ok::<_, Infallible>(Event::default().event(name).data(data))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}
