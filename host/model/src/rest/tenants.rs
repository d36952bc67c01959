//! `/api/v2/tenants`: the platform's administration.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Change;
use crate::ids::{TenantId, Username};
use crate::quota::{Policy, Quota};
use crate::secret::Secret;
use crate::time::Millis;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its name, which is also its id.
    pub name: TenantId,
    /// What people call it.
    pub description: Option<String>,
    /// How much it may have.
    pub quota: Quota,
    /// What it may not do.
    pub policy: Policy,
    /// When it was created.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

/// A tenant to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantBody {
    /// Its name: 1 to 63 of `a-z 0-9 -`, beginning and ending with a letter or digit.
    pub name: TenantId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How much it may have; keys that are left out have their defaults.
    #[serde(default)]
    pub quota: Quota,
    /// What it may not do.
    #[serde(default)]
    pub policy: Policy,
    /// Its first member, with the role `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<FirstAdmin>,
}

/// The first member of a new tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstAdmin {
    /// The member's name.
    pub username: Username,
    /// The member's password: 8 to 1,024 bytes.
    pub password: Secret,
}

/// Changes to a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPatch {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub description: Change<String>,
}

/// How much of its quota a tenant has in use now, and what its attempts have used since it was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantUsage {
    /// Modules.
    pub modules: u64,
    /// DAGs that are not stale.
    pub dags: u64,
    /// Runs that have not ended.
    pub active_runs: u64,
    /// Bytes of all versions of all modules together.
    pub stored_bytes: u64,
    /// Variables.
    pub variables: u64,
    /// Connections.
    pub connections: u64,
    /// Pools, the default pool included.
    pub pools: u64,
    /// Members.
    pub users: u64,
    /// Tokens that are neither expired nor revoked.
    pub tokens: u64,
    /// Attempts of tasks that workers have reported the end of.
    pub attempts: u64,
    /// How long they computed, in milliseconds.
    pub cpu_ms: u64,
    /// How long they took, in milliseconds.
    pub wall_ms: u64,
    /// The most memory that each held, in MiB, times how long it took, in milliseconds.
    pub memory_mib_ms: u64,
}
