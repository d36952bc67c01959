//! What is queued: assets that were updated for DAGs that wait for more.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::{AssetId, DagId};
use flow_model::rest::assets::{QueuedEvent, QueuedEventFilter};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::super::Routes;
use super::super::collection::QueuedEvents;
use super::super::paths::DagPath;
use super::AssetPath;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, Path, Problem, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_asset_queued_events))
        .at_least(Role::User, routes!(delete_asset_queued_events))
        .at_least(Role::Viewer, routes!(get_dag_asset_queued_events))
        .at_least(Role::User, routes!(delete_dag_asset_queued_events))
        .at_least(Role::Viewer, routes!(get_dag_asset_queued_event))
        .at_least(Role::User, routes!(delete_dag_asset_queued_event))
}

/// One asset for one DAG.
#[derive(Deserialize, IntoParams)]
struct DagAssetPath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The asset's number.
    #[serde(deserialize_with = "whole")]
    asset_id: i64,
}

/// What is queued of an asset, for any DAG.
#[utoipa::path(
    get,
    path = "/api/v2/assets/{asset_id}/queuedEvents",
    tag = "Asset",
    params(AssetPath, QueuedEventFilter),
    responses((status = 200, body = QueuedEvents)),
)]
async fn get_asset_queued_events(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
    Query(filter): Query<QueuedEventFilter>,
) -> Result<Json<QueuedEvents>, Problem> {
    Ok(Json(api.broker.queued_asset_events(&actor.tenant, Some(path.id()), None, &filter).await?.into()))
}

/// Forgets what is queued of an asset, for every DAG.
#[utoipa::path(
    delete,
    path = "/api/v2/assets/{asset_id}/queuedEvents",
    tag = "Asset",
    params(AssetPath, QueuedEventFilter),
    responses((status = 204)),
)]
async fn delete_asset_queued_events(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
    Query(filter): Query<QueuedEventFilter>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_queued_asset_events(&actor, Some(path.id()), None, &filter).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is queued for a DAG, of any asset.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/assets/queuedEvents",
    tag = "Asset",
    params(DagPath, QueuedEventFilter),
    responses((status = 200, body = QueuedEvents)),
)]
async fn get_dag_asset_queued_events(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Query(filter): Query<QueuedEventFilter>,
) -> Result<Json<QueuedEvents>, Problem> {
    Ok(Json(api.broker.queued_asset_events(&actor.tenant, None, Some(&path.dag_id), &filter).await?.into()))
}

/// Forgets what is queued for a DAG, of every asset.
#[utoipa::path(
    delete,
    path = "/api/v2/dags/{dag_id}/assets/queuedEvents",
    tag = "Asset",
    params(DagPath, QueuedEventFilter),
    responses((status = 204)),
)]
async fn delete_dag_asset_queued_events(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Query(filter): Query<QueuedEventFilter>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_queued_asset_events(&actor, None, Some(&path.dag_id), &filter).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is queued of an asset for a DAG.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents",
    tag = "Asset",
    params(DagAssetPath, QueuedEventFilter),
    responses((status = 200, body = QueuedEvent)),
)]
async fn get_dag_asset_queued_event(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagAssetPath>,
    Query(filter): Query<QueuedEventFilter>,
) -> Result<Json<QueuedEvent>, Problem> {
    let asset = Some(AssetId(path.asset_id));
    let queued = api.broker.queued_asset_events(&actor.tenant, asset, Some(&path.dag_id), &filter).await?;
    queued.into_iter().next().map(Json).ok_or_else(Problem::internal)
}

/// Forgets what is queued of an asset for a DAG.
#[utoipa::path(
    delete,
    path = "/api/v2/dags/{dag_id}/assets/{asset_id}/queuedEvents",
    tag = "Asset",
    params(DagAssetPath, QueuedEventFilter),
    responses((status = 204)),
)]
async fn delete_dag_asset_queued_event(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagAssetPath>,
    Query(filter): Query<QueuedEventFilter>,
) -> Result<StatusCode, Problem> {
    let asset = Some(AssetId(path.asset_id));
    api.broker.delete_queued_asset_events(&actor, asset, Some(&path.dag_id), &filter).await?;
    Ok(StatusCode::NO_CONTENT)
}
