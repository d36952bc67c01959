//! `…/taskInstances/{task_id}/state-store`: what a task instance remembers between its tries.

use axum::extract::State;
use axum::http::StatusCode;
use flow_broker::InstanceName;
use flow_model::ids::{DagId, EntryKey, RunId, TaskId};
use flow_model::rest::task_states::{TaskState, TaskStateBody, TaskStateClearing, TaskStatePatch};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::TaskStates;
use super::paths::{MapIndexQuery, TaskInstancePath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Queries, Query};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(list_task_state_store))
        .at_least(Role::User, routes!(clear_task_state_store))
        .at_least(Role::Viewer, routes!(get_task_state_store))
        .at_least(Role::User, routes!(set_task_state_store, patch_task_state_store, delete_task_state_store))
}

/// One key of one task of a run.
#[derive(Deserialize, IntoParams)]
struct StatePath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    task_id: TaskId,
    /// The key.
    #[param(value_type = String)]
    key: EntryKey,
}

impl StatePath {
    fn instance(&self, query: &MapIndexQuery) -> InstanceName<'_> {
        ((&self.dag_id, &self.dag_run_id), (&self.task_id, query.map_index.0))
    }
}

/// What a task instance remembers.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store",
    tag = "Task State Store",
    params(TaskInstancePath, MapIndexQuery, PageQuery),
    responses((status = 200, body = TaskStates)),
)]
async fn list_task_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Queries(query, page): Queries<MapIndexQuery, PageQuery>,
) -> Result<Json<TaskStates>, Problem> {
    let instance = (path.run(), (&path.task_id, query.map_index.0));
    Ok(Json(api.broker.task_states(&actor.tenant, instance, &page.into()).await?.into()))
}

/// What a task instance remembers under one key.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store",
    params(StatePath, MapIndexQuery),
    responses((status = 200, body = TaskState)),
)]
async fn get_task_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<StatePath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<Json<TaskState>, Problem> {
    Ok(Json(api.broker.task_state(&actor.tenant, path.instance(&query), &path.key).await?))
}

/// Makes a task instance remember something, in place of what it remembered under the key.
#[utoipa::path(
    put,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store",
    params(StatePath, MapIndexQuery),
    responses((status = 204)),
)]
async fn set_task_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<StatePath>,
    Query(query): Query<MapIndexQuery>,
    Json(body): Json<TaskStateBody>,
) -> Result<StatusCode, Problem> {
    api.broker.put_task_state(&actor, path.instance(&query), &path.key, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives something that a task instance remembers another value.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store",
    params(StatePath, MapIndexQuery),
    responses((status = 200, description = "It has the new value; the body is null")),
)]
async fn patch_task_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<StatePath>,
    Query(query): Query<MapIndexQuery>,
    Json(body): Json<TaskStatePatch>,
) -> Result<Json<()>, Problem> {
    Ok(Json(api.broker.patch_task_state(&actor, path.instance(&query), &path.key, body).await?))
}

/// Makes a task instance forget one key, if it remembers it.
#[utoipa::path(
    delete,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store/{key}",
    tag = "Task State Store",
    params(StatePath, MapIndexQuery),
    responses((status = 204)),
)]
async fn delete_task_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<StatePath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_task_state(&actor, path.instance(&query), Some(&path.key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a task instance, or all of its task's, forget everything.
#[utoipa::path(
    delete,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store",
    tag = "Task State Store",
    params(TaskInstancePath, MapIndexQuery, TaskStateClearing),
    responses((status = 204)),
)]
async fn clear_task_state_store(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Queries(query, clearing): Queries<MapIndexQuery, TaskStateClearing>,
) -> Result<StatusCode, Problem> {
    if clearing.all_map_indices {
        api.broker.clear_task_states(&actor, path.run(), &path.task_id).await?;
    } else {
        let instance = (path.run(), (&path.task_id, query.map_index.0));
        api.broker.delete_task_state(&actor, instance, None).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
