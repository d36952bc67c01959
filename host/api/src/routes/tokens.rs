//! `/api/v2/tokens`: the issued tokens of the caller's tenant, or, for the platform's administration, of the platform.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::TokenId;
use flow_model::rest::tokens::{NewToken, Token, TokenBody, WorkerTokenBody};
use flow_model::roles::Role;
use flow_model::token::IssuedToken;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::Tokens;
use crate::Api;
use crate::access::{Caller, Member, Platform};
use crate::http::{Json, PageQuery, Path, Problem, Query};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least_or_platform(Role::Admin, routes!(get_tokens))
        .at_least_or_platform(Role::Admin, routes!(delete_token))
        .at_least(Role::Admin, routes!(post_token))
        .platform(routes!(post_worker_token))
        .platform(routes!(post_signing_key))
}

#[derive(Deserialize, IntoParams)]
struct TokenPath {
    /// The token's id, its `jti`.
    #[param(value_type = String)]
    id: TokenId,
}

/// The issued tokens, without the tokens themselves.
#[utoipa::path(
    get,
    path = "/api/v2/tokens",
    tag = "Token",
    params(PageQuery),
    responses((status = 200, body = Tokens)),
)]
async fn get_tokens(
    State(api): State<Api>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Tokens>, Problem> {
    let page = page.into();
    let tokens = match &caller {
        Caller::Member(actor) => api.broker.tokens(&actor.tenant, &page).await?,
        Caller::Platform(_) => api.broker.platform_tokens(&page).await?,
    };
    Ok(Json(tokens.into()))
}

/// Issues a token of the tenant. It is shown this once.
#[utoipa::path(post, path = "/api/v2/tokens", tag = "Token", responses((status = 201, body = NewToken)))]
async fn post_token(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<TokenBody>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let issued = api.broker.issue_token(&actor, body).await?;
    created(&api, issued)
}

/// Issues a worker's token. It is shown this once.
#[utoipa::path(post, path = "/api/v2/tokens/workers", tag = "Token", responses((status = 201, body = NewToken)))]
async fn post_worker_token(
    State(api): State<Api>,
    Platform(actor): Platform,
    Json(body): Json<WorkerTokenBody>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let issued = api.broker.issue_worker_token(&actor, body).await?;
    created(&api, issued)
}

/// Makes a new signing key, which signs from now on. What the former ones signed stays valid until it expires.
#[utoipa::path(post, path = "/api/v2/tokens/keys", tag = "Token", responses((status = 204)))]
async fn post_signing_key(State(api): State<Api>, Platform(actor): Platform) -> Result<StatusCode, Problem> {
    api.tokens.rotate(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The answer that shows a token for the only time.
pub(super) fn created(api: &Api, issued: IssuedToken) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let access_token = api.tokens.sign_issued(&issued)?;
    Ok((StatusCode::CREATED, Json(NewToken { token: Token::from(issued), access_token })))
}

/// Revokes a token: from now on it opens nothing.
#[utoipa::path(delete, path = "/api/v2/tokens/{id}", tag = "Token", params(TokenPath), responses((status = 204)))]
async fn delete_token(
    State(api): State<Api>,
    caller: Caller,
    Path(path): Path<TokenPath>,
) -> Result<StatusCode, Problem> {
    match &caller {
        Caller::Member(actor) => api.broker.revoke_token(actor, path.id).await?,
        Caller::Platform(actor) => api.broker.revoke_platform_token(actor, path.id).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}
