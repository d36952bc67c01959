//! `/api/v2/dags/{dag_id}/dagRuns`

use axum::extract::State;
use axum::http::StatusCode;
use flow_broker::Cleared;
use flow_model::rest::batch::DagRunsBatch;
use flow_model::rest::bulk::{BulkBody, BulkResponse};
use flow_model::rest::clearing::{ClearDagRun, ClearDagRuns, NewTask};
use flow_model::rest::dag_runs::{BulkDagRun, DagRun, DagRunFilter, DagRunName, DagRunPatch, TriggerDagRun};
use flow_model::rest::task_instances::TaskInstance;
use flow_model::rest::{Dates, Scope};
use flow_model::roles::Role;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use super::bulk::answer;
use super::collection::{DagRuns, NewTasks, TaskInstances};
use super::paths::{DagPath, DagsPath, RunPath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, PageQuery, Patch, Path, Problem, Queries, Query, RawBulk, unmask, within_limit};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_dag_runs))
        .at_least(Role::Viewer, routes!(get_list_dag_runs_batch))
        .at_least(Role::User, routes!(trigger_dag_run))
        .at_least(Role::User, routes!(bulk_dag_runs))
        .at_least(Role::Viewer, routes!(get_dag_run))
        .at_least(Role::User, routes!(patch_dag_run, delete_dag_run))
        .at_least(Role::User, routes!(clear_dag_run))
        .at_least(Role::User, routes!(clear_dag_runs))
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
        Cleared::Found(tasks) => ClearedRun::Found(tasks.into()),
        Cleared::Done(run) => ClearedRun::Done(run),
    }))
}

/// What clearing a run came to, as Airflow answers it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ClearedRun {
    /// With `dry_run`: what would run again.
    Rehearsed(TaskInstances),
    /// With `dry_run` and `only_new`: what would be added to the run.
    Found(NewTasks),
    /// The run as it is now.
    Done(Box<DagRun>),
}

/// Runs task instances of many runs again, or says which those would be.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/clearDagRuns",
    tag = "DagRun",
    params(DagsPath),
    responses((status = 200, body = ClearedRuns)),
)]
async fn clear_dag_runs(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagsPath>,
    Json(body): Json<ClearDagRuns>,
) -> Result<Json<ClearedRuns>, Problem> {
    let dry_run = body.dry_run;
    let (mut tasks, mut runs) = (Vec::new(), Vec::new());
    for cleared in api.broker.clear_runs(&actor, path.one().as_ref(), body).await? {
        match cleared {
            Cleared::Rehearsed(instances) => {
                tasks.extend(instances.into_iter().map(|one| ClearedTask::Present(Box::new(one))));
            }
            Cleared::Found(new) => tasks.extend(new.into_iter().map(ClearedTask::New)),
            Cleared::Done(run) => runs.push(*run),
        }
    }
    Ok(Json(if dry_run {
        ClearedRuns::Rehearsed { total_entries: tasks.len() as u64, task_instances: tasks }
    } else {
        ClearedRuns::Done(runs.into())
    }))
}

/// What clearing many runs came to, as Airflow answers it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ClearedRuns {
    /// With `dry_run`: what would run.
    Rehearsed {
        /// The task instances and the new tasks.
        task_instances: Vec<ClearedTask>,
        /// How many there are.
        total_entries: u64,
    },
    /// The runs as they are now.
    Done(DagRuns),
}

/// Something that would run.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ClearedTask {
    /// A task instance.
    Present(Box<TaskInstance>),
    /// A task that the run does not have yet.
    New(NewTask),
}

/// Changes and deletes many runs.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns",
    tag = "DagRun",
    params(DagsPath),
    request_body = BulkBody<Value, BulkDagRun, DagRunName>,
    responses((status = 200, body = BulkResponse)),
)]
async fn bulk_dag_runs(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagsPath>,
    Json(body): Json<RawBulk<Value, DagRunName>>,
) -> Result<Json<BulkResponse>, Problem> {
    let body = unmask(body, &["dag_id", "dag_run_id"])?;
    Ok(answer(api.broker.bulk_runs(&actor, path.one().as_ref(), body).await?))
}
