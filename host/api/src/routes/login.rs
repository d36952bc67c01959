//! `/auth/token`: a name and a password for a token, as Airflow's auth manager does it.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::rest::login::{AccessToken, LoginBody};
use utoipa_axum::routes;

use super::Routes;
use crate::Api;
use crate::http::{FieldError, Json, Problem};

pub(super) fn routes() -> Routes {
    Routes::default().open(routes!(post_auth_token)).open(routes!(post_auth_token_cli))
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
