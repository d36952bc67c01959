//! The names in the paths of DAGs, runs and task instances; `~` stands for all where a list can span them.

use flow_broker::Subject;
use flow_model::ids::{DagId, EntryKey, GroupId, RunId, TaskId};
use flow_model::rest::Scope;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::{Wild, whole};

/// One DAG.
#[derive(Deserialize, IntoParams)]
pub(super) struct DagPath {
    /// The DAG.
    #[param(value_type = String)]
    pub(super) dag_id: DagId,
}

/// One DAG or all.
#[derive(Deserialize, IntoParams)]
pub(super) struct DagsPath {
    /// The DAG; `~` for all.
    #[param(value_type = String)]
    dag_id: Wild<DagId>,
}

impl DagsPath {
    /// The DAG, if one is meant.
    pub(super) fn one(self) -> Option<DagId> {
        self.dag_id.one()
    }
}

impl From<DagsPath> for Scope {
    fn from(path: DagsPath) -> Self {
        Self { dag: path.dag_id.one(), run: None, task: None }
    }
}

/// One run.
#[derive(Deserialize, IntoParams)]
pub(super) struct RunPath {
    /// The DAG.
    #[param(value_type = String)]
    pub(super) dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    pub(super) dag_run_id: RunId,
}

/// One run or many.
#[derive(Deserialize, IntoParams)]
pub(super) struct RunsPath {
    /// The DAG; `~` for all.
    #[param(value_type = String)]
    dag_id: Wild<DagId>,
    /// The run; `~` for all.
    #[param(value_type = String)]
    dag_run_id: Wild<RunId>,
}

impl From<RunsPath> for Scope {
    fn from(path: RunsPath) -> Self {
        Self { dag: path.dag_id.one(), run: path.dag_run_id.one(), task: None }
    }
}

impl RunsPath {
    /// The DAG and the run, if one is meant.
    pub(super) fn parts(self) -> (Option<DagId>, Option<RunId>) {
        (self.dag_id.one(), self.dag_run_id.one())
    }
}

/// One task of a run, or many.
#[derive(Deserialize, IntoParams)]
#[expect(clippy::struct_field_names, reason = "they are the names in the path")]
pub(super) struct TasksPath {
    /// The DAG; `~` for all.
    #[param(value_type = String)]
    dag_id: Wild<DagId>,
    /// The run; `~` for all.
    #[param(value_type = String)]
    dag_run_id: Wild<RunId>,
    /// The task; `~` for all.
    #[param(value_type = String)]
    task_id: Wild<TaskId>,
}

impl From<TasksPath> for Scope {
    fn from(path: TasksPath) -> Self {
        Self { dag: path.dag_id.one(), run: path.dag_run_id.one(), task: path.task_id.one() }
    }
}

/// Paths that lead through a run.
macro_rules! through_a_run {
    ($($path:ty),+ $(,)?) => {$(
        impl $path {
            /// The run's names.
            pub(super) fn run(&self) -> (&DagId, &RunId) {
                (&self.dag_id, &self.dag_run_id)
            }
        }
    )+};
}

through_a_run!(TaskInstancePath, MappedPath, TryPath, MappedTryPath, GroupPath, XcomPath);

/// One task of a run.
#[derive(Deserialize, IntoParams)]
#[expect(clippy::struct_field_names, reason = "they are the names in the path")]
pub(super) struct TaskInstancePath {
    /// The DAG.
    #[param(value_type = String)]
    pub(super) dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    pub(super) dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    pub(super) task_id: TaskId,
}

/// One instance of a task of a run.
#[derive(Deserialize, IntoParams)]
pub(super) struct MappedPath {
    /// The DAG.
    #[param(value_type = String)]
    pub(super) dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    pub(super) dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    pub(super) task_id: TaskId,
    /// The index of a mapped instance; -1 for a task that is not mapped.
    #[param(value_type = i64)]
    pub(super) map_index: MapIndex,
}

impl MappedPath {
    /// The task, and the index.
    pub(super) fn instance(&self) -> (&TaskId, Option<u32>) {
        (&self.task_id, self.map_index.0)
    }
}

/// One try of a task of a run.
#[derive(Deserialize, IntoParams)]
pub(super) struct TryPath {
    /// The DAG.
    #[param(value_type = String)]
    pub(super) dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    pub(super) dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    pub(super) task_id: TaskId,
    /// Which try, from 1.
    #[serde(deserialize_with = "whole")]
    pub(super) task_try_number: u32,
}

/// One try of one instance of a task of a run.
#[derive(Deserialize, IntoParams)]
pub(super) struct MappedTryPath {
    /// The DAG.
    #[param(value_type = String)]
    dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    task_id: TaskId,
    /// The index of a mapped instance; -1 for a task that is not mapped.
    #[param(value_type = i64)]
    map_index: MapIndex,
    /// Which try, from 1.
    #[serde(deserialize_with = "whole")]
    pub(super) task_try_number: u32,
}

impl MappedTryPath {
    /// The task, and the index.
    pub(super) fn instance(&self) -> (&TaskId, Option<u32>) {
        (&self.task_id, self.map_index.0)
    }
}

/// One group of tasks of a run.
#[derive(Deserialize, IntoParams)]
#[expect(clippy::struct_field_names, reason = "they are the names in the path")]
pub(super) struct GroupPath {
    /// The DAG.
    #[param(value_type = String)]
    pub(super) dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    pub(super) dag_run_id: RunId,
    /// The group.
    #[param(value_type = String)]
    pub(super) group_id: GroupId,
}

/// One XCom of a task of a run.
#[derive(Deserialize, IntoParams)]
pub(super) struct XcomPath {
    /// The DAG.
    #[param(value_type = String)]
    pub(super) dag_id: DagId,
    /// The run.
    #[param(value_type = String)]
    pub(super) dag_run_id: RunId,
    /// The task.
    #[param(value_type = String)]
    pub(super) task_id: TaskId,
    /// The key.
    #[param(value_type = String)]
    pub(super) xcom_key: EntryKey,
}

/// Which of a task's mapped instances is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MapIndexQuery {
    /// The index of a mapped instance; -1, the default, for a task that is not mapped.
    #[serde(default)]
    #[param(value_type = i64, default = -1)]
    pub(super) map_index: MapIndex,
}

/// Which of a task's mapped instances are meant, if not all of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SomeIndexQuery {
    /// The index of a mapped instance, -1 for the one without; all instances, if left out.
    #[serde(default)]
    #[param(value_type = Option<i64>)]
    map_index: Option<MapIndex>,
}

impl SomeIndexQuery {
    /// One instance of the task, or all.
    pub(super) fn of<'t>(&self, task: &'t TaskId) -> Subject<'t> {
        match self.map_index {
            None => Subject::Task(task),
            Some(MapIndex(index)) => Subject::Instance(task, index),
        }
    }
}

/// The index of a mapped instance, -1 outside for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct MapIndex(pub(super) Option<u32>);

impl TryFrom<i64> for MapIndex {
    type Error = &'static str;

    fn try_from(index: i64) -> Result<Self, Self::Error> {
        if index == -1 {
            return Ok(Self(None));
        }
        u32::try_from(index)
            .map(|index| Self(Some(index)))
            .map_err(|_| "a map index is a number from 0, or -1 for none")
    }
}
