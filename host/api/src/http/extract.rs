//! Parts of the path and the query, parsed into the model's types. What is malformed is 422 and named, never 500.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::http::request::Parts;
use flow_model::rest::PageRequest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use utoipa::IntoParams;

use super::problem::{FieldError, Problem};

/// The most entries of one page; who asks for more gets these.
const MAX_PAGE: u32 = 1_000;

/// The names in a request's path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(names)) => Ok(Self(names)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(in_path(error.into_kind())),
            Err(_) => Err(Problem::internal()),
        }
    }
}

fn in_path(error: ErrorKind) -> Problem {
    let (name, value, msg) = match error {
        ErrorKind::ParseErrorAtKey { key, value, expected_type } => (key, value, format!("expected {expected_type}")),
        ErrorKind::DeserializeError { key, value, message } => (key, value, message),
        ErrorKind::InvalidUtf8InPathParam { key } => (key, String::new(), "it is not UTF-8".to_owned()),
        // The others come from a handler whose type does not fit its path; a test that asks every route would see it.
        _ => return Problem::internal(),
    };
    Problem::field(FieldError { kind: "value_error", loc: vec!["path".to_owned(), name], msg, input: short(value) })
}

/// What was sent, if it is short enough to be sent back.
fn short(value: String) -> Option<Value> {
    (value.len() <= 64).then_some(Value::String(value))
}

/// The parameters of a request's query; a list is a parameter given several times. Unknown ones are ignored.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or("");
        let form = serde_html_form::Deserializer::from_bytes(text.as_bytes());
        serde_path_to_error::deserialize(form).map(Self).map_err(|error| {
            let name = error.path().to_string();
            let msg = error.into_inner().to_string();
            Problem::field(FieldError { kind: "value_error", loc: vec!["query".to_owned(), name], msg, input: None })
        })
    }
}

/// Airflow's paging parameters.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many entries at most, up to 1,000.
    #[param(default = 50)]
    limit: u32,
    /// How many entries to leave out first.
    #[param(default = 0)]
    offset: u32,
    /// Fields to sort by, `-` in front for descending; may be given several times.
    order_by: Vec<String>,
}

impl Default for PageQuery {
    fn default() -> Self {
        let PageRequest { limit, offset, order_by } = PageRequest::default();
        Self { limit, offset, order_by }
    }
}

impl From<PageQuery> for PageRequest {
    fn from(query: PageQuery) -> Self {
        let PageQuery { limit, offset, order_by } = query;
        Self { limit: limit.min(MAX_PAGE), offset, order_by }
    }
}

/// A name in a path, or `~` for every object of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wild<T> {
    /// `~`
    Any,
    /// This one.
    One(T),
}

impl<T> Wild<T> {
    /// The one that is meant, if it is one.
    pub(crate) fn one(self) -> Option<T> {
        match self {
            Self::Any => None,
            Self::One(name) => Some(name),
        }
    }
}

impl<'de, T: FromStr<Err: std::fmt::Display>> Deserialize<'de> for Wild<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "~" {
            return Ok(Self::Any);
        }
        text.parse().map(Self::One).map_err(de::Error::custom)
    }
}
