//! Reading a request's body: never more bytes than allowed, never longer than allowed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Segment;
use tokio::time::timeout;

use super::problem::{FieldError, Problem};

/// The longest JSON body: a run's configuration of 1 MiB may be escaped to twice that.
const MAX_JSON: usize = 4 << 20;

/// How long a client may take to send a JSON body.
const JSON_TIME: Duration = Duration::from_secs(30);

/// Reads `body` whole: at most `limit` bytes, within `time`. A declared length over the limit is refused unread.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize, time: Duration) -> Result<Bytes, Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(Problem::too_large(limit));
    }
    match timeout(time, collect(body, limit)).await {
        Ok(bytes) => bytes,
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive in time")),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk =
            chunk.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid", "the body broke off before its end"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// A JSON body. An error names the place, as `FastAPI` does.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        parse(&json(&parts.headers, body).await?).map(Self)
    }
}

/// The bytes of a body that says it is JSON.
pub(super) async fn json(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    if !says_json(headers) {
        let detail = "the body must be JSON: send it with `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
    }
    read(headers, body, MAX_JSON, JSON_TIME).await
}

/// A JSON body that may be left out.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Option<Self>, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = json(&parts.headers, body).await?;
        if bytes.is_empty() { Ok(None) } else { parse(&bytes).map(|body| Some(Self(body))) }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let essence = value.to_str().unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads `bytes` as one JSON object.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // An array would be taken for the members of an object in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(no_object());
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| wrong(error.path().iter(), error.inner()))
        .and_then(|value| json.end().map(|()| value).map_err(|error| wrong([].iter(), &error)))
}

fn no_object() -> Problem {
    let msg = "the body must be a JSON object".to_owned();
    Problem::field(FieldError { kind: "value_error", loc: vec!["body".to_owned()], msg, input: None })
}

/// How much of the way to a mistake is told.
const MAX_DEPTH: usize = 8;

fn wrong<'p>(path: impl Iterator<Item = &'p Segment>, error: &serde_json::Error) -> Problem {
    let steps = path.filter_map(|step| match step {
        Segment::Map { key } => Some(key.clone()),
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    let loc = std::iter::once("body".to_owned()).chain(steps.take(MAX_DEPTH)).collect();
    let (kind, msg) = match error.classify() {
        Category::Data => ("value_error", error.to_string()),
        Category::Syntax | Category::Eof => ("json_invalid", format!("the body is not JSON: {error}")),
        Category::Io => ("json_invalid", "the body could not be read".to_owned()),
    };
    Problem::field(FieldError { kind, loc, msg, input: None })
}
