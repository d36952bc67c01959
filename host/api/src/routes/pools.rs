//! `/api/v2/pools`

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::PoolName;
use flow_model::rest::Names;
use flow_model::rest::bulk::{BulkBody, BulkResponse};
use flow_model::rest::pools::{Pool, PoolBody, PoolPatch};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::bulk::answer;
use super::collection::Pools;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, PageQuery, Patch, Path, Problem, Query, RawBulk, unmask};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_pools))
        .at_least(Role::Op, routes!(post_pool, bulk_pools))
        .at_least(Role::Viewer, routes!(get_pool))
        .at_least(Role::Op, routes!(patch_pool, delete_pool))
}

#[derive(Deserialize, IntoParams)]
struct PoolPath {
    /// The pool's name.
    #[param(value_type = String)]
    pool_name: PoolName,
}

#[derive(Deserialize, IntoParams)]
struct PoolQuery {
    /// Only names that match this SQL `LIKE` pattern.
    pool_name_pattern: Option<String>,
    /// Only names that begin with this.
    pool_name_prefix_pattern: Option<String>,
}

/// The pools and what takes their slots.
#[utoipa::path(
    get,
    path = "/api/v2/pools",
    tag = "Pool",
    params(PageQuery, PoolQuery),
    responses((status = 200, body = Pools)),
)]
async fn get_pools(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<PoolQuery>,
) -> Result<Json<Pools>, Problem> {
    let names =
        Names { pattern: filter.pool_name_pattern.as_deref(), prefix: filter.pool_name_prefix_pattern.as_deref() };
    Ok(Json(api.broker.pools(&actor.tenant, names, &page.into()).await?.into()))
}

/// One pool and what takes its slots.
#[utoipa::path(
    get,
    path = "/api/v2/pools/{pool_name}",
    tag = "Pool",
    params(PoolPath),
    responses((status = 200, body = Pool)),
)]
async fn get_pool(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<PoolPath>,
) -> Result<Json<Pool>, Problem> {
    Ok(Json(api.broker.pool(&actor.tenant, &path.pool_name).await?))
}

/// Creates a pool.
#[utoipa::path(post, path = "/api/v2/pools", tag = "Pool", responses((status = 201, body = Pool)))]
async fn post_pool(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<PoolBody>,
) -> Result<(StatusCode, Json<Pool>), Problem> {
    Ok((StatusCode::CREATED, Json(api.broker.create_pool(&actor, body).await?)))
}

/// Changes a pool. Of the default pool only the slots and whether it includes what is deferred.
#[utoipa::path(
    patch,
    path = "/api/v2/pools/{pool_name}",
    tag = "Pool",
    params(PoolPath, MaskQuery),
    request_body = PoolPatch,
    responses((status = 200, body = Pool)),
)]
async fn patch_pool(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<PoolPath>,
    Patch(body): Patch<PoolPatch>,
) -> Result<Json<Pool>, Problem> {
    Ok(Json(api.broker.patch_pool(&actor, &path.pool_name, body).await?))
}

/// Creates, changes and deletes many pools.
#[utoipa::path(
    patch,
    path = "/api/v2/pools",
    tag = "Pool",
    request_body = BulkBody<PoolBody, PoolPatch>,
    responses((status = 200, body = BulkResponse)),
)]
async fn bulk_pools(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<RawBulk<PoolBody>>,
) -> Result<Json<BulkResponse>, Problem> {
    Ok(answer(api.broker.bulk_pools(&actor, unmask(body, &["name"])?).await?))
}

/// Deletes a pool. The default pool cannot be deleted.
#[utoipa::path(
    delete,
    path = "/api/v2/pools/{pool_name}",
    tag = "Pool",
    params(PoolPath),
    responses((status = 204)),
)]
async fn delete_pool(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<PoolPath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_pool(&actor, &path.pool_name).await?;
    Ok(StatusCode::NO_CONTENT)
}
