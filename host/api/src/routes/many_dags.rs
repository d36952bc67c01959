//! `/api/v2/dags`: favorites, and pausing many DAGs at once.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::rest::dags::{DagFilter, DagPatch};
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use super::collection::Dags;
use super::paths::DagPath;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, PageQuery, Patch, Path, Problem, Queries};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::User, routes!(patch_dags))
        .at_least(Role::Viewer, routes!(favorite_dag))
        .at_least(Role::Viewer, routes!(unfavorite_dag))
}

/// Pauses many DAGs or lets them go on. Without `dag_id_pattern` or `dag_id_prefix_pattern` it is none; `~` means all.
#[utoipa::path(
    patch,
    path = "/api/v2/dags",
    tag = "DAG",
    params(PageQuery, DagFilter, MaskQuery),
    request_body = DagPatch,
    responses((status = 200, body = Dags)),
)]
async fn patch_dags(
    State(api): State<Api>,
    Member(actor): Member,
    Queries(page, filter): Queries<PageQuery, DagFilter>,
    Patch(body): Patch<DagPatch>,
) -> Result<Json<Dags>, Problem> {
    Ok(Json(api.broker.patch_dags(&actor, &filter, &body, &page.into()).await?.into()))
}

/// Makes a DAG one of the caller's favorites.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/favorite",
    tag = "DAG",
    params(DagPath),
    responses((status = 204)),
)]
async fn favorite_dag(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
) -> Result<StatusCode, Problem> {
    api.broker.favorite_dag(&actor, &path.dag_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a DAG none of the caller's favorites.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/unfavorite",
    tag = "DAG",
    params(DagPath),
    responses((status = 204)),
)]
async fn unfavorite_dag(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
) -> Result<StatusCode, Problem> {
    api.broker.unfavorite_dag(&actor, &path.dag_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
