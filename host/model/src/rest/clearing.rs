//! What to run again: the bodies of `…/dagRuns/{dag_run_id}/clear` and `…/clearTaskInstances`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{DagId, PartitionKey, RunId, TaskId};
use crate::time::Millis;

/// What makes no sense in a request to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClearError {
    /// New tasks have not failed.
    #[error("only_new and only_failed exclude each other: what is new has not failed")]
    NewAndFailed,
    /// What runs has not failed.
    #[error("only_failed and only_running exclude each other; leave one of them out, or say `\"only_failed\": false`")]
    FailedAndRunning,
    /// The range is empty.
    #[error("end_date is before start_date")]
    Backwards,
    /// It is about one run, or about a range.
    #[error(
        "dag_run_id and a range of dates exclude each other; use include_past and include_future to go on from a run"
    )]
    RunAndRange,
    /// It is about no task.
    #[error("task_ids names no task; leave it out for all of them")]
    NoTask,
}

impl ClearError {
    /// The error's stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NewAndFailed => "clear-new-and-failed",
            Self::FailedAndRunning => "clear-failed-and-running",
            Self::Backwards => "clear-backwards",
            Self::RunAndRange => "clear-run-and-range",
            Self::NoTask => "clear-no-task",
        }
    }
}

/// Which task instances of a run are to run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClearDagRun {
    /// Whether only to say which, as it is unless said otherwise.
    #[schema(default = true)]
    pub dry_run: bool,
    /// Only those that failed.
    pub only_failed: bool,
    /// None: only the tasks that the DAG's latest version has in addition are added to the run.
    pub only_new: bool,
    /// Whether the run goes on with the DAG's latest version, rather than with its own; what the DAG says, if left out.
    /// A run of a part of its DAG keeps its own.
    pub run_on_latest_version: Option<bool>,
    /// A note for the run.
    pub note: Option<String>,
}

impl Default for ClearDagRun {
    /// Airflow's defaults.
    fn default() -> Self {
        Self { dry_run: true, only_failed: false, only_new: false, run_on_latest_version: None, note: None }
    }
}

impl ClearDagRun {
    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), ClearError> {
        if self.only_new && self.only_failed { Err(ClearError::NewAndFailed) } else { Ok(()) }
    }
}

/// Several runs of which task instances are to run again: those that are named, or those for one part of the DAG's assets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearDagRuns {
    /// The runs.
    #[serde(default)]
    pub dag_runs: Vec<RunToClear>,
    /// Every run of the DAG for this part of its assets.
    #[serde(default)]
    pub partition_key: Option<PartitionKey>,
    /// Whether only to say which, as it is unless said otherwise.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub dry_run: bool,
    /// Only those that failed.
    #[serde(default)]
    pub only_failed: bool,
    /// None: only the tasks that the DAG's latest version has in addition are added to the runs.
    #[serde(default)]
    pub only_new: bool,
    /// Whether the runs go on with the DAG's latest version, rather than with their own; what the DAG says, if left out.
    #[serde(default)]
    pub run_on_latest_version: Option<bool>,
    /// A note for each of the runs.
    #[serde(default)]
    pub note: Option<String>,
}

fn yes() -> bool {
    true
}

impl ClearDagRuns {
    /// What is to happen to each of the runs.
    pub fn each(&self) -> ClearDagRun {
        let Self { dry_run, only_failed, only_new, run_on_latest_version, .. } = *self;
        ClearDagRun { dry_run, only_failed, only_new, run_on_latest_version, note: self.note.clone() }
    }
}

/// Runs that are to be for no part of their DAG's assets any more: one that is named, or those for one part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearPartitions {
    /// The run.
    #[serde(default)]
    pub run_id: Option<RunId>,
    /// Every run of the DAG for this part of its assets.
    #[serde(default)]
    pub partition_key: Option<PartitionKey>,
    /// Whether all their task instances are to run again.
    #[serde(default)]
    pub clear_task_instances: bool,
    /// Whether only to say how many, as it is unless said otherwise.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub dry_run: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClearedPartitions {
    /// How many runs were for a part.
    pub dag_runs_cleared: u64,
    /// How many of their task instances run again.
    pub task_instances_cleared: u64,
    /// Whether nothing has changed.
    pub dry_run: bool,
}

/// One of several runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunToClear {
    /// The run.
    pub dag_run_id: RunId,
    /// Its DAG, where the path says `~`.
    #[serde(default)]
    pub dag_id: Option<DagId>,
}

/// A task that the latest version of a DAG has and a run has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewTask {
    /// The task.
    pub task_id: TaskId,
    /// How people see its id.
    pub task_display_name: String,
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
    /// Only those that failed, as it is unless said otherwise or only those that run are meant.
    #[schema(default = true)]
    pub only_failed: Option<bool>,
    /// Only those that run.
    pub only_running: bool,
    /// Whether their runs run again, as they do unless said otherwise. If not, what is cleared in a run that has ended waits
    /// until somebody lets the run go on.
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
    /// Whether the runs go on with the DAG's latest version, rather than with their own; what the DAG says, if left out.
    pub run_on_latest_version: Option<bool>,
    /// Whether to refuse if one of them runs.
    pub prevent_running_task: bool,
    /// A note for each of them.
    pub note: Option<String>,
}

impl Default for ClearTaskInstances {
    /// Airflow's defaults.
    fn default() -> Self {
        Self {
            dry_run: true,
            start_date: None,
            end_date: None,
            only_failed: None,
            only_running: false,
            reset_dag_runs: true,
            task_ids: None,
            dag_run_id: None,
            include_upstream: false,
            include_downstream: false,
            include_future: false,
            include_past: false,
            run_on_latest_version: None,
            prevent_running_task: false,
            note: None,
        }
    }
}

impl ClearTaskInstances {
    /// Whether only those are meant that failed.
    pub fn only_failed(&self) -> bool {
        self.only_failed.unwrap_or(!self.only_running)
    }

    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), ClearError> {
        let has_range = self.start_date.is_some() || self.end_date.is_some();
        match self {
            Self { only_failed: Some(true), only_running: true, .. } => Err(ClearError::FailedAndRunning),
            Self { start_date: Some(from), end_date: Some(to), .. } if from > to => Err(ClearError::Backwards),
            Self { dag_run_id: Some(_), .. } if has_range => Err(ClearError::RunAndRange),
            Self { task_ids: Some(tasks), .. } if tasks.is_empty() => Err(ClearError::NoTask),
            Self { .. } => Ok(()),
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

impl TaskSelection {
    /// The task.
    pub fn task(&self) -> &TaskId {
        match self {
            Self::Task(task) | Self::Instance(task, _) => task,
        }
    }
}
