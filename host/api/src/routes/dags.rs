//! `/api/v2/dags` and what is read of a DAG: tasks, versions, labels, how its runs stand.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::{DagId, TaskId};
use flow_model::rest::dag_versions::{DagVersion, DagVersionFilter};
use flow_model::rest::dags::{Dag, DagDetails, DagFilter, DagPatch};
use flow_model::rest::tasks::Task;
use flow_model::rest::{Names, NewestRun};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{DagStatsList, DagTags, DagVersions, Dags, NextDagRuns, Tasks};
use super::paths::{DagPath, DagsPath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, PageQuery, Patch, Path, Problem, Queries, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_dags))
        .at_least(Role::Viewer, routes!(get_dag))
        .at_least(Role::User, routes!(patch_dag, delete_dag))
        .at_least(Role::Viewer, routes!(get_dag_details))
        .at_least(Role::Viewer, routes!(get_next_dag_runs))
        .at_least(Role::Viewer, routes!(get_dag_tags))
        .at_least(Role::Viewer, routes!(get_dag_stats))
        .at_least(Role::Viewer, routes!(get_tasks))
        .at_least(Role::Viewer, routes!(get_task))
        .at_least(Role::Viewer, routes!(get_dag_versions))
        .at_least(Role::Viewer, routes!(get_dag_version))
}

#[derive(Deserialize, IntoParams)]
struct TaskPath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The task.
    #[param(value_type = String)]
    task_id: TaskId,
}

#[derive(Deserialize, IntoParams)]
struct VersionPath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The version's number, from 1.
    #[serde(deserialize_with = "whole")]
    version_number: u32,
}

#[derive(Deserialize, IntoParams)]
struct NextQuery {
    /// How many runs at most.
    #[serde(default = "five", deserialize_with = "whole")]
    #[param(default = 5, maximum = 1000)]
    limit: u32,
}

fn five() -> u32 {
    5
}

#[derive(Deserialize, IntoParams)]
struct TagQuery {
    /// Only labels that match this SQL `LIKE` pattern.
    tag_name_pattern: Option<String>,
    /// Only labels that begin with this.
    tag_name_prefix_pattern: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct StatsQuery {
    /// Only of these DAGs.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    dag_ids: Vec<DagId>,
}

#[derive(Deserialize, IntoParams)]
struct TaskQuery {
    /// `task_id`, or `-task_id` for descending.
    order_by: Option<String>,
}

/// The DAGs.
#[utoipa::path(
    get,
    path = "/api/v2/dags",
    tag = "DAG",
    params(PageQuery, DagFilter, NewestRun),
    responses((status = 200, body = Dags)),
)]
async fn get_dags(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Queries(filter, newest_run): Queries<DagFilter, NewestRun>,
) -> Result<Json<Dags>, Problem> {
    let filter = DagFilter { newest_run, ..filter };
    Ok(Json(api.broker.dags(&actor, &filter, &page.into()).await?.into()))
}

/// One DAG.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}",
    tag = "DAG",
    params(DagPath),
    responses((status = 200, body = Dag)),
)]
async fn get_dag(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
) -> Result<Json<Dag>, Problem> {
    Ok(Json(api.broker.dag(&actor.tenant, &path.dag_id).await?))
}

/// One DAG with everything that is known of it.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/details",
    tag = "DAG",
    params(DagPath),
    responses((status = 200, body = DagDetails)),
)]
async fn get_dag_details(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
) -> Result<Json<DagDetails>, Problem> {
    Ok(Json(api.broker.dag_details(&actor, &path.dag_id).await?))
}

/// The runs that a DAG's schedule will make, as if the DAG were not paused.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/nextRuns",
    tag = "DAG",
    params(DagPath, NextQuery),
    responses((status = 200, body = NextDagRuns)),
)]
async fn get_next_dag_runs(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Query(query): Query<NextQuery>,
) -> Result<Json<NextDagRuns>, Problem> {
    Ok(Json(api.broker.next_runs(&actor.tenant, &path.dag_id, query.limit.min(1_000)).await?.into()))
}

/// Pauses a DAG or lets it go on.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}",
    tag = "DAG",
    params(DagPath, MaskQuery),
    request_body = DagPatch,
    responses((status = 200, body = Dag)),
)]
async fn patch_dag(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Patch(body): Patch<DagPatch>,
) -> Result<Json<Dag>, Problem> {
    Ok(Json(api.broker.patch_dag(&actor, &path.dag_id, body).await?))
}

/// Deletes a DAG with its runs. It comes back with the next upload of its module.
#[utoipa::path(delete, path = "/api/v2/dags/{dag_id}", tag = "DAG", params(DagPath), responses((status = 204)))]
async fn delete_dag(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_dag(&actor, &path.dag_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The labels of all DAGs.
#[utoipa::path(
    get,
    path = "/api/v2/dagTags",
    tag = "DAG",
    params(PageQuery, TagQuery),
    responses((status = 200, body = DagTags)),
)]
async fn get_dag_tags(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<TagQuery>,
) -> Result<Json<DagTags>, Problem> {
    let names =
        Names { pattern: filter.tag_name_pattern.as_deref(), prefix: filter.tag_name_prefix_pattern.as_deref() };
    Ok(Json(api.broker.dag_tags(&actor.tenant, names, &page.into()).await?.into()))
}

/// How the DAGs' runs stand.
#[utoipa::path(
    get,
    path = "/api/v2/dagStats",
    tag = "DagStats",
    params(StatsQuery),
    responses((status = 200, body = DagStatsList)),
)]
async fn get_dag_stats(
    State(api): State<Api>,
    Member(actor): Member,
    Query(filter): Query<StatsQuery>,
) -> Result<Json<DagStatsList>, Problem> {
    Ok(Json(api.broker.dag_stats(&actor.tenant, &filter.dag_ids).await?.into()))
}

/// The tasks of a DAG's newest version.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/tasks",
    tag = "Task",
    params(DagPath, TaskQuery),
    responses((status = 200, body = Tasks)),
)]
async fn get_tasks(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Query(query): Query<TaskQuery>,
) -> Result<Json<Tasks>, Problem> {
    Ok(Json(api.broker.tasks(&actor.tenant, &path.dag_id, query.order_by.as_deref()).await?.into()))
}

/// One task of a DAG's newest version.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/tasks/{task_id}",
    tag = "Task",
    params(TaskPath),
    responses((status = 200, body = Task)),
)]
async fn get_task(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskPath>,
) -> Result<Json<Task>, Problem> {
    Ok(Json(api.broker.task(&actor.tenant, &path.dag_id, &path.task_id).await?))
}

/// The versions of a DAG.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagVersions",
    tag = "DagVersion",
    params(DagsPath, PageQuery, DagVersionFilter),
    responses((status = 200, body = DagVersions)),
)]
async fn get_dag_versions(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagsPath>,
    Query(page): Query<PageQuery>,
    Query(filter): Query<DagVersionFilter>,
) -> Result<Json<DagVersions>, Problem> {
    Ok(Json(api.broker.dag_versions(&actor.tenant, path.one().as_ref(), &filter, &page.into()).await?.into()))
}

/// One version of a DAG.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagVersions/{version_number}",
    tag = "DagVersion",
    params(VersionPath),
    responses((status = 200, body = DagVersion)),
)]
async fn get_dag_version(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<VersionPath>,
) -> Result<Json<DagVersion>, Problem> {
    Ok(Json(api.broker.dag_version(&actor.tenant, &path.dag_id, path.version_number).await?))
}
