//! `/api/v2/assets/{asset_id}/state-store`: what is kept of an asset besides its events.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::{AssetId, EntryKey};
use flow_model::rest::asset_states::{AssetState, AssetStateBody};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::AssetPath;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};
use crate::routes::Routes;
use crate::routes::collection::AssetStates;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(list_asset_state_store))
        .at_least(Role::User, routes!(clear_asset_state_store))
        .at_least(Role::Viewer, routes!(get_asset_state_store))
        .at_least(Role::User, routes!(set_asset_state_store, delete_asset_state_store))
}

/// One key of one asset.
#[derive(Deserialize, IntoParams)]
struct StatePath {
    /// The asset's number.
    #[serde(deserialize_with = "whole")]
    asset_id: i64,
    /// The key.
    #[param(value_type = String)]
    key: EntryKey,
}

impl StatePath {
    fn id(&self) -> AssetId {
        AssetId(self.asset_id)
    }
}

/// What is kept of an asset.
#[utoipa::path(
    get,
    path = "/api/v2/assets/{asset_id}/state-store",
    tag = "Asset State Store",
    params(AssetPath, PageQuery),
    responses((status = 200, body = AssetStates)),
)]
async fn list_asset_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
    Query(page): Query<PageQuery>,
) -> Result<Json<AssetStates>, Problem> {
    Ok(Json(api.broker.asset_states(&actor.tenant, path.id(), &page.into()).await?.into()))
}

/// What is kept of an asset under one key.
#[utoipa::path(
    get,
    path = "/api/v2/assets/{asset_id}/state-store/{key}",
    tag = "Asset State Store",
    params(StatePath),
    responses((status = 200, body = AssetState)),
)]
async fn get_asset_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<StatePath>,
) -> Result<Json<AssetState>, Problem> {
    Ok(Json(api.broker.asset_state(&actor.tenant, path.id(), &path.key).await?))
}

/// Keeps something of an asset, in place of what was kept under the key.
#[utoipa::path(
    put,
    path = "/api/v2/assets/{asset_id}/state-store/{key}",
    tag = "Asset State Store",
    params(StatePath),
    responses((status = 204)),
)]
async fn set_asset_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<StatePath>,
    Json(body): Json<AssetStateBody>,
) -> Result<StatusCode, Problem> {
    api.broker.put_asset_state(&actor, path.id(), &path.key, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets what is kept of an asset under one key, if something is.
#[utoipa::path(
    delete,
    path = "/api/v2/assets/{asset_id}/state-store/{key}",
    tag = "Asset State Store",
    params(StatePath),
    responses((status = 204)),
)]
async fn delete_asset_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<StatePath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_asset_state(&actor, path.id(), Some(&path.key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets all that is kept of an asset.
#[utoipa::path(
    delete,
    path = "/api/v2/assets/{asset_id}/state-store",
    tag = "Asset State Store",
    params(AssetPath),
    responses((status = 204)),
)]
async fn clear_asset_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_asset_state(&actor, path.id(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}
