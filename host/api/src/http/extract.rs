//! Parts of the path and the query, parsed into the model's types. What is malformed is 422 and named, never 500.

use std::str::FromStr;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use flow_model::rest::PageRequest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use serde_path_to_error::Segment;
use utoipa::IntoParams;

use super::problem::{FieldError, Problem};

/// The most entries of one page; who asks for more gets these.
const MAX_PAGE: u32 = 1_000;

/// The names in a request's path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = match RawPathParams::from_request_parts(parts, state).await {
            Ok(params) => params,
            Err(RawPathParamsRejection::InvalidUtf8InPathParam(error)) => {
                return Err(wrong("path", Vec::new(), error.body_text(), None));
            }
            Err(_) => return Err(Problem::internal()),
        };
        let pairs: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        parse("path", &pairs).map(Self)
    }
}

/// The parameters of a request's query; a list is a parameter given several times. Unknown ones are ignored.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        query(parts).map(Self)
    }
}

/// Two sets of the query's parameters.
pub(crate) struct Queries<A, B>(pub(crate) A, pub(crate) B);

impl<A: DeserializeOwned, B: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Queries<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(query(parts)?, query(parts)?))
    }
}

fn query<T: DeserializeOwned>(parts: &Parts) -> Result<T, Problem> {
    let text = parts.uri.query().unwrap_or("");
    let pairs: Vec<(String, String)> =
        serde_html_form::from_str(text).map_err(|error| wrong("query", Vec::new(), error.to_string(), None))?;
    parse("query", &pairs)
}

/// Reads named texts as one value of type `T`. Path and query go the same way, so that both say the same of a mistake.
fn parse<T: DeserializeOwned>(place: &'static str, pairs: &[(String, String)]) -> Result<T, Problem> {
    let text = serde_html_form::to_string(pairs).map_err(|_| Problem::internal())?;
    let form = serde_html_form::Deserializer::from_bytes(text.as_bytes());
    serde_path_to_error::deserialize(form).map_err(|error| {
        let name = match error.path().iter().next() {
            Some(Segment::Map { key }) => vec![key.clone()],
            Some(Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown) | None => Vec::new(),
        };
        let sent = pairs.iter().find(|(known, _)| name.first() == Some(known)).map(|(_, value)| value.clone());
        wrong(place, name, error.into_inner().to_string(), sent)
    })
}

fn wrong(place: &str, name: Vec<String>, msg: String, sent: Option<String>) -> Problem {
    let loc = std::iter::once(place.to_owned()).chain(name).collect();
    // What is long is not sent back; whoever sent it knows.
    let input = sent.filter(|text| text.len() <= 64).map(Value::String);
    Problem::field(FieldError { kind: "value_error", loc, msg, input })
}

/// Reads a whole number, and says so where it is none.
pub(crate) fn whole<'de, N: Bounded, D: Deserializer<'de>>(deserializer: D) -> Result<N, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom(format!("use a whole number from {} to {}", N::MIN, N::MAX)))
}

/// Numbers of which the least and the greatest are known.
pub(crate) trait Bounded: FromStr + std::fmt::Display {
    /// The least.
    const MIN: Self;
    /// The greatest.
    const MAX: Self;
}

impl Bounded for u32 {
    const MIN: Self = Self::MIN;
    const MAX: Self = Self::MAX;
}

impl Bounded for i64 {
    const MIN: Self = Self::MIN;
    const MAX: Self = Self::MAX;
}

/// Airflow's paging parameters.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many entries at most, up to 1,000.
    #[serde(deserialize_with = "whole")]
    #[param(default = 50)]
    limit: u32,
    /// How many entries to leave out first.
    #[serde(deserialize_with = "whole")]
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
        within_limit(Self { limit, offset, order_by })
    }
}

/// The same part of a list, with no more entries than a page may have.
pub(crate) fn within_limit(page: PageRequest) -> PageRequest {
    PageRequest { limit: page.limit.min(MAX_PAGE), ..page }
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
