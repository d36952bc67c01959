//! Live state changes: what `/events` tells.

use serde::{Deserialize, Serialize};

use crate::ids::{DagId, RunId, TaskId};
use crate::state::{RunState, TaskInstanceState};
use crate::time::Millis;

/// Something changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StateEvent {
    /// A DAG run.
    DagRun {
        /// Its DAG.
        dag_id: DagId,
        /// The run.
        dag_run_id: RunId,
        /// Its new state.
        state: RunState,
        /// When.
        timestamp: Millis,
    },
    /// A task instance.
    TaskInstance {
        /// Its DAG.
        dag_id: DagId,
        /// Its run.
        dag_run_id: RunId,
        /// Its task.
        task_id: TaskId,
        /// The index of a mapped instance; -1 for one that is not mapped.
        map_index: i64,
        /// Which try is under way or was the last.
        try_number: u32,
        /// Its new state.
        state: TaskInstanceState,
        /// When.
        timestamp: Millis,
    },
}

impl StateEvent {
    /// The DAG in which something changed.
    pub fn dag(&self) -> &DagId {
        match self {
            Self::DagRun { dag_id, .. } | Self::TaskInstance { dag_id, .. } => dag_id,
        }
    }

    /// Whether it says that this run has ended.
    pub fn ends(&self, dag: &DagId, run: &RunId) -> bool {
        match self {
            Self::DagRun { dag_id, dag_run_id, state, .. } => dag_id == dag && dag_run_id == run && state.is_terminal(),
            Self::TaskInstance { .. } => false,
        }
    }
}
