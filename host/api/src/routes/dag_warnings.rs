//! `/api/v2/dagWarnings`

use axum::extract::State;
use flow_model::rest::dag_warnings::DagWarningFilter;
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use super::collection::DagWarnings;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Problem, Query};

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::Viewer, routes!(list_dag_warnings))
}

/// What keeps tasks of DAGs from ever running as things are.
#[utoipa::path(
    get,
    path = "/api/v2/dagWarnings",
    tag = "DagWarning",
    params(PageQuery, DagWarningFilter),
    responses((status = 200, body = DagWarnings)),
)]
async fn list_dag_warnings(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<DagWarningFilter>,
) -> Result<Json<DagWarnings>, Problem> {
    Ok(Json(api.broker.dag_warnings(&actor.tenant, &filter, &page.into()).await?.into()))
}
