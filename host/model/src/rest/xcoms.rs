//! `…/taskInstances/{task_id}/xcomEntries`: values that tasks hand to each other.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Dates, JsonText};
use crate::ids::{DagId, EntryKey, RunId, TaskId};
use crate::time::Millis;

/// An `XCom`, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Xcom {
    /// Its key; `return_value` for what a task returned.
    pub key: EntryKey,
    /// When it was stored.
    pub timestamp: Millis,
    /// What its run stands for.
    pub logical_date: Option<Millis>,
    /// The index of the mapped instance that stored it; -1 for one that is not mapped.
    pub map_index: i64,
    /// The task that stored it.
    pub task_id: TaskId,
    /// The task's display name, which is its id.
    pub task_display_name: String,
    /// The DAG.
    pub dag_id: DagId,
    /// The DAG's display name, which is its id.
    pub dag_display_name: String,
    /// The run.
    pub run_id: RunId,
    /// When its run was due.
    pub run_after: Millis,
}

/// An `XCom` with its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct XcomEntry {
    /// What lists show of it.
    #[serde(flatten)]
    pub xcom: Xcom,
    /// Its value, as it was stored.
    #[schema(value_type = Value)]
    pub value: JsonText,
}

/// Which `XComs` are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct XcomFilter {
    /// With this key.
    pub xcom_key: Option<String>,
    /// With a key that matches this SQL `LIKE` pattern.
    pub xcom_key_pattern: Option<String>,
    /// With a key that begins with this.
    pub xcom_key_prefix_pattern: Option<String>,
    /// Of DAGs whose display names, which are their ids, match this SQL `LIKE` pattern.
    pub dag_display_name_pattern: Option<String>,
    /// Of DAGs whose display names, which are their ids, begin with this.
    pub dag_display_name_prefix_pattern: Option<String>,
    /// Of runs whose ids match this SQL `LIKE` pattern.
    pub run_id_pattern: Option<String>,
    /// Of runs whose ids begin with this.
    pub run_id_prefix_pattern: Option<String>,
    /// Of tasks whose ids match this SQL `LIKE` pattern.
    pub task_id_pattern: Option<String>,
    /// Of tasks whose ids begin with this.
    pub task_id_prefix_pattern: Option<String>,
    /// Of task instances with this map index.
    pub map_index: Option<i64>,
    /// The same.
    pub map_index_filter: Option<i64>,
    /// Of runs with these dates; their parameters are read by themselves.
    #[serde(skip)]
    #[param(ignore)]
    pub dates: Dates,
}

/// How the value of an `XCom` is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct XcomQuery {
    /// As a text with the JSON in it, rather than as JSON.
    pub stringify: bool,
}

/// An `XCom` to be stored for a task instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct XcomBody {
    /// Its key.
    pub key: EntryKey,
    /// Its value.
    #[schema(value_type = Value)]
    pub value: JsonText,
    /// The index of a mapped instance; -1, the default, for a task that is not mapped.
    #[serde(default = "unmapped")]
    #[schema(default = -1)]
    pub map_index: i64,
}

/// Another value for an `XCom`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct XcomPatch {
    /// Its new value.
    #[schema(value_type = Value)]
    pub value: JsonText,
    /// The index of a mapped instance; -1, the default, for a task that is not mapped.
    #[serde(default = "unmapped")]
    #[schema(default = -1)]
    pub map_index: i64,
}

fn unmapped() -> i64 {
    -1
}
