//! `/api/v2/connections`

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::ConnectionId;
use flow_model::rest::Names;
use flow_model::rest::bulk::{BulkBody, BulkResponse};
use flow_model::rest::connections::{Connection, ConnectionBody, ConnectionPatch};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::bulk::answer;
use super::collection::Connections;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, MaskQuery, PageQuery, Patch, Path, Problem, Query, RawBulk, unmask};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Op, routes!(get_connections, post_connection, bulk_connections))
        .at_least(Role::Op, routes!(test_connection))
        .at_least(Role::Op, routes!(get_connection, patch_connection, delete_connection))
}

#[derive(Deserialize, IntoParams)]
struct ConnectionPath {
    /// The connection's id.
    #[param(value_type = String)]
    connection_id: ConnectionId,
}

#[derive(Deserialize, IntoParams)]
struct ConnectionQuery {
    /// Only ids that match this SQL `LIKE` pattern.
    connection_id_pattern: Option<String>,
    /// Only ids that begin with this.
    connection_id_prefix_pattern: Option<String>,
}

/// The connections; secrets are masked.
#[utoipa::path(
    get,
    path = "/api/v2/connections",
    tag = "Connection",
    params(PageQuery, ConnectionQuery),
    responses((status = 200, body = Connections)),
)]
async fn get_connections(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<ConnectionQuery>,
) -> Result<Json<Connections>, Problem> {
    let names = Names {
        pattern: filter.connection_id_pattern.as_deref(),
        prefix: filter.connection_id_prefix_pattern.as_deref(),
    };
    Ok(Json(api.broker.connections(&actor.tenant, names, &page.into()).await?.into()))
}

/// One connection; secrets are masked.
#[utoipa::path(
    get,
    path = "/api/v2/connections/{connection_id}",
    tag = "Connection",
    params(ConnectionPath),
    responses((status = 200, body = Connection)),
)]
async fn get_connection(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ConnectionPath>,
) -> Result<Json<Connection>, Problem> {
    Ok(Json(api.broker.connection(&actor.tenant, &path.connection_id).await?))
}

/// Creates a connection.
#[utoipa::path(post, path = "/api/v2/connections", tag = "Connection", responses((status = 201, body = Connection)))]
async fn post_connection(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<ConnectionBody>,
) -> Result<(StatusCode, Json<Connection>), Problem> {
    Ok((StatusCode::CREATED, Json(api.broker.create_connection(&actor, body).await?)))
}

/// Changes a connection.
#[utoipa::path(
    patch,
    path = "/api/v2/connections/{connection_id}",
    tag = "Connection",
    params(ConnectionPath, MaskQuery),
    request_body = ConnectionPatch,
    responses((status = 200, body = Connection)),
)]
async fn patch_connection(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ConnectionPath>,
    Patch(body): Patch<ConnectionPatch>,
) -> Result<Json<Connection>, Problem> {
    Ok(Json(api.broker.patch_connection(&actor, &path.connection_id, body).await?))
}

/// Creates, changes and deletes many connections.
#[utoipa::path(
    patch,
    path = "/api/v2/connections",
    tag = "Connection",
    request_body = BulkBody<ConnectionBody, ConnectionPatch>,
    responses((status = 200, body = BulkResponse)),
)]
async fn bulk_connections(
    State(api): State<Api>,
    Member(actor): Member,
    Json(body): Json<RawBulk<ConnectionBody>>,
) -> Result<Json<BulkResponse>, Problem> {
    Ok(answer(api.broker.bulk_connections(&actor, unmask(body, &["connection_id"])?).await?))
}

/// Deletes a connection.
#[utoipa::path(
    delete,
    path = "/api/v2/connections/{connection_id}",
    tag = "Connection",
    params(ConnectionPath),
    responses((status = 204)),
)]
async fn delete_connection(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ConnectionPath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_connection(&actor, &path.connection_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Always refused, as in an Airflow where testing connections is disabled: the host runs no code of a connection's kind.
#[utoipa::path(
    post,
    path = "/api/v2/connections/test",
    tag = "Connection",
    responses((status = 403, description = "Testing connections is disabled")),
)]
async fn test_connection(Json(_body): Json<ConnectionBody>) -> Problem {
    Problem::forbidden("Testing connections is disabled: only tasks can reach the system that a connection leads to.")
}
