//! `/api/v2/backfills`

use axum::extract::State;
use flow_model::rest::backfills::{Backfill, BackfillFilter, NewBackfill};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{Backfills, PlannedRuns};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_backfills))
        .at_least(Role::User, routes!(post_backfill))
        .at_least(Role::Viewer, routes!(get_backfill))
        .at_least(Role::User, routes!(pause_backfill))
        .at_least(Role::User, routes!(unpause_backfill))
        .at_least(Role::User, routes!(cancel_backfill))
        .at_least(Role::User, routes!(rehearse_backfill))
}

#[derive(Deserialize, IntoParams)]
struct BackfillPath {
    /// The backfill's number.
    #[serde(deserialize_with = "whole")]
    backfill_id: i64,
}

/// The backfills.
#[utoipa::path(
    get,
    path = "/api/v2/backfills",
    tag = "Backfill",
    params(PageQuery, BackfillFilter),
    responses((status = 200, body = Backfills)),
)]
async fn get_backfills(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<BackfillFilter>,
) -> Result<Json<Backfills>, Problem> {
    Ok(Json(api.broker.backfills(&actor.tenant, &filter, &page.into()).await?.into()))
}

/// Begins a backfill.
#[utoipa::path(post, path = "/api/v2/backfills", tag = "Backfill", responses((status = 200, body = Backfill)))]
async fn post_backfill(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<NewBackfill>,
) -> Result<Json<Backfill>, Problem> {
    Ok(Json(api.broker.create_backfill(&actor, body).await?))
}

/// The runs that a backfill would make now, in the order in which it would make them.
#[utoipa::path(
    post,
    path = "/api/v2/backfills/dry_run",
    tag = "Backfill",
    responses((status = 200, body = PlannedRuns)),
)]
async fn rehearse_backfill(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<NewBackfill>,
) -> Result<Json<PlannedRuns>, Problem> {
    Ok(Json(api.broker.rehearse_backfill(&actor.tenant, &body).await?.into()))
}

/// One backfill.
#[utoipa::path(
    get,
    path = "/api/v2/backfills/{backfill_id}",
    tag = "Backfill",
    params(BackfillPath),
    responses((status = 200, body = Backfill)),
)]
async fn get_backfill(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<BackfillPath>,
) -> Result<Json<Backfill>, Problem> {
    Ok(Json(api.broker.backfill(&actor.tenant, path.backfill_id).await?))
}

/// Lets a backfill make no further runs; those that it has made go on.
#[utoipa::path(
    put,
    path = "/api/v2/backfills/{backfill_id}/pause",
    tag = "Backfill",
    params(BackfillPath),
    responses((status = 200, body = Backfill)),
)]
async fn pause_backfill(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<BackfillPath>,
) -> Result<Json<Backfill>, Problem> {
    Ok(Json(api.broker.pause_backfill(&actor, path.backfill_id, true).await?))
}

/// Lets a backfill go on.
#[utoipa::path(
    put,
    path = "/api/v2/backfills/{backfill_id}/unpause",
    tag = "Backfill",
    params(BackfillPath),
    responses((status = 200, body = Backfill)),
)]
async fn unpause_backfill(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<BackfillPath>,
) -> Result<Json<Backfill>, Problem> {
    Ok(Json(api.broker.pause_backfill(&actor, path.backfill_id, false).await?))
}

/// Ends a backfill, and those that wait for it; its runs that have begun go on.
#[utoipa::path(
    put,
    path = "/api/v2/backfills/{backfill_id}/cancel",
    tag = "Backfill",
    params(BackfillPath),
    responses((status = 200, body = Backfill)),
)]
async fn cancel_backfill(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<BackfillPath>,
) -> Result<Json<Backfill>, Problem> {
    Ok(Json(api.broker.cancel_backfill(&actor, path.backfill_id).await?))
}
