//! `/api/v2/pools`

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Change;
use crate::ids::PoolName;

/// A pool and what takes its slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    /// Its name.
    pub name: PoolName,
    /// How many slots it has; -1 for as many as anybody wants.
    pub slots: i64,
    /// What it is for.
    pub description: Option<String>,
    /// Whether what is deferred keeps its slots.
    pub include_deferred: bool,
    /// Slots that are taken.
    pub occupied_slots: u64,
    /// Slots taken by task instances that run.
    pub running_slots: u64,
    /// Slots taken by task instances that wait for a worker.
    pub queued_slots: u64,
    /// Slots that task instances wait for.
    pub scheduled_slots: u64,
    /// Slots that are free; -1 if there are as many as anybody wants.
    pub open_slots: i64,
    /// Slots that deferred task instances have, or would have if the pool included them.
    pub deferred_slots: u64,
    /// Always null: there are no teams, tenants take their place.
    pub team_name: Option<String>,
}

/// A pool to create or replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolBody {
    /// Its name.
    pub name: PoolName,
    /// How many slots it has; -1 for as many as anybody wants.
    pub slots: i64,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether what is deferred keeps its slots.
    #[serde(default)]
    pub include_deferred: bool,
    /// Must be null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}

/// Changes to a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolPatch {
    /// If given, the name that the path names.
    #[serde(default, alias = "pool", skip_serializing_if = "Option::is_none")]
    pub name: Option<PoolName>,
    /// How many slots it has; -1 for as many as anybody wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<i64>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub description: Change<String>,
    /// Whether what is deferred keeps its slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_deferred: Option<bool>,
    /// Must be null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
}
