//! `…/xcomEntries`: values that tasks hand to each other.

use axum::extract::State;
use flow_model::rest::xcoms::{XcomEntry, XcomFilter};
use flow_model::rest::{Dates, Scope};
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use super::collection::Xcoms;
use super::paths::{MapIndexQuery, TasksPath, XcomPath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Queries, Query};

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::Viewer, routes!(get_xcom_entries)).at_least(Role::Viewer, routes!(get_xcom_entry))
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
    params(XcomPath, MapIndexQuery),
    responses((status = 200, body = XcomEntry)),
)]
async fn get_xcom_entry(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<XcomPath>,
    Query(query): Query<MapIndexQuery>,
) -> Result<Json<XcomEntry>, Problem> {
    let instance = (&path.task_id, query.map_index.0);
    Ok(Json(api.broker.xcom_entry(&actor.tenant, path.run(), instance, &path.xcom_key).await?))
}
