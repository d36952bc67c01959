//! `/api/v2/tenants`: the platform's administration, which manages tenants and sees none of their data.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::TenantId;
use flow_model::quota::{Policy, Quota};
use flow_model::rest::tenants::{Tenant, TenantBody, TenantPatch, TenantUsage};
use flow_model::rest::tokens::{NewToken, TokenBody};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::Tenants;
use super::tokens::created;
use crate::Api;
use crate::access::Platform;
use crate::http::{Json, PageQuery, Path, Problem, Query};

pub(super) fn routes() -> Routes {
    Routes::default()
        .platform(routes!(get_tenants, post_tenant))
        .platform(routes!(get_tenant, patch_tenant, delete_tenant))
        .platform(routes!(get_tenant_quota, patch_tenant_quota, put_tenant_quota))
        .platform(routes!(get_tenant_policy, patch_tenant_policy, put_tenant_policy))
        .platform(routes!(post_tenant_token))
        .platform(routes!(get_tenant_usage))
}

#[derive(Deserialize, IntoParams)]
struct TenantPath {
    /// The tenant's name.
    #[param(value_type = String)]
    tenant: TenantId,
}

/// The tenants.
#[utoipa::path(
    get,
    path = "/api/v2/tenants",
    tag = "Tenant",
    params(PageQuery),
    responses((status = 200, body = Tenants)),
)]
async fn get_tenants(State(api): State<Api>, Query(page): Query<PageQuery>) -> Result<Json<Tenants>, Problem> {
    Ok(Json(api.broker.tenants(&page.into()).await?.into()))
}

/// One tenant.
#[utoipa::path(
    get,
    path = "/api/v2/tenants/{tenant}",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Tenant)),
)]
async fn get_tenant(State(api): State<Api>, Path(path): Path<TenantPath>) -> Result<Json<Tenant>, Problem> {
    Ok(Json(api.broker.tenant(&path.tenant).await?))
}

/// Creates a tenant, with its first member if one is given.
#[utoipa::path(post, path = "/api/v2/tenants", tag = "Tenant", responses((status = 201, body = Tenant)))]
async fn post_tenant(
    State(api): State<Api>,
    Platform(actor): Platform,
    Json(body): Json<TenantBody>,
) -> Result<(StatusCode, Json<Tenant>), Problem> {
    Ok((StatusCode::CREATED, Json(api.broker.create_tenant(&actor, body).await?)))
}

/// Changes a tenant's description.
#[utoipa::path(
    patch,
    path = "/api/v2/tenants/{tenant}",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Tenant)),
)]
async fn patch_tenant(
    State(api): State<Api>,
    Platform(actor): Platform,
    Path(path): Path<TenantPath>,
    Json(body): Json<TenantPatch>,
) -> Result<Json<Tenant>, Problem> {
    Ok(Json(api.broker.patch_tenant(&actor, &path.tenant, body).await?))
}

/// Deletes a tenant and everything that belongs to it.
#[utoipa::path(
    delete,
    path = "/api/v2/tenants/{tenant}",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 204)),
)]
async fn delete_tenant(
    State(api): State<Api>,
    Platform(actor): Platform,
    Path(path): Path<TenantPath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_tenant(&actor, &path.tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How much a tenant may have.
#[utoipa::path(
    get,
    path = "/api/v2/tenants/{tenant}/quota",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Quota)),
)]
async fn get_tenant_quota(State(api): State<Api>, Path(path): Path<TenantPath>) -> Result<Json<Quota>, Problem> {
    Ok(Json(api.broker.tenant(&path.tenant).await?.quota))
}

/// Changes how much a tenant may have; what is left out stays.
#[utoipa::path(
    patch,
    path = "/api/v2/tenants/{tenant}/quota",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Quota)),
)]
async fn patch_tenant_quota(
    State(api): State<Api>,
    Platform(actor): Platform,
    Path(path): Path<TenantPath>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Quota>, Problem> {
    Ok(Json(api.broker.patch_quota(&actor, &path.tenant, body).await?))
}

/// Sets how much a tenant may have; what is left out gets its default.
#[utoipa::path(
    put,
    path = "/api/v2/tenants/{tenant}/quota",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Quota)),
)]
async fn put_tenant_quota(
    State(api): State<Api>,
    Platform(actor): Platform,
    Path(path): Path<TenantPath>,
    Json(body): Json<Quota>,
) -> Result<Json<Quota>, Problem> {
    Ok(Json(api.broker.patch_quota(&actor, &path.tenant, members(&body)?).await?))
}

/// What a tenant may not do.
#[utoipa::path(
    get,
    path = "/api/v2/tenants/{tenant}/policy",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Policy)),
)]
async fn get_tenant_policy(State(api): State<Api>, Path(path): Path<TenantPath>) -> Result<Json<Policy>, Problem> {
    Ok(Json(api.broker.tenant(&path.tenant).await?.policy))
}

/// Changes what a tenant may not do; what is left out stays.
#[utoipa::path(
    patch,
    path = "/api/v2/tenants/{tenant}/policy",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Policy)),
)]
async fn patch_tenant_policy(
    State(api): State<Api>,
    Platform(actor): Platform,
    Path(path): Path<TenantPath>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Json<Policy>, Problem> {
    Ok(Json(api.broker.patch_policy(&actor, &path.tenant, body).await?))
}

/// Sets what a tenant may not do; what is left out gets its default.
#[utoipa::path(
    put,
    path = "/api/v2/tenants/{tenant}/policy",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = Policy)),
)]
async fn put_tenant_policy(
    State(api): State<Api>,
    Platform(actor): Platform,
    Path(path): Path<TenantPath>,
    Json(body): Json<Policy>,
) -> Result<Json<Policy>, Problem> {
    Ok(Json(api.broker.patch_policy(&actor, &path.tenant, members(&body)?).await?))
}

/// All members of a whole, so that changing them all sets the whole.
fn members(whole: &impl Serialize) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(whole) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) | Err(_) => Err(Problem::internal()),
    }
}

/// Issues a token of a tenant, as for its first administrator. It is shown this once, and the tenant's log tells of it.
#[utoipa::path(
    post,
    path = "/api/v2/tenants/{tenant}/tokens",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 201, body = NewToken)),
)]
async fn post_tenant_token(
    State(api): State<Api>,
    Platform(actor): Platform,
    Path(path): Path<TenantPath>,
    Json(body): Json<TokenBody>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    let issued = api.broker.issue_tenant_token(&actor, &path.tenant, body).await?;
    created(&api, issued)
}

/// How much of its quota a tenant has in use.
#[utoipa::path(
    get,
    path = "/api/v2/tenants/{tenant}/usage",
    tag = "Tenant",
    params(TenantPath),
    responses((status = 200, body = TenantUsage)),
)]
async fn get_tenant_usage(State(api): State<Api>, Path(path): Path<TenantPath>) -> Result<Json<TenantUsage>, Problem> {
    Ok(Json(api.broker.tenant_usage(&path.tenant).await?))
}
