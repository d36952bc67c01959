//! `/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances`

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::dag_versions::DagVersion;
use super::task_traits::TaskTraits;
use super::{Change, Dates};
use crate::ids::{DagId, DagVersionId, RunId, TaskId};
use crate::state::TaskInstanceState;
use crate::time::Millis;
use crate::work::{ErrorClass, Usage};

/// One try of a task instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskTry {
    /// The task.
    pub task_id: TaskId,
    /// Its DAG.
    pub dag_id: DagId,
    /// The run.
    pub dag_run_id: RunId,
    /// The index of a mapped instance; -1 for one that is not mapped.
    pub map_index: i64,
    /// When the try began.
    pub start_date: Option<Millis>,
    /// When it ended.
    pub end_date: Option<Millis>,
    /// How long it took, in seconds.
    pub duration: Option<f64>,
    /// Where it stands; null while its upstream has not decided whether it runs.
    pub state: Option<TaskInstanceState>,
    /// Which try it is, from 1; 0 before the first.
    pub try_number: u32,
    /// The highest number of a try that may be followed by another.
    pub max_tries: u32,
    /// How people see the task's id.
    pub task_display_name: String,
    /// How people see the DAG's id.
    pub dag_display_name: String,
    /// The machine that runs it, or ran it last.
    pub hostname: Option<String>,
    /// Always null: guests run as no user.
    pub unixname: Option<String>,
    /// The pool whose slots it takes.
    pub pool: String,
    /// How many it takes.
    pub pool_slots: u32,
    /// Always `default`.
    pub queue: Option<String>,
    /// How much it matters among those that wait for the same.
    pub priority_weight: Option<i64>,
    /// Which of the module's functions runs it, or what the host does in its place.
    pub operator: Option<String>,
    /// The same.
    pub operator_name: Option<String>,
    /// When it became claimable.
    pub queued_when: Option<Millis>,
    /// The same: what may run is claimable at once.
    pub scheduled_when: Option<Millis>,
    /// Always null: guests have no process of their own.
    pub pid: Option<i64>,
    /// Always null: every worker runs every task.
    pub executor: Option<String>,
    /// Always `{}`.
    pub executor_config: String,
    /// The version of the DAG that its run runs.
    pub dag_version: Option<DagVersion>,
    /// What kind of failure it ended with.
    pub error_class: Option<ErrorClass>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What it spent.
    pub usage: Option<Usage>,
}

/// A task instance, with its present or last try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskInstance {
    /// An id that no other task instance has.
    pub id: String,
    /// Its present or last try.
    #[serde(flatten)]
    pub last_try: TaskTry,
    /// What its run stands for.
    pub logical_date: Option<Millis>,
    /// When its run was due.
    pub run_after: Millis,
    /// What people noted about it.
    pub note: Option<String>,
    /// How a mapped instance is called: its index, unless it has a name of its own.
    pub rendered_map_index: Option<String>,
    /// Always empty: there are no templates.
    #[schema(value_type = Object)]
    pub rendered_fields: Map<String, Value>,
    /// Always null: what is waited for is the host's to know, not a process's.
    #[schema(value_type = Option<Object>)]
    pub trigger: Option<Map<String, Value>>,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    pub triggerer_job: Option<Map<String, Value>>,
    /// How far it says it has come, from 0 to 1.
    pub progress: Option<f64>,
}

/// Something that a task instance waits for before it can begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskDependency {
    /// What kind of condition it is.
    pub name: String,
    /// What is missing, and what to do if there is something to do.
    pub reason: String,
}

