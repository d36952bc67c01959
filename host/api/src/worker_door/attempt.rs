//! What is done with an attempt's token alone: its guest's calls, and the component's bytes.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use flow_model::call::{Call, Reply, limit};
use flow_model::port::{Broker, BrokerError};
use flow_model::work::Grant;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::Api;
use crate::access::bearer;
use crate::http::read;
use crate::tokens::{AttemptToken, Tokens};

/// The longest body: a description of DAGs, every character of it escaped, and the rest of the report.
const MAX_BODY: usize = 2 * limit::BULK + (1 << 20);

/// How long a worker may take to send a body.
const BODY_TIME: Duration = Duration::from_mins(1);

/// The attempt that a request acts for, as its token says. Whether it is still the one that counts, the broker decides.
pub(super) struct Attempt(Grant);

impl FromRequestParts<Api> for Attempt {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let missing = || BrokerError::Unauthorized("send the attempt's token as `Authorization: Bearer TOKEN`".into());
        let token = bearer(&parts.headers).ok_or_else(missing)?;
        Ok(Self(grant(&api.tokens, token).await?))
    }
}

/// The grant that a token stands for.
pub(super) async fn grant(tokens: &Tokens, token: &str) -> Result<Grant, BrokerError> {
    let refuse = |reason: String| BrokerError::Unauthorized(reason);
    let (registered, own) = tokens.verify::<AttemptToken>(token).await.map_err(|error| refuse(error.to_string()))?;
    if registered.sub != own.claims.attempt.to_string() {
        return Err(refuse("the token's subject is not its attempt".to_owned()));
    }
    Ok(Grant { claims: own.claims, token: String::new() })
}

pub(super) async fn call(
    State(api): State<Api>,
    Attempt(grant): Attempt,
    request: Request,
) -> Result<Json<Reply>, Refusal> {
    let call: Call = json(request).await?;
    Ok(Json(api.broker.call(&grant, call).await?))
}

pub(super) async fn module(State(api): State<Api>, Attempt(grant): Attempt) -> Result<Response, Refusal> {
    let bytes: Bytes = api.broker.module(&grant).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], bytes).into_response())
}

/// Reads a request's body as one of the port's types.
pub(super) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = read(&parts.headers, body, MAX_BODY, BODY_TIME).await?;
    let value = serde_json::from_slice(&bytes).map_err(|error| BrokerError::Invalid(error.to_string()))?;
    Ok(value)
}
