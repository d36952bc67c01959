//! What Airflow lists and what there is none of here: plugins, providers, and configuration that tenants can see.

use flow_model::roles::Role;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::collection::{PluginErrors, Plugins, Providers};
use crate::http::{Json, Problem};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Viewer, routes!(get_plugins))
        .at_least(Role::Viewer, routes!(get_plugin_import_errors))
        .at_least(Role::Viewer, routes!(get_providers))
        .at_least(Role::Viewer, routes!(get_config))
        .at_least(Role::Viewer, routes!(get_config_value))
}

/// Plugins: none. Modules bring what plugins would.
#[utoipa::path(get, path = "/api/v2/plugins", tag = "Plugin", responses((status = 200, body = Plugins)))]
async fn get_plugins() -> Json<Plugins> {
    Json(Vec::<Value>::new().into())
}

/// Why plugins were not accepted: there are none.
#[utoipa::path(
    get,
    path = "/api/v2/plugins/importErrors",
    tag = "Plugin",
    responses((status = 200, body = PluginErrors)),
)]
async fn get_plugin_import_errors() -> Json<PluginErrors> {
    Json(Vec::<Value>::new().into())
}

/// Providers: none. Modules bring their own code.
#[utoipa::path(get, path = "/api/v2/providers", tag = "Provider", responses((status = 200, body = Providers)))]
async fn get_providers() -> Json<Providers> {
    Json(Vec::<Value>::new().into())
}

/// Always refused, as in an Airflow that does not expose its configuration: it is the platform's.
#[utoipa::path(
    get,
    path = "/api/v2/config",
    tag = "Config",
    responses((status = 403, description = "The configuration is not exposed")),
)]
async fn get_config() -> Problem {
    unexposed()
}

/// One setting.
#[derive(Deserialize, IntoParams)]
#[expect(dead_code, reason = "whatever is asked for, it is refused")]
struct SettingPath {
    /// Its section.
    section: String,
    /// Its name.
    option: String,
}

/// The same for one setting.
#[utoipa::path(
    get,
    path = "/api/v2/config/section/{section}/option/{option}",
    tag = "Config",
    params(SettingPath),
    responses((status = 403, description = "The configuration is not exposed")),
)]
async fn get_config_value() -> Problem {
    unexposed()
}

fn unexposed() -> Problem {
    Problem::forbidden("The configuration is the platform's and is not exposed; `flow-host config show` prints it.")
}
