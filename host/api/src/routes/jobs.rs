//! `/api/v2/jobs`: the processes that schedule and run work.

use axum::extract::State;
use flow_model::rest::jobs::JobFilter;
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use super::collection::Jobs;
use crate::Api;
use crate::http::{Json, PageQuery, Problem, Query};

pub(super) fn routes() -> Routes {
    Routes::default().at_least_or_platform(Role::Viewer, routes!(get_jobs))
}

/// The jobs. They belong to no tenant and say nothing of any.
#[utoipa::path(
    get,
    path = "/api/v2/jobs",
    tag = "Job",
    params(PageQuery, JobFilter),
    responses((status = 200, body = Jobs)),
)]
async fn get_jobs(
    State(api): State<Api>,
    Query(page): Query<PageQuery>,
    Query(filter): Query<JobFilter>,
) -> Result<Json<Jobs>, Problem> {
    Ok(Json(api.broker.jobs(&filter, &page.into()).await?.into()))
}
