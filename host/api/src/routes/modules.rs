//! `/api/v2/modules`: the tenant's components.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use flow_broker::{Actor, Upload};
use flow_model::ids::ModuleName;
use flow_model::rest::Names;
use flow_model::rest::modules::{ModuleDetails, RollbackBody, UploadedModule};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{ModuleVersions, Modules};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, read};
use crate::uploads::UPLOAD_TIME;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_modules))
        .at_least(Role::Viewer, routes!(get_module))
        .at_least(Role::Viewer, routes!(get_module_versions))
        .at_least(Role::Op, routes!(post_module, delete_module))
        .at_least(Role::Op, routes!(roll_back_module))
}

#[derive(Deserialize, IntoParams)]
struct ModulePath {
    /// The module's name.
    #[param(value_type = String)]
    name: ModuleName,
}

#[derive(Deserialize, IntoParams)]
struct ModuleQuery {
    /// Only names that match this SQL `LIKE` pattern.
    name_pattern: Option<String>,
}

/// The modules, each with its current version.
#[utoipa::path(
    get,
    path = "/api/v2/modules",
    tag = "Module",
    params(PageQuery, ModuleQuery),
    responses((status = 200, body = Modules)),
)]
async fn get_modules(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
    Query(filter): Query<ModuleQuery>,
) -> Result<Json<Modules>, Problem> {
    let names = Names { pattern: filter.name_pattern.as_deref(), prefix: None };
    Ok(Json(api.broker.modules(&actor.tenant, names, &page.into()).await?.into()))
}

/// One module: what its current version imports, exports and uses.
#[utoipa::path(
    get,
    path = "/api/v2/modules/{name}",
    tag = "Module",
    params(ModulePath),
    responses((status = 200, body = ModuleDetails)),
)]
async fn get_module(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ModulePath>,
) -> Result<Json<ModuleDetails>, Problem> {
    Ok(Json(api.broker.module_details(&actor.tenant, &path.name).await?))
}

/// The versions of one module, oldest first unless `order_by` says otherwise.
#[utoipa::path(
    get,
    path = "/api/v2/modules/{name}/versions",
    tag = "Module",
    params(ModulePath, PageQuery),
    responses((status = 200, body = ModuleVersions)),
)]
async fn get_module_versions(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ModulePath>,
    Query(page): Query<PageQuery>,
) -> Result<Json<ModuleVersions>, Problem> {
    Ok(Json(api.broker.module_versions(&actor.tenant, &path.name, &page.into()).await?.into()))
}

/// Uploads a component: it is validated, compiled and asked for its DAGs.
#[utoipa::path(
    post,
    path = "/api/v2/modules/{name}",
    tag = "Module",
    params(ModulePath),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component's bytes"),
    responses(
        (status = 201, body = UploadedModule, description = "It is a new version"),
        (status = 200, body = UploadedModule, description = "The newest version has the same bytes"),
    ),
)]
async fn post_module(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ModulePath>,
    request: Request,
) -> Result<(StatusCode, Json<UploadedModule>), Problem> {
    Ok(match upload(&api, &actor, &path.name, request).await? {
        Upload::Created(module) => (StatusCode::CREATED, Json(module)),
        Upload::Unchanged(module) => (StatusCode::OK, Json(module)),
    })
}

async fn upload(api: &Api, actor: &Actor, name: &ModuleName, request: Request) -> Result<Upload, Problem> {
    let (parts, body) = request.into_parts();
    if !says_wasm(&parts.headers) {
        let detail = "send the component's bytes as the body, with `Content-Type: application/wasm`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
    }
    // Held until the component is compiled: what it bounds is the memory and the time of one tenant's uploads.
    let _place = api.uploads.enter(&actor.tenant)?;
    let bytes = read(&parts.headers, body, api.max_upload, UPLOAD_TIME).await?;
    Ok(api.broker.upload_module(actor, name, bytes).await?)
}

fn says_wasm(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/wasm")
}

/// Deletes a module, its versions and its DAGs.
#[utoipa::path(delete, path = "/api/v2/modules/{name}", tag = "Module", params(ModulePath), responses((status = 204)))]
async fn delete_module(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ModulePath>,
) -> Result<StatusCode, Problem> {
    api.broker.delete_module(&actor, &path.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an earlier accepted version the current one.
#[utoipa::path(
    post,
    path = "/api/v2/modules/{name}/rollback",
    tag = "Module",
    params(ModulePath),
    responses((status = 200, body = UploadedModule)),
)]
async fn roll_back_module(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<ModulePath>,
    Json(body): Json<RollbackBody>,
) -> Result<Json<UploadedModule>, Problem> {
    Ok(Json(api.broker.roll_back_module(&actor, &path.name, body).await?))
}
