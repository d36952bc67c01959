//! `/api/v2/dags/{dag_id}/dagRuns`

use axum::extract::State;
use axum::http::StatusCode;
use flow_broker::Cleared;
use flow_model::rest::batch::DagRunsBatch;
use flow_model::rest::clearing::ClearDagRun;
use flow_model::rest::dag_runs::{DagRun, DagRunFilter, DagRunPatch, TriggerDagRun};
use flow_model::rest::{Dates, Scope};
use flow_model::roles::Role;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{DagRuns, TaskInstances};
use super::paths::{DagPath, DagsPath, RunPath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, PageQuery, Patch, Path, Problem, Queries, Query, within_limit};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_dag_runs))
        .at_least(Role::Viewer, routes!(get_list_dag_runs_batch))
        .at_least(Role::User, routes!(trigger_dag_run))
        .at_least(Role::Viewer, routes!(get_dag_run))
        .at_least(Role::User, routes!(patch_dag_run, delete_dag_run))
        .at_least(Role::User, routes!(clear_dag_run))
}

/// The runs of one DAG or of all.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns",
    tag = "DagRun",
    params(DagsPath, PageQuery, DagRunFilter, Dates),
    responses((status = 200, body = DagRuns)),
)]
async fn get_dag_runs(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagsPath>,
    Query(page): Query<PageQuery>,
    Queries(filter, dates): Queries<DagRunFilter, Dates>,
) -> Result<Json<DagRuns>, Problem> {
    let (scope, filter): (Scope, _) = (path.into(), DagRunFilter { dates, ..filter });
    Ok(Json(api.broker.runs(&actor.tenant, &scope, &filter, &page.into()).await?.into()))
}

/// The runs of all DAGs, with the conditions in the body.
#[utoipa::path(
    post,
    path = "/api/v2/dags/~/dagRuns/list",
    tag = "DagRun",
    responses((status = 200, body = DagRuns)),
)]
async fn get_list_dag_runs_batch(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<DagRunsBatch>,
) -> Result<Json<DagRuns>, Problem> {
    let (filter, page) = body.split().map_err(|error| Problem::member(error.to_string()))?;
    Ok(Json(api.broker.runs(&actor.tenant, &Scope::default(), &filter, &within_limit(page)).await?.into()))
}

/// Starts a run.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/dagRuns",
    tag = "DagRun",
    params(DagPath),
    responses((status = 200, body = DagRun)),
)]
async fn trigger_dag_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Json(body): Json<TriggerDagRun>,
) -> Result<Json<DagRun>, Problem> {
    Ok(Json(api.broker.trigger_run(&actor, &path.dag_id, body).await?))
}

/// One run.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}",
    tag = "DagRun",
    params(RunPath),
    responses((status = 200, body = DagRun)),
)]
async fn get_dag_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunPath>,
) -> Result<Json<DagRun>, Problem> {
    Ok(Json(api.broker.run(&actor.tenant, &path.dag_id, &path.dag_run_id).await?))
}

/// Ends a run, lets it go on, or changes its note.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}",
    tag = "DagRun",
    params(RunPath, MaskQuery),
    request_body = DagRunPatch,
    responses((status = 200, body = DagRun)),
)]
async fn patch_dag_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunPath>,
    Patch(body): Patch<DagRunPatch>,
) -> Result<Json<DagRun>, Problem> {
    Ok(Json(api.broker.patch_run(&actor, &path.dag_id, &path.dag_run_id, body).await?))
}

/// Deletes a run with its logs and results; what runs of it is stopped.
#[utoipa::path(
    delete,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}",
    tag = "DagRun",
    params(RunPath),
    responses((status = 204)),
)]
async fn delete_dag_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunPath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_run(&actor, &path.dag_id, &path.dag_run_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Runs task instances of a run again, or says which those would be.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/clear",
    tag = "DagRun",
    params(RunPath),
    responses((status = 200, body = ClearedRun)),
)]
async fn clear_dag_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunPath>,
    Json(body): Json<ClearDagRun>,
) -> Result<Json<ClearedRun>, Problem> {
    Ok(Json(match api.broker.clear_run(&actor, &path.dag_id, &path.dag_run_id, body).await? {
        Cleared::Rehearsed(instances) => ClearedRun::Rehearsed(instances.into()),
        Cleared::Done(run) => ClearedRun::Done(run),
    }))
}

/// What clearing a run came to, as Airflow answers it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ClearedRun {
    /// With `dry_run`: what would run again.
    Rehearsed(TaskInstances),
    /// The run as it is now.
    Done(Box<DagRun>),
}
