//! `…/taskInstances` and their tries, as people read them.

use axum::extract::State;
use flow_model::rest::batch::TaskInstancesBatch;
use flow_model::rest::task_instances::{TaskDependency, TaskInstance, TaskInstanceFilter, TaskTry};
use flow_model::rest::task_traits::TaskTraits;
use flow_model::rest::{Dates, Scope};
use flow_model::roles::Role;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{TaskInstances, TaskTries};
use super::paths::{MapIndexQuery, MappedPath, MappedTryPath, RunsPath, TaskInstancePath, TryPath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Queries, Query, within_limit};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_task_instances))
        .at_least(Role::Viewer, routes!(get_task_instances_batch))
        .at_least(Role::Viewer, routes!(get_task_instance))
        .at_least(Role::Viewer, routes!(get_mapped_task_instances))
        .at_least(Role::Viewer, routes!(get_mapped_task_instance))
        .at_least(Role::Viewer, routes!(get_task_instance_dependencies))
        .at_least(Role::Viewer, routes!(get_mapped_task_instance_dependencies))
        .at_least(Role::Viewer, routes!(get_extra_links))
        .at_least(Role::Viewer, routes!(get_task_instance_tries))
        .at_least(Role::Viewer, routes!(get_task_instance_try))
        .at_least(Role::Viewer, routes!(get_mapped_task_instance_tries))
        .at_least(Role::Viewer, routes!(get_mapped_task_instance_try))
}

/// The task instances of one run or of many.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances",
    tag = "Task Instance",
    params(RunsPath, PageQuery, TaskInstanceFilter, TaskTraits, Dates),
    responses((status = 200, body = TaskInstances)),
)]
async fn get_task_instances(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunsPath>,
    Queries(page, traits): Queries<PageQuery, TaskTraits>,
    Queries(filter, dates): Queries<TaskInstanceFilter, Dates>,
) -> Result<Json<TaskInstances>, Problem> {
    let (scope, filter): (Scope, _) = (path.into(), TaskInstanceFilter { dates, traits, ..filter });
    Ok(Json(api.broker.task_instances(&actor.tenant, &scope, &filter, &page.into()).await?.into()))
}

/// The task instances of all runs of all DAGs, with the conditions in the body.
#[utoipa::path(
    post,
    path = "/api/v2/dags/~/dagRuns/~/taskInstances/list",
    tag = "Task Instance",
    responses((status = 200, body = TaskInstances)),
)]
async fn get_task_instances_batch(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<TaskInstancesBatch>,
) -> Result<Json<TaskInstances>, Problem> {
    let (filter, page) = body.split().map_err(|error| Problem::member(error.to_string()))?;
    Ok(Json(api.broker.task_instances(&actor.tenant, &Scope::default(), &filter, &within_limit(page)).await?.into()))
}

/// One task instance.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}",
    tag = "Task Instance",
    params(TaskInstancePath),
    responses((status = 200, body = TaskInstance)),
)]
async fn get_task_instance(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
) -> Result<Json<TaskInstance>, Problem> {
    Ok(Json(api.broker.task_instance(&actor.tenant, path.run(), (&path.task_id, None)).await?))
}

/// The instances of a mapped task, in map order; none, if it is mapped over nothing or not expanded yet.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped",
    tag = "Task Instance",
    params(TaskInstancePath, PageQuery, TaskInstanceFilter, TaskTraits, Dates),
    responses((status = 200, body = TaskInstances)),
)]
async fn get_mapped_task_instances(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Queries(page, traits): Queries<PageQuery, TaskTraits>,
    Queries(filter, dates): Queries<TaskInstanceFilter, Dates>,
) -> Result<Json<TaskInstances>, Problem> {
    let which = (TaskInstanceFilter { dates, traits, ..filter }, &page.into());
    Ok(Json(api.broker.mapped_instances(&actor.tenant, path.run(), &path.task_id, which).await?.into()))
}

