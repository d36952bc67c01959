//! What to run again: the bodies of `…/dagRuns/{dag_run_id}/clear` and `…/clearTaskInstances`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{RunId, TaskId};
use crate::time::Millis;

/// Which task instances of a run are to run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "they are Airflow's members")]
pub struct ClearDagRun {
    /// Whether only to say which, as it is unless said otherwise.
    #[schema(default = true)]
    pub dry_run: bool,
    /// Only those that failed.
    pub only_failed: bool,
    /// Must be false: a run has every task of its version from the start.
    pub only_new: bool,
    /// Must be false: a run keeps its version.
    pub run_on_latest_version: bool,
}

impl Default for ClearDagRun {
    /// Airflow's defaults.
    fn default() -> Self {
        Self { dry_run: true, only_failed: false, only_new: false, run_on_latest_version: false }
    }
}

/// Which task instances of a DAG are to run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "they are Airflow's members")]
pub struct ClearTaskInstances {
    /// Whether only to say which, as it is unless said otherwise.
    #[schema(default = true)]
    pub dry_run: bool,
    /// Of runs for this logical date and later ones.
    pub start_date: Option<Millis>,
    /// Of runs for this logical date and earlier ones.
    pub end_date: Option<Millis>,
    /// Only those that failed, as it is unless said otherwise.
    #[schema(default = true)]
    pub only_failed: bool,
    /// Only those that run.
    pub only_running: bool,
    /// Whether their runs run again, as they do unless said otherwise.
    #[schema(default = true)]
    pub reset_dag_runs: bool,
    /// Of these tasks; of all, if left out.
    pub task_ids: Option<Vec<TaskSelection>>,
    /// Of this run.
    pub dag_run_id: Option<RunId>,
    /// Also of the tasks that these wait for.
    pub include_upstream: bool,
    /// Also of the tasks that wait for these.
    pub include_downstream: bool,
    /// Also of later runs.
    pub include_future: bool,
    /// Also of earlier runs.
    pub include_past: bool,
    /// Must be false: a run keeps its version.
    pub run_on_latest_version: bool,
    /// Whether to refuse if one of them runs.
    pub prevent_running_task: bool,
}

impl Default for ClearTaskInstances {
    /// Airflow's defaults.
    fn default() -> Self {
        Self {
            dry_run: true,
            start_date: None,
            end_date: None,
            only_failed: true,
            only_running: false,
            reset_dag_runs: true,
            task_ids: None,
            dag_run_id: None,
            include_upstream: false,
            include_downstream: false,
            include_future: false,
            include_past: false,
            run_on_latest_version: false,
            prevent_running_task: false,
        }
    }
}

/// A task, or one mapped instance of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TaskSelection {
    /// Every instance of the task.
    Task(TaskId),
    /// The instance with this map index; -1 for one that is not mapped.
    Instance(TaskId, i64),
}