/// Which task instances are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct TaskInstanceFilter {
    /// In one of these states; `none` while its upstream has not decided whether it runs.
    #[param(inline)]
    pub state: Vec<TaskInstanceState>,
    /// Of the task with this id.
    pub task_id: Option<String>,
    /// Of a task whose display name, which is its id, matches this SQL `LIKE` pattern.
    pub task_display_name_pattern: Option<String>,
    /// Of a DAG whose id matches this SQL `LIKE` pattern.
    pub dag_id_pattern: Option<String>,
    /// Of a run whose id matches this SQL `LIKE` pattern.
    pub run_id_pattern: Option<String>,
    /// Of a task whose display name, which is its id, begins with this.
    pub task_display_name_prefix_pattern: Option<String>,
    /// Of a DAG whose id begins with this.
    pub dag_id_prefix_pattern: Option<String>,
    /// Of a run whose id begins with this.
    pub run_id_prefix_pattern: Option<String>,
    /// Of mapped tasks, called by a name that begins with this.
    pub rendered_map_index_prefix_pattern: Option<String>,
    /// With one of these map indices.
    pub map_index: Vec<i64>,
    /// Of mapped tasks, called by a name that matches this SQL `LIKE` pattern.
    pub rendered_map_index_pattern: Option<String>,
    /// At one of these tries.
    pub try_number: Vec<u32>,
    /// Of DAG versions with one of these numbers.
    pub version_number: Vec<u32>,
    /// Of these DAGs; only a body can say so.
    #[serde(skip)]
    #[param(ignore)]
    pub dag_ids: Vec<DagId>,
    /// Of runs with these ids; only a body can say so.
    #[serde(skip)]
    #[param(ignore)]
    pub run_ids: Vec<RunId>,
    /// Of tasks with these ids; only a body can say so.
    #[serde(skip)]
    #[param(ignore)]
    pub task_ids: Vec<TaskId>,
    /// With a map index; only the path can say so.
    #[serde(skip)]
    #[param(ignore)]
    pub is_mapped: bool,
    /// With these dates; their parameters are read by themselves.
    #[serde(skip)]
    #[param(ignore)]
    pub dates: Dates,
    /// Of tasks like this; their parameters are read by themselves.
    #[serde(skip)]
    #[param(ignore)]
    pub traits: TaskTraits,
    /// Of these tasks of versions of DAGs: those that are like `traits`.
    #[serde(skip)]
    #[param(ignore)]
    pub alike: Option<Vec<(DagVersionId, TaskId)>>,
}

/// Changes to a task instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are Airflow's members")]
pub struct TaskInstancePatch {
    /// What becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_state: Option<TaskTarget>,
    /// Its new note, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub note: Change<String>,
    /// Also the tasks that it waits for.
    #[serde(default)]
    pub include_upstream: bool,
    /// Also the tasks that wait for it.
    #[serde(default)]
    pub include_downstream: bool,
    /// Also those of later runs.
    #[serde(default)]
    pub include_future: bool,
    /// Also those of earlier runs.
    #[serde(default)]
    pub include_past: bool,
}

/// What can be made of a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskTarget {
    /// It has succeeded.
    Success,
    /// It has failed.
    Failed,
    /// It was skipped.
    Skipped,
}

/// One task of several whose instances are changed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are Airflow's members")]
pub struct BulkTaskInstance {
    /// The task.
    pub task_id: TaskId,
    /// The index of a mapped instance, -1 for the one without; all instances, if left out.
    #[serde(default)]
    pub map_index: Option<i64>,
    /// The DAG, where the path says `~`.
    #[serde(default)]
    pub dag_id: Option<DagId>,
    /// The run, where the path says `~`.
    #[serde(default)]
    pub dag_run_id: Option<RunId>,
    /// What becomes of it.
    #[serde(default)]
    pub new_state: Option<TaskTarget>,
    /// Its new note, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub note: Change<String>,
    /// Also the tasks that it waits for.
    #[serde(default)]
    pub include_upstream: bool,
    /// Also the tasks that wait for it.
    #[serde(default)]
    pub include_downstream: bool,
    /// Also those of later runs.
    #[serde(default)]
    pub include_future: bool,
    /// Also those of earlier runs.
    #[serde(default)]
    pub include_past: bool,
}

impl BulkTaskInstance {
    /// What is to become of it.
    pub fn patch(&self) -> TaskInstancePatch {
        let Self { new_state, include_upstream, include_downstream, include_future, include_past, .. } = *self;
        let note = self.note.clone();
        TaskInstancePatch { new_state, note, include_upstream, include_downstream, include_future, include_past }
    }
}

/// One task of several whose instances are deleted at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TaskInstanceName {
    /// A task of the path's run.
    Id(TaskId),
    /// A task by its own id and those of its run and DAG.
    Full(Box<BulkTaskInstance>),
}

impl From<TaskInstanceName> for BulkTaskInstance {
    fn from(name: TaskInstanceName) -> Self {
        match name {
            TaskInstanceName::Id(task_id) => Self {
                task_id,
                map_index: None,
                dag_id: None,
                dag_run_id: None,
                new_state: None,
                note: Change::Keep,
                include_upstream: false,
                include_downstream: false,
                include_future: false,
                include_past: false,
            },
            TaskInstanceName::Full(task) => *task,
        }
    }
}
