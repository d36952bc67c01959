//! What stands in for source files: a DAG as its module describes it, and having a module parsed again.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flow_model::ids::ModuleName;
use flow_model::rest::dag_versions::{DagSource, DagSourceQuery};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::paths::DagPath;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, Path, Problem, Query, accepts};

pub(super) fn routes() -> Routes {
    Routes::default().at_least(Role::Viewer, routes!(get_dag_source)).at_least(Role::Op, routes!(reparse_dag_file))
}

/// The file of a DAG.
#[derive(Deserialize, IntoParams)]
struct FilePath {
    /// The `file_token` of one of its DAGs: the module's name.
    #[param(value_type = String)]
    file_token: ModuleName,
}

/// A DAG as its module describes it, in JSON: a component has no source code. Who accepts `text/plain` gets that alone.
#[utoipa::path(
    get,
    path = "/api/v2/dagSources/{dag_id}",
    tag = "DagSource",
    params(DagPath, DagSourceQuery),
    responses((status = 200, content((DagSource = "application/json"), (String = "text/plain")))),
)]
async fn get_dag_source(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<DagPath>,
    Query(query): Query<DagSourceQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let source = api.broker.dag_source(&actor.tenant, &path.dag_id, query.version_number).await?;
    Ok(if accepts(&headers, "text/plain") { source.content.into_response() } else { Json(source).into_response() })
}

/// Has a module parsed again, since the variables that it reads may have changed: a new version of the same component.
#[utoipa::path(
    put,
    path = "/api/v2/parseDagFile/{file_token}",
    tag = "DAG Parsing",
    params(FilePath),
    responses((status = 201, description = "It has been parsed; the body is null")),
)]
async fn reparse_dag_file(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<FilePath>,
) -> Result<(StatusCode, Json<()>), Problem> {
    api.broker.parse_again(&actor, &path.file_token).await?;
    Ok((StatusCode::CREATED, Json(())))
}
