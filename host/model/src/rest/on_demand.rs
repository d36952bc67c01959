//! `/api/v2/tasks/run`

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JsonText;
use crate::ids::{DagId, RunId, TaskId};
use crate::time::Millis;

/// A task to run now, in a run of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunTask {
    /// The DAG.
    pub dag_id: DagId,
    /// The task.
    pub task_id: TaskId,
    /// Whether all tasks that it depends on, directly or not, run before it. Without them their results are absent.
    #[serde(default)]
    pub with_upstream: bool,
    /// The run's id; one is made up if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dag_run_id: Option<RunId>,
    /// What the run stands for; unique within its DAG unless it is null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_date: Option<Millis>,
    /// The run's configuration, a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub conf: Option<JsonText>,
    /// A note for later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
