//! `…/taskInstances`, as people change them: marking, clearing, deleting.

use axum::extract::State;
use axum::http::StatusCode;
use flow_broker::Subject;
use flow_model::rest::bulk::{BulkBody, BulkResponse};
use flow_model::rest::clearing::ClearTaskInstances;
use flow_model::rest::task_instances::{BulkTaskInstance, TaskInstanceName, TaskInstancePatch};
use flow_model::roles::Role;
use serde_json::Value;
use utoipa_axum::routes;

use super::Routes;
use super::bulk::answer;
use super::collection::TaskInstances;
use super::paths::{DagPath, GroupPath, MapIndexQuery, MappedPath, RunsPath, SomeIndexQuery, TaskInstancePath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, Patch, Path, Problem, Query, RawBulk, unmask};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::User, routes!(patch_task_instance, delete_task_instance))
        .at_least(Role::User, routes!(patch_task_instance_dry_run))
        .at_least(Role::User, routes!(patch_mapped_task_instance))
        .at_least(Role::User, routes!(patch_mapped_task_instance_dry_run))
        .at_least(Role::User, routes!(patch_task_group_instances))
        .at_least(Role::User, routes!(patch_task_group_instances_dry_run))
        .at_least(Role::User, routes!(bulk_task_instances))
        .at_least(Role::User, routes!(post_clear_task_instances))
}

/// Ends the instances of a task or one of them, or changes their notes.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}",
    tag = "Task Instance",
    params(TaskInstancePath, SomeIndexQuery, MaskQuery),
    request_body = TaskInstancePatch,
    responses((status = 200, body = TaskInstances)),
)]
async fn patch_task_instance(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Query(query): Query<SomeIndexQuery>,
    Patch(body): Patch<TaskInstancePatch>,
) -> Result<Json<TaskInstances>, Problem> {
    Ok(Json(api.broker.patch_task_instances(&actor, path.run(), query.of(&path.task_id), body).await?.into()))
}

/// Ends one instance of a mapped task, or changes its note.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "Task Instance",
    params(MappedPath, MaskQuery),
    request_body = TaskInstancePatch,
    responses((status = 200, body = TaskInstances)),
)]
async fn patch_mapped_task_instance(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedPath>,
    Patch(body): Patch<TaskInstancePatch>,
) -> Result<Json<TaskInstances>, Problem> {
    let (task, index) = path.instance();
    let instance = Subject::Instance(task, index);
    Ok(Json(api.broker.patch_task_instances(&actor, path.run(), instance, body).await?.into()))
}

/// Says which task instances would end otherwise.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dry_run",
    tag = "Task Instance",
    params(TaskInstancePath, SomeIndexQuery, MaskQuery),
    request_body = TaskInstancePatch,
    responses((status = 200, body = TaskInstances)),
)]
async fn patch_task_instance_dry_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Query(query): Query<SomeIndexQuery>,
    Patch(body): Patch<TaskInstancePatch>,
) -> Result<Json<TaskInstances>, Problem> {
    Ok(Json(api.broker.rehearse_patch(&actor, path.run(), query.of(&path.task_id), body).await?.into()))
}

/// Says which task instances would end otherwise, besides one instance of a mapped task.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dry_run",
    tag = "Task Instance",
    params(MappedPath, MaskQuery),
    request_body = TaskInstancePatch,
    responses((status = 200, body = TaskInstances)),
)]
async fn patch_mapped_task_instance_dry_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedPath>,
    Patch(body): Patch<TaskInstancePatch>,
) -> Result<Json<TaskInstances>, Problem> {
    let (task, index) = path.instance();
    Ok(Json(api.broker.rehearse_patch(&actor, path.run(), Subject::Instance(task, index), body).await?.into()))
}

/// Ends the task instances of a group, or changes their notes.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}",
    tag = "Task Instance",
    params(GroupPath, MaskQuery),
    request_body = TaskInstancePatch,
    responses((status = 200, body = TaskInstances)),
)]
async fn patch_task_group_instances(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<GroupPath>,
    Patch(body): Patch<TaskInstancePatch>,
) -> Result<Json<TaskInstances>, Problem> {
    Ok(Json(api.broker.patch_task_instances(&actor, path.run(), Subject::Group(&path.group_id), body).await?.into()))
}

/// Says which task instances of a group would end otherwise.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskGroupInstances/{group_id}/dry_run",
    tag = "Task Instance",
    params(GroupPath, MaskQuery),
    request_body = TaskInstancePatch,
    responses((status = 200, body = TaskInstances)),
)]
async fn patch_task_group_instances_dry_run(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<GroupPath>,
    Patch(body): Patch<TaskInstancePatch>,
) -> Result<Json<TaskInstances>, Problem> {
    Ok(Json(api.broker.rehearse_patch(&actor, path.run(), Subject::Group(&path.group_id), body).await?.into()))
}

/// Deletes a task instance of a run that has ended, with its tries, results and logs.
#[utoipa::path(
    delete,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}",
    tag = "Task Instance",
    params(TaskInstancePath, MapIndexQuery),
    responses((status = 200)),
)]
async fn delete_task_instance(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_task_instance(&actor, path.run(), (&path.task_id, query.map_index.0)).await?;
    Ok(StatusCode::OK)
}

/// Changes and deletes many task instances.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances",
    tag = "Task Instance",
    params(RunsPath),
    request_body = BulkBody<Value, BulkTaskInstance, TaskInstanceName>,
    responses((status = 200, body = BulkResponse)),
)]
async fn bulk_task_instances(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunsPath>,
    Json(body): Json<RawBulk<Value, TaskInstanceName>>,
) -> Result<Json<BulkResponse>, Problem> {
    let body = unmask(body, &["dag_id", "dag_run_id", "task_id", "map_index"])?;
    let (dag, run) = path.parts();
    Ok(answer(api.broker.bulk_task_instances(&actor, (dag.as_ref(), run.as_ref()), body).await?))
}

/// Runs task instances of a DAG again, or says which those would be.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/clearTaskInstances",
    tag = "Task Instance",
    params(DagPath),
    responses((status = 200, body = TaskInstances)),
)]
async fn post_clear_task_instances(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Json(body): Json<ClearTaskInstances>,
) -> Result<Json<TaskInstances>, Problem> {
    Ok(Json(api.broker.clear_task_instances(&actor, &path.dag_id, body).await?.into()))
}
