//! `…/hitlDetails`: questions to people, and answering them.

use axum::extract::State;
use flow_model::human_input::Answer;
use flow_model::ids::{DagId, RunId, TaskId};
use flow_model::rest::Scope;
use flow_model::rest::human_input::{HitlDetail, HitlFilter, HitlResponse, HitlTry};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::HitlDetails;
use super::paths::{MapIndex, MappedPath, RunsPath};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_hitl_details))
        .at_least(Role::Viewer, routes!(get_hitl_detail))
        .at_least(Role::User, routes!(patch_hitl_detail))
        .at_least(Role::Viewer, routes!(get_hitl_detail_try))
}

/// What the tasks of one run or of many ask people, and what they answered.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/hitlDetails",
    tag = "Task Instance",
    params(RunsPath, PageQuery, HitlFilter),
    responses((status = 200, body = HitlDetails)),
)]
async fn get_hitl_details(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<RunsPath>,
    Query(page): Query<PageQuery>,
    Query(filter): Query<HitlFilter>,
) -> Result<Json<HitlDetails>, Problem> {
    let scope: Scope = path.into();
    Ok(Json(api.broker.questions(&actor.tenant, &scope, &filter, &page.into()).await?.into()))
}

/// What a task instance asks, or asked last.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails",
    tag = "Task Instance",
    params(MappedPath),
    responses((status = 200, body = HitlDetail)),
)]
async fn get_hitl_detail(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedPath>,
) -> Result<Json<HitlDetail>, Problem> {
    Ok(Json(api.broker.question(&actor.tenant, path.run(), path.instance()).await?))
}

/// Answers what a task instance asks. Only the first answer counts; where users are assigned, only theirs.
#[utoipa::path(
    patch,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails",
    tag = "Task Instance",
    params(MappedPath),
    responses((status = 200, body = HitlResponse)),
)]
async fn patch_hitl_detail(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<MappedPath>,
    Json(body): Json<Answer>,
) -> Result<Json<HitlResponse>, Problem> {
    Ok(Json(api.broker.answer(&actor, path.run(), path.instance(), body).await?))
}

#[derive(Deserialize, IntoParams)]
struct HitlTryPath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    task_id: TaskId,
    /// The index of a mapped instance; -1 for a task that is not mapped.
    #[param(value_type = i64)]
    map_index: MapIndex,
    /// Which try, from 1.
    #[serde(deserialize_with = "whole")]
    try_number: u32,
}

/// What one try of a task instance asked last.
#[utoipa::path(
    get,
    path = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails/tries/{try_number}",
    tag = "Task Instance",
    params(HitlTryPath),
    responses((status = 200, body = HitlTry)),
)]
async fn get_hitl_detail_try(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<HitlTryPath>,
) -> Result<Json<HitlTry>, Problem> {
    let HitlTryPath { dag_id, dag_run_id, task_id, map_index, try_number } = path;
    let (run, instance) = ((&dag_id, &dag_run_id), (&task_id, map_index.0));
    Ok(Json(api.broker.question_of_try(&actor.tenant, run, instance, try_number).await?))
}
