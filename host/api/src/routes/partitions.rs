//! `/api/v2/dags/{dag_id}/clearPartitions`

use axum::extract::State;
use flow_model::rest::clearing::{ClearPartitions, ClearedPartitions};
use flow_model::roles::Role;
use utoipa_axum::routes;

use super::Routes;
use super::paths::DagPath;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, Path, Problem};

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::User, routes!(clear_dag_run_partitions))
}

/// Makes runs be for no part of their DAG's assets any more, or says how many those would be.
#[utoipa::path(
    post,
    path = "/api/v2/dags/{dag_id}/clearPartitions",
    tag = "DagRun",
    params(DagPath),
    responses((status = 200, body = ClearedPartitions)),
)]
async fn clear_dag_run_partitions(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Json(body): Json<ClearPartitions>,
) -> Result<Json<ClearedPartitions>, Problem> {
    Ok(Json(api.broker.clear_partitions(&actor, &path.dag_id, body).await?))
}
