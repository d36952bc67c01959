//! Which runs, task instances or `XComs` a list is about.

use crate::ids::{DagId, RunId, TaskId};

/// The names in a list's path. One that is `None` was written `~` and stands for all, as in Airflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The DAG.
    pub dag: Option<DagId>,
    /// The run.
    pub run: Option<RunId>,
    /// The task.
    pub task: Option<TaskId>,
}
