//! How much a tenant may have, and what it may not do.

use serde::{Deserialize, Serialize};

/// How much a tenant may have. A key that is left out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Modules, whatever their number of versions.
    pub modules: u64,
    /// DAGs of all modules together.
    pub dags: u64,
    /// Tasks of one DAG.
    pub tasks_per_dag: u64,
    /// Runs that have not ended.
    pub active_runs: u64,
    /// Bytes of one component.
    pub component_bytes: u64,
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
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            modules: 1_000,
            dags: 10_000,
            tasks_per_dag: 100_000,
            active_runs: 10_000,
            component_bytes: 64 << 20,
            stored_bytes: 4 << 30,
            variables: 10_000,
            connections: 10_000,
            pools: 1_000,
            users: 1_000,
            tokens: 10_000,
        }
    }
}

/// What a tenant may not do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Refuses modules whose `uses` hold a pattern that ends in `*`.
    pub forbid_wildcards: bool,
}

/// A quota is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {used} in use, {wanted} more wanted, {allowed} allowed")]
pub struct OverQuota {
    /// Which quota, by its key in [`Quota`].
    pub what: &'static str,
    /// How much is in use.
    pub used: u64,
    /// How much more is wanted.
    pub wanted: u64,
    /// How much there may be.
    pub allowed: u64,
}

/// Whether `wanted` more of `what` fit.
pub fn admit(what: &'static str, used: u64, wanted: u64, allowed: u64) -> Result<(), OverQuota> {
    if used.saturating_add(wanted) <= allowed { Ok(()) } else { Err(OverQuota { what, used, wanted, allowed }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_fits_and_one_more_does_not() {
        assert_eq!(admit("modules", 9, 1, 10), Ok(()));
        let refused = admit("modules", 10, 1, 10).expect_err("one too many");
        assert_eq!(refused.to_string(), "modules: 10 in use, 1 more wanted, 10 allowed");
        assert!(admit("stored_bytes", u64::MAX, 1, u64::MAX - 1).is_err());
    }
}
