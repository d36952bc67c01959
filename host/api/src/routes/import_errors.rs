//! `/api/v2/importErrors`: why uploads were not accepted.

use axum::extract::State;
use flow_model::rest::import_errors::{ImportError, ImportErrorFilter};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::ImportErrors;
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_import_errors))
        .at_least(Role::Viewer, routes!(get_import_error))
}

#[derive(Deserialize, IntoParams)]
struct ImportErrorPath {
    /// The error's number.
    #[serde(deserialize_with = "whole")]
    import_error_id: i64,
}

/// The import errors of all modules.
#[utoipa::path(
    get,
    path = "/api/v2/importErrors",
    tag = "Import Error",
    params(PageQuery, ImportErrorFilter),
    responses((status = 200, body = ImportErrors)),
)]
async fn get_import_errors(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<ImportErrorFilter>,
) -> Result<Json<ImportErrors>, Problem> {
    Ok(Json(api.broker.import_errors(&actor.tenant, &filter, &page.into()).await?.into()))
}

/// One import error.
#[utoipa::path(
    get,
    path = "/api/v2/importErrors/{import_error_id}",
    tag = "Import Error",
    params(ImportErrorPath),
    responses((status = 200, body = ImportError)),
)]
async fn get_import_error(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ImportErrorPath>,
) -> Result<Json<ImportError>, Problem> {
    Ok(Json(api.broker.import_error(&actor.tenant, path.import_error_id).await?))
}
