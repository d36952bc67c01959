//! `/api/v2/variables`

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::VariableKey;
use flow_model::rest::Names;
use flow_model::rest::bulk::{BulkBody, BulkResponse};
use flow_model::rest::variables::{Variable, VariableBody, VariablePatch};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::bulk::answer;
use super::collection::Variables;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, PageQuery, Patch, Path, Problem, Query, RawBulk, unmask};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Op, routes!(get_variables, post_variable, bulk_variables))
        .at_least(Role::Op, routes!(get_variable, patch_variable, delete_variable))
}

#[derive(Deserialize, IntoParams)]
struct VariablePath {
    /// The variable's key.
    #[param(value_type = String)]
    variable_key: VariableKey,
}

#[derive(Deserialize, IntoParams)]
struct VariableQuery {
    /// Only keys that match this SQL `LIKE` pattern.
    variable_key_pattern: Option<String>,
    /// Only keys that begin with this.
    variable_key_prefix_pattern: Option<String>,
}

/// The variables; secret values are masked.
#[utoipa::path(
    get,
    path = "/api/v2/variables",
    tag = "Variable",
    params(PageQuery, VariableQuery),
    responses((status = 200, body = Variables)),
)]
async fn get_variables(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<VariableQuery>,
) -> Result<Json<Variables>, Problem> {
    let names = Names {
        pattern: filter.variable_key_pattern.as_deref(),
        prefix: filter.variable_key_prefix_pattern.as_deref(),
    };
    Ok(Json(api.broker.variables(&actor.tenant, names, &page.into()).await?.into()))
}

/// One variable; a secret value is masked.
#[utoipa::path(
    get,
    path = "/api/v2/variables/{variable_key}",
    tag = "Variable",
    params(VariablePath),
    responses((status = 200, body = Variable)),
)]
async fn get_variable(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<VariablePath>,
) -> Result<Json<Variable>, Problem> {
    Ok(Json(api.broker.variable(&actor.tenant, &path.variable_key).await?))
}

/// Creates a variable.
#[utoipa::path(post, path = "/api/v2/variables", tag = "Variable", responses((status = 201, body = Variable)))]
async fn post_variable(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<VariableBody>,
) -> Result<(StatusCode, Json<Variable>), Problem> {
    Ok((StatusCode::CREATED, Json(api.broker.create_variable(&actor, body).await?)))
}

/// Changes a variable.
#[utoipa::path(
    patch,
    path = "/api/v2/variables/{variable_key}",
    tag = "Variable",
    params(VariablePath, MaskQuery),
    request_body = VariablePatch,
    responses((status = 200, body = Variable)),
)]
async fn patch_variable(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<VariablePath>,
    Patch(body): Patch<VariablePatch>,
) -> Result<Json<Variable>, Problem> {
    Ok(Json(api.broker.patch_variable(&actor, &path.variable_key, body).await?))
}

/// Creates, changes and deletes many variables.
#[utoipa::path(
    patch,
    path = "/api/v2/variables",
    tag = "Variable",
    request_body = BulkBody<VariableBody, VariablePatch>,
    responses((status = 200, body = BulkResponse)),
)]
async fn bulk_variables(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<RawBulk<VariableBody>>,
) -> Result<Json<BulkResponse>, Problem> {
    Ok(answer(api.broker.bulk_variables(&actor, unmask(body, &["key"])?).await?))
}

/// Deletes a variable.
#[utoipa::path(
    delete,
    path = "/api/v2/variables/{variable_key}",
    tag = "Variable",
    params(VariablePath),
    responses((status = 204)),
)]
async fn delete_variable(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<VariablePath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_variable(&actor, &path.variable_key).await?;
    Ok(StatusCode::NO_CONTENT)
}
