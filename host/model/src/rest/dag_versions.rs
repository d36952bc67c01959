//! `/api/v2/dags/{dag_id}/dagVersions`

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ids::{DagId, DagVersionId, ModuleName};
use crate::time::Millis;

/// A version of a DAG. A module's new version makes one of each DAG that it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagVersion {
    /// Its id.
    pub id: DagVersionId,
    /// Its number, from 1.
    pub version_number: u32,
    /// The DAG.
    pub dag_id: DagId,
    /// The DAG's display name, which is its id.
    pub dag_display_name: String,
    /// The module that describes it.
    pub bundle_name: ModuleName,
    /// The module's version.
    pub bundle_version: String,
    /// Always null: the component was uploaded.
    pub bundle_url: Option<String>,
    /// Since when it exists.
    pub created_at: Millis,
}

/// What a module says of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagSource {
    /// The DAG as its module describes it, in JSON. A component has no source code.
    pub content: String,
    /// The DAG.
    pub dag_id: DagId,
    /// Which version of it.
    pub version_number: u32,
    /// How people see its id.
    pub dag_display_name: String,
}

/// Which version of a DAG is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct DagSourceQuery {
    /// The one with this number; the newest if left out.
    pub version_number: Option<u32>,
}

/// Which versions are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
pub struct DagVersionFilter {
    /// With this number.
    pub version_number: Option<u32>,
    /// Of this module.
    pub bundle_name: Option<String>,
    /// Of this version of the module.
    pub bundle_version: Option<String>,
}
