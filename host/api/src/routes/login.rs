//! `/auth`: a name and a password for a token, as Airflow's auth manager does it, and the end of a token.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::rest::login::{AccessToken, LoginBody};
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use crate::Api;
use crate::access::{Caller, Session};
use crate::http::{FieldError, Json, Problem};

pub(super) fn routes() -> Routes {
    Routes::default()
        .open(routes!(post_auth_token))
        .open(routes!(post_auth_token_cli))
        .at_least_or_platform(Role::Viewer, routes!(post_auth_logout))
        .at_least_or_platform(Role::Viewer, routes!(get_logout))
}

/// A token for a member of a tenant.
#[utoipa::path(post, path = "/auth/token", tag = "Login", responses((status = 201, body = AccessToken)))]
async fn post_auth_token(
    State(api): State<Api>,
    Json(body): Json<LoginBody>,
) -> Result<(StatusCode, Json<AccessToken>), Problem> {
    login(&api, body).await
}

/// The same, where Airflow's command line looks for it.
#[utoipa::path(post, path = "/auth/token/cli", tag = "Login", responses((status = 201, body = AccessToken)))]
async fn post_auth_token_cli(
    State(api): State<Api>,
    Json(body): Json<LoginBody>,
) -> Result<(StatusCode, Json<AccessToken>), Problem> {
    login(&api, body).await
}

/// Ends the token that the request came with.
#[utoipa::path(post, path = "/auth/logout", tag = "Login", responses((status = 204)))]
async fn post_auth_logout(State(api): State<Api>, caller: Caller, session: Session) -> Result<StatusCode, Problem> {
    logout(&api, caller, session).await
}

/// The same, where Airflow's own clients look for it. There is no page to log in at to be sent to.
#[utoipa::path(get, path = "/api/v2/auth/logout", tag = "Login", responses((status = 204)))]
async fn get_logout(State(api): State<Api>, caller: Caller, session: Session) -> Result<StatusCode, Problem> {
    logout(&api, caller, session).await
}

async fn logout(api: &Api, caller: Caller, Session(token): Session) -> Result<StatusCode, Problem> {
    match caller {
        Caller::Member(actor) => api.broker.revoke_token(&actor, token).await?,
        Caller::Platform(actor) => api.broker.revoke_platform_token(&actor, token).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn login(api: &Api, body: LoginBody) -> Result<(StatusCode, Json<AccessToken>), Problem> {
    let login = match body.tenant {
        Some(tenant) => format!("{tenant}/{}", body.username),
        None if body.username.contains(['/', '@']) => body.username,
        None => return Err(tenantless()),
    };
    let issued = api.broker.log_in(&login, &body.password).await?;
    let issued = issued.ok_or_else(|| Problem::unauthenticated("Invalid credentials"))?;
    let access_token = api.tokens.sign_issued(&issued)?;
    Ok((StatusCode::CREATED, Json(AccessToken { access_token })))
}

fn tenantless() -> Problem {
    Problem::field(FieldError {
        kind: "missing",
        loc: vec!["body".to_owned(), "tenant".to_owned()],
        msg: "say which tenant: add `tenant`, or write the username as `name@tenant`".to_owned(),
        input: None,
    })
}
