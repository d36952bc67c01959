//! `…/xcomEntries`: values that tasks hand to each other.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::rest::xcoms::{XcomBody, XcomEntry, XcomFilter, XcomPatch, XcomQuery};
use flow_model::rest::{Dates, Scope};
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use super::collection::Xcoms;
use super::paths::{MapIndex, MapIndexQuery, TaskInstancePath, TasksPath, XcomPath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Queries, Query};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_xcom_entries))
        .at_least(Role::User, routes!(create_xcom_entry))
        .at_least(Role::Viewer, routes!(get_xcom_entry))
        .at_least(Role::User, routes!(update_xcom_entry, delete_xcom_entry))
}

/// The `XComs` of one task or of many, without their values.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries",
    tag = "XCom",
    params(TasksPath, PageQuery, XcomFilter, Dates),
    responses((status = 200, body = Xcoms)),
)]
async fn get_xcom_entries(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TasksPath>,
    Query(page): Query<PageQuery>,
    Queries(filter, dates): Queries<XcomFilter, Dates>,
) -> Result<Json<Xcoms>, Problem> {
    let scope: Scope = path.into();
    let filter = XcomFilter { dates, ..filter };
    Ok(Json(api.broker.xcom_entries(&actor.tenant, &scope, &filter, &page.into()).await?.into()))
}

/// One `XCom` with its value.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
    tag = "XCom",
    params(XcomPath, MapIndexQuery, XcomQuery),
    responses((status = 200, body = XcomEntry)),
)]
async fn get_xcom_entry(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<XcomPath>,
    Queries(query, shape): Queries<MapIndexQuery, XcomQuery>,
) -> Result<Json<XcomEntry>, Problem> {
    let instance = (&path.task_id, query.map_index.0);
    let entry = api.broker.xcom_entry(&actor.tenant, path.run(), instance, &path.xcom_key).await?;
    let value = if shape.stringify { entry.value.quoted().map_err(|_| Problem::internal())? } else { entry.value };
    Ok(Json(XcomEntry { value, ..entry }))
}

/// Stores an `XCom` for a task instance.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries",
    tag = "XCom",
    params(TaskInstancePath),
    responses((status = 201, body = XcomEntry)),
)]
async fn create_xcom_entry(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<TaskInstancePath>,
    Json(body): Json<XcomBody>,
) -> Result<(StatusCode, Json<XcomEntry>), Problem> {
    let name = (path.run(), (&path.task_id, index(body.map_index)?), &body.key);
    Ok((StatusCode::CREATED, Json(api.broker.create_xcom(&actor, name, body.value).await?)))
}

/// Gives an `XCom` another value.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
    tag = "XCom",
    params(XcomPath),
    responses((status = 200, body = XcomEntry)),
)]
async fn update_xcom_entry(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<XcomPath>,
    Json(body): Json<XcomPatch>,
) -> Result<Json<XcomEntry>, Problem> {
    let name = (path.run(), (&path.task_id, index(body.map_index)?), &path.xcom_key);
    Ok(Json(api.broker.patch_xcom(&actor, name, body.value).await?))
}

/// Deletes an `XCom`.
#[utoipa::path(
    delete,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}",
    tag = "XCom",
    params(XcomPath, MapIndexQuery),
    responses((status = 204)),
)]
async fn delete_xcom_entry(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<XcomPath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_xcom(&actor, (path.run(), (&path.task_id, query.map_index.0), &path.xcom_key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The index that a body names.
fn index(index: i64) -> Result<Option<u32>, Problem> {
    MapIndex::try_from(index).map(|index| index.0).map_err(|reason| Problem::member(format!("map_index: {reason}")))
}
