//! `/api/v2/assets` and what is queued of them.

use axum::extract::State;
use flow_model::ids::{AliasId, AssetId};
use flow_model::rest::Names;
use flow_model::rest::assets::{Asset, AssetAlias, AssetEvent, AssetEventFilter, AssetFilter, CreateAssetEvent};
use flow_model::rest::dag_runs::{DagRun, TriggerDagRun};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{AssetAliases, AssetEvents, Assets};
use super::paths::RunPath;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};

mod queued;
mod states;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_assets))
        .at_least(Role::Viewer, routes!(get_asset))
        .at_least(Role::Viewer, routes!(get_asset_aliases))
        .at_least(Role::Viewer, routes!(get_asset_alias))
        .at_least(Role::Viewer, routes!(get_asset_events))
        .at_least(Role::User, routes!(create_asset_event))
        .at_least(Role::User, routes!(materialize_asset))
        .at_least(Role::Viewer, routes!(get_upstream_asset_events))
        .join(queued::routes())
        .join(states::routes())
}

/// One asset.
#[derive(Deserialize, IntoParams)]
pub(super) struct AssetPath {
    /// The asset's number.
    #[serde(deserialize_with = "whole")]
    asset_id: i64,
}

impl AssetPath {
    /// The asset.
    pub(super) fn id(&self) -> AssetId {
        AssetId(self.asset_id)
    }
}

#[derive(Deserialize, IntoParams)]
struct AliasPath {
    /// The alias's number.
    #[serde(deserialize_with = "whole")]
    asset_alias_id: i64,
}

#[derive(Deserialize, IntoParams)]
struct AliasQuery {
    /// Only names that match this SQL `LIKE` pattern.
    name_pattern: Option<String>,
    /// Only names that begin with this.
    name_prefix_pattern: Option<String>,
}

/// The assets.
#[utoipa::path(
    get,
    path = "/api/v2/assets",
    tag = "Asset",
    params(PageQuery, AssetFilter),
    responses((status = 200, body = Assets)),
)]
async fn get_assets(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<AssetFilter>,
) -> Result<Json<Assets>, Problem> {
    Ok(Json(api.broker.assets(&actor.tenant, &filter, &page.into()).await?.into()))
}

/// One asset.
#[utoipa::path(
    get,
    path = "/api/v2/assets/{asset_id}",
    tag = "Asset",
    params(AssetPath),
    responses((status = 200, body = Asset)),
)]
async fn get_asset(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
) -> Result<Json<Asset>, Problem> {
    Ok(Json(api.broker.asset(&actor.tenant, path.id()).await?))
}

/// The aliases.
#[utoipa::path(
    get,
    path = "/api/v2/assets/aliases",
    tag = "Asset",
    params(PageQuery, AliasQuery),
    responses((status = 200, body = AssetAliases)),
)]
async fn get_asset_aliases(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<AliasQuery>,
) -> Result<Json<AssetAliases>, Problem> {
    let names = Names { pattern: filter.name_pattern.as_deref(), prefix: filter.name_prefix_pattern.as_deref() };
    Ok(Json(api.broker.asset_aliases(&actor.tenant, names, &page.into()).await?.into()))
}

/// One alias.
#[utoipa::path(
    get,
    path = "/api/v2/assets/aliases/{asset_alias_id}",
    tag = "Asset",
    params(AliasPath),
    responses((status = 200, body = AssetAlias)),
)]
async fn get_asset_alias(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AliasPath>,
) -> Result<Json<AssetAlias>, Problem> {
    Ok(Json(api.broker.asset_alias(&actor.tenant, AliasId(path.asset_alias_id)).await?))
}

/// The events.
#[utoipa::path(
    get,
    path = "/api/v2/assets/events",
    tag = "Asset",
    params(PageQuery, AssetEventFilter),
    responses((status = 200, body = AssetEvents)),
)]
async fn get_asset_events(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<AssetEventFilter>,
) -> Result<Json<AssetEvents>, Problem> {
    Ok(Json(api.broker.asset_events_of(&actor.tenant, &filter, &page.into()).await?.into()))
}

/// Says that an asset was updated.
#[utoipa::path(post, path = "/api/v2/assets/events", tag = "Asset", responses((status = 200, body = AssetEvent)))]
async fn create_asset_event(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<CreateAssetEvent>,
) -> Result<Json<AssetEvent>, Problem> {
    Ok(Json(api.broker.create_asset_event(&actor, body).await?))
}

/// Starts a run of the DAG that makes an asset. The body may be left out.
#[utoipa::path(
    post,
    path = "/api/v2/assets/{asset_id}/materialize",
    tag = "Asset",
    params(AssetPath),
    request_body(content = Option<TriggerDagRun>),
    responses((status = 200, body = DagRun)),
)]
async fn materialize_asset(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
    body: Option<Json<TriggerDagRun>>,
) -> Result<Json<DagRun>, Problem> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    Ok(Json(api.broker.materialize_asset(&actor, path.id(), body).await?))
}

/// The asset events that a run was made for.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents",
    tag = "DagRun",
    params(RunPath),
    responses((status = 200, body = AssetEvents)),
)]
async fn get_upstream_asset_events(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunPath>,
) -> Result<Json<AssetEvents>, Problem> {
    Ok(Json(api.broker.upstream_asset_events(&actor.tenant, &path.dag_id, &path.dag_run_id).await?.into()))
}
