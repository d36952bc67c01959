//! `/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/callbacks` and `…/deadlines`

use axum::extract::State;
use flow_model::ids::{CallbackId, DagId, RunId};
use flow_model::rest::logs::TaskLog;
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{Callbacks, Deadlines};
use super::paths::RunsPath;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_callbacks))
        .at_least(Role::Viewer, routes!(get_callback_log))
        .at_least(Role::Viewer, routes!(get_deadlines))
}

#[derive(Deserialize, IntoParams)]
struct CallbackPath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    dag_run_id: RunId,
    /// The callback.
    callback_id: CallbackId,
    /// Which try, from 1.
    #[serde(deserialize_with = "whole")]
    try_number: u32,
}

/// What ran, or will run, after something had happened in runs.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/callbacks",
    tag = "Callback",
    params(RunsPath, PageQuery),
    responses((status = 200, body = Callbacks)),
)]
async fn get_callbacks(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunsPath>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Callbacks>, Problem> {
    Ok(Json(api.broker.callbacks(&actor.tenant, &path.into(), &page.into()).await?.into()))
}

/// What a try of a callback logged.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/callbacks/{callback_id}/logs/{try_number}",
    tag = "Callback",
    params(CallbackPath),
    responses((status = 200, body = TaskLog)),
)]
async fn get_callback_log(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<CallbackPath>,
) -> Result<Json<TaskLog>, Problem> {
    let CallbackPath { dag_id, dag_run_id, callback_id, try_number } = path;
    let log = api.broker.callback_log(&actor.tenant, (&dag_id, &dag_run_id), callback_id, try_number).await?;
    Ok(Json(log))
}

/// By when what of runs has to be done, and what was not. One that was met is not there any more.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/deadlines",
    tag = "Deadline",
    params(RunsPath, PageQuery),
    responses((status = 200, body = Deadlines)),
)]
async fn get_deadlines(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunsPath>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Deadlines>, Problem> {
    Ok(Json(api.broker.deadlines(&actor.tenant, &path.into(), &page.into()).await?.into()))
}