/// One instance of a mapped task.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}",
    tag = "Task Instance",
    params(MappedPath),
    responses((status = 200, body = TaskInstance)),
)]
async fn get_mapped_task_instance(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedPath>,
) -> Result<Json<TaskInstance>, Problem> {
    Ok(Json(api.broker.task_instance(&actor.tenant, path.run(), path.instance()).await?))
}

/// What a task instance waits for before it can begin.
#[derive(Serialize, ToSchema)]
struct TaskDependencies {
    /// Each condition that is not met; none, if it has begun.
    dependencies: Vec<TaskDependency>,
}

/// Why a task instance does not begin.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/dependencies",
    tag = "Task Instance",
    params(TaskInstancePath, MapIndexQuery),
    responses((status = 200, body = TaskDependencies)),
)]
async fn get_task_instance_dependencies(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<Json<TaskDependencies>, Problem> {
    let instance = (&path.task_id, query.map_index.0);
    let dependencies = api.broker.task_instance_dependencies(&actor.tenant, path.run(), instance).await?;
    Ok(Json(TaskDependencies { dependencies }))
}

/// Why one instance of a mapped task does not begin.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/dependencies",
    tag = "Task Instance",
    params(MappedPath),
    responses((status = 200, body = TaskDependencies)),
)]
async fn get_mapped_task_instance_dependencies(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedPath>,
) -> Result<Json<TaskDependencies>, Problem> {
    let dependencies = api.broker.task_instance_dependencies(&actor.tenant, path.run(), path.instance()).await?;
    Ok(Json(TaskDependencies { dependencies }))
}

/// The tries of a task instance.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries",
    tag = "Task Instance",
    params(TaskInstancePath, MapIndexQuery),
    responses((status = 200, body = TaskTries)),
)]
async fn get_task_instance_tries(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<Json<TaskTries>, Problem> {
    let instance = (&path.task_id, query.map_index.0);
    Ok(Json(api.broker.task_instance_tries(&actor.tenant, path.run(), instance).await?.into()))
}

/// One try of a task instance.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/tries/{task_try_number}",
    tag = "Task Instance",
    params(TryPath, MapIndexQuery),
    responses((status = 200, body = TaskTry)),
)]
async fn get_task_instance_try(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TryPath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<Json<TaskTry>, Problem> {
    let instance = (&path.task_id, query.map_index.0);
    Ok(Json(api.broker.task_instance_try(&actor.tenant, path.run(), instance, path.task_try_number).await?))
}

/// The tries of one instance of a mapped task.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries",
    tag = "Task Instance",
    params(MappedPath),
    responses((status = 200, body = TaskTries)),
)]
async fn get_mapped_task_instance_tries(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedPath>,
) -> Result<Json<TaskTries>, Problem> {
    Ok(Json(api.broker.task_instance_tries(&actor.tenant, path.run(), path.instance()).await?.into()))
}

/// One try of one instance of a mapped task.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/tries/{task_try_number}",
    tag = "Task Instance",
    params(MappedTryPath),
    responses((status = 200, body = TaskTry)),
)]
async fn get_mapped_task_instance_try(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedTryPath>,
) -> Result<Json<TaskTry>, Problem> {
    let number = path.task_try_number;
    Ok(Json(api.broker.task_instance_try(&actor.tenant, path.run(), path.instance(), number).await?))
}

/// The links that an operator would add to a task instance.
#[derive(Serialize, ToSchema)]
struct ExtraLinks {
    /// Always empty: a component adds none.
    #[schema(value_type = Object)]
    extra_links: Map<String, Value>,
    /// Always 0.
    total_entries: u64,
}

/// The links that an operator would add to a task instance: none.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/links",
    tag = "Task Instance",
    params(TaskInstancePath, MapIndexQuery),
    responses((status = 200, body = ExtraLinks)),
)]
async fn get_extra_links(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<Json<ExtraLinks>, Problem> {
    api.broker.task_instance(&actor.tenant, path.run(), (&path.task_id, query.map_index.0)).await?;
    Ok(Json(ExtraLinks { extra_links: Map::new(), total_entries: 0 }))
}
