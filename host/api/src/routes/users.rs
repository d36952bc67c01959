//! `/api/v2/users`: the members of the tenant.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::Username;
use flow_model::rest::users::{User, UserBody, UserPatch};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::Users;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Admin, routes!(get_users, post_user))
        .at_least(Role::Admin, routes!(get_user, patch_user, delete_user))
}

#[derive(Deserialize, IntoParams)]
struct UserPath {
    /// The member's name.
    #[param(value_type = String)]
    username: Username,
}

/// The members.
#[utoipa::path(get, path = "/api/v2/users", tag = "User", params(PageQuery), responses((status = 200, body = Users)))]
async fn get_users(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
) -> Result<Json<Users>, Problem> {
    Ok(Json(api.broker.users(&actor.tenant, &page.into()).await?.into()))
}

/// One member.
#[utoipa::path(
    get,
    path = "/api/v2/users/{username}",
    tag = "User",
    params(UserPath),
    responses((status = 200, body = User)),
)]
async fn get_user(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<UserPath>,
) -> Result<Json<User>, Problem> {
    Ok(Json(api.broker.user(&actor.tenant, &path.username).await?))
}

/// Adds a member.
#[utoipa::path(post, path = "/api/v2/users", tag = "User", responses((status = 201, body = User)))]
async fn post_user(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<UserBody>,
) -> Result<(StatusCode, Json<User>), Problem> {
    Ok((StatusCode::CREATED, Json(api.broker.create_user(&actor, body).await?)))
}

/// Changes a member's role or password, and ends the member's tokens.
#[utoipa::path(
    patch,
    path = "/api/v2/users/{username}",
    tag = "User",
    params(UserPath),
    responses((status = 200, body = User)),
)]
async fn patch_user(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<UserPath>,
    Json(body): Json<UserPatch>,
) -> Result<Json<User>, Problem> {
    Ok(Json(api.broker.patch_user(&actor, &path.username, body).await?))
}

/// Removes a member, and ends the member's tokens.
#[utoipa::path(delete, path = "/api/v2/users/{username}", tag = "User", params(UserPath), responses((status = 204)))]
async fn delete_user(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<UserPath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_user(&actor, &path.username).await?;
    Ok(StatusCode::NO_CONTENT)
}
