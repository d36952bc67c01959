//! Task groups.

use serde::{Deserialize, Serialize};

use super::callback::DeadlineSpec;
use super::mapping::MapSource;
use super::omitted::is_default;
use crate::ids::GroupId;

/// A group of tasks. Its id is already part of the ids of its tasks, as in Airflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// The group's id with those of the groups around it, such as `outer.inner`.
    pub group_id: GroupId,
    /// The group that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<GroupId>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tooltip: Option<String>,
    /// What the group is mapped over; empty if it is not. Several sources make the product of their elements, in which
    /// the last one varies fastest. The sources' tasks become direct upstreams of the group's first tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expand: Vec<GroupItem>,
    /// How often the group as a whole is tried again, from its first tasks, after a task of it failed for good.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: u32,
    /// The pause before that, in milliseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry_delay_ms: u64,
    /// How many task instances of the group may be active in one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tis: Option<u32>,
    /// By when it has to be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlines: Vec<DeadlineSpec>,
}

/// One source of a mapped group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupItem {
    /// The name under which the group's tasks ask for its element, as [`super::Argument::GroupItem`].
    pub name: String,
    /// What is mapped over.
    pub over: MapSource,
}
