//! `/api/v2/modules`: uploaded components.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{DagId, Digest, ModuleName};
use crate::time::Millis;
use crate::uses::Uses;

/// A module and its current version, the one whose DAGs run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Module {
    /// Its name.
    pub name: ModuleName,
    /// The current version; null while none was accepted.
    pub version: Option<u32>,
    /// The newest version, accepted or not.
    pub last_version: u32,
    /// The current version's digest.
    pub digest: Option<Digest>,
    /// The current version's size in bytes.
    pub size: Option<u64>,
    /// The current version's DAGs.
    pub dags: Vec<DagId>,
    /// Why the newest version was not accepted, if it was not.
    pub import_error: Option<String>,
    /// When its first version was uploaded.
    pub created_at: Millis,
    /// When its current version last changed.
    pub updated_at: Millis,
}

/// A module with what its current version needs and offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModuleDetails {
    /// The module.
    #[serde(flatten)]
    pub module: Module,
    /// The interfaces it imports, by full name.
    pub imports: Vec<String>,
    /// The interfaces it exports, by full name.
    pub exports: Vec<String>,
    /// What its tasks declare that they use.
    pub uses: Uses,
    /// How long it took to compile, in milliseconds.
    pub compile_ms: Option<u64>,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VersionState {
    /// It was stored and is asked for its DAGs.
    Parsing,
    /// Its DAGs were accepted.
    Ready,
    /// Its DAGs were not accepted, or it could not be asked for them.
    Failed,
}

impl VersionState {
    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parsing => "parsing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Parsing, Self::Ready, Self::Failed].into_iter().find(|state| state.as_str() == name)
    }
}

/// One version of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModuleVersion {
    /// Its number, from 1.
    pub version: u32,
    /// Whether its DAGs are the ones that run.
    pub is_current: bool,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where it stands.
    pub state: VersionState,
    /// The interfaces it imports, by full name.
    pub imports: Vec<String>,
    /// The interfaces it exports, by full name.
    pub exports: Vec<String>,
    /// How long it took to compile, in milliseconds.
    pub compile_ms: u64,
    /// What its DAGs came to; null unless it is ready.
    pub outline: Option<Outline>,
    /// Why it was not accepted, if it was not.
    pub error: Option<String>,
    /// Who uploaded it.
    pub uploaded_by: String,
    /// When it was uploaded.
    pub created_at: Millis,
    /// When its DAGs were accepted or refused.
    pub parsed_at: Option<Millis>,
}

/// What the DAGs of an accepted version come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outline {
    /// The DAGs' ids, in ascending order.
    pub dags: Vec<DagId>,
    /// What their tasks declare that they use.
    pub uses: Uses,
    /// What may be a mistake.
    pub warnings: Vec<String>,
}

/// The answer to an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedModule {
    /// The module's name.
    pub name: ModuleName,
    /// The version that the upload became, or that holds the same bytes already.
    pub version: u32,
    /// The component's digest.
    pub digest: Digest,
    /// The component's size in bytes.
    pub size: u64,
    /// Its DAGs.
    pub dags: Vec<DagId>,
    /// What may be a mistake.
    pub warnings: Vec<String>,
}

/// Which version to go back to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// The version; the newest accepted one before the current one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}
