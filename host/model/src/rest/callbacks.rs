//! `/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/callbacks` and `…/deadlines`

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JsonText;
use crate::callback::CallbackState;
use crate::dag::CallbackEvent;
use crate::ids::{CallbackId, DagId, GroupId, RunId, TaskId};
use crate::time::Millis;
use crate::work::ErrorClass;

/// Something that runs after something has happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Callback {
    /// Its id.
    pub id: CallbackId,
    /// What it follows.
    pub event: CallbackEvent,
    /// Which of the module's callbacks.
    pub function: String,
    /// What happened, as the callback is told: a JSON object.
    #[schema(value_type = Object)]
    pub happening: JsonText,
    /// Where it stands.
    pub state: CallbackState,
    /// Which try, from 1.
    pub try_number: u32,
    /// How many tries there can be.
    pub max_tries: u32,
    /// What kind of failure its last failed try was.
    pub error_class: Option<ErrorClass>,
    /// Why its last failed try failed.
    pub error_message: Option<String>,
    /// When what it follows happened.
    pub created_at: Millis,
    /// When it ran, or was given up.
    pub ended_at: Option<Millis>,
}

/// By when something in a run has to be done. One that was met is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deadline {
    /// The DAG.
    pub dag_id: DagId,
    /// The run.
    pub dag_run_id: RunId,
    /// The task that has to be done; null for a run or a group.
    pub task_id: Option<TaskId>,
    /// The group that has to be done; null for a run or a task.
    pub group_id: Option<GroupId>,
    /// Its name.
    pub name: Option<String>,
    /// By when.
    pub deadline_time: Millis,
    /// Whether it was missed.
    pub missed: bool,
    /// When that was noted.
    pub missed_at: Option<Millis>,
}
