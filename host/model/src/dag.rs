//! What a module says of its DAGs: the shape of the JSON that `dags.describe` returns.
//!
//! Everything here is a claim by a guest. [`crate::graph::Graph::build`] turns it into something to rely on.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{DagId, TaskId};
pub use crate::schedule::ScheduleSpec;
use crate::time::Millis;
use crate::trigger_rule::TriggerRule;
use crate::uses::Uses;

/// One DAG as its module describes it. Unknown keys are refused, so that a newer SDK never half-works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DagSpec {
    /// The DAG's id, unique within the tenant.
    pub dag_id: DagId,
    /// One line for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Labels for filtering.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When runs are made; without it only by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleSpec>,
    /// No scheduled run covers an interval that begins earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Millis>,
    /// No scheduled run covers an interval that begins later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Millis>,
    /// Whether intervals missed while nothing ran are made up for, oldest first.
    #[serde(default)]
    pub catchup: bool,
    /// What every task may use, besides its own list.
    #[serde(default)]
    pub uses: Uses,
    /// The DAG's tasks, in the order they were written.
    pub tasks: Vec<TaskSpec>,
}

/// One task as its module describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// The task's id, unique within its DAG.
    pub task_id: TaskId,
    /// Which exported function runs; tasks may share one. It is opaque to the host and handed back on `run`.
    pub function: String,
    /// The function's arguments, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Argument>,
    /// Direct upstream tasks that hand no value over: order alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskId>,
    /// When the task may run, by the states of its direct upstream tasks.
    #[serde(default)]
    pub trigger_rule: TriggerRule,
    /// How many more tries there are after the first one failed.
    #[serde(default)]
    pub retries: u32,
    /// The pause before another try, in milliseconds. Airflow's default is five minutes.
    #[serde(default = "five_minutes")]
    pub retry_delay_ms: u64,
    /// Wall-clock limit of one try, in milliseconds; the tenant's limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout_ms: Option<u64>,
    /// What the task may use, besides the DAG's list.
    #[serde(default)]
    pub uses: Uses,
}

fn five_minutes() -> u64 {
    300_000
}

/// One argument of a task's function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Argument {
    /// A value known when the DAG is parsed.
    Literal(Value),
    /// What another task of the run returned. It makes that task a direct upstream.
    Output(TaskId),
    /// Several tasks' results as one JSON array, in this order. It makes each of them a direct upstream.
    Outputs(Vec<TaskId>),
    /// A member of the run's configuration; `null` where the run has none of that name.
    Conf(String),
}

impl TaskSpec {
    /// The pause before another try.
    pub fn retry_delay(&self) -> Duration {
        Duration::from_millis(self.retry_delay_ms)
    }

    /// Every direct upstream task, each once, in the order first named.
    pub fn upstream(&self) -> Vec<&TaskId> {
        let mut seen = Vec::new();
        let mut add = |id| {
            if !seen.contains(&id) {
                seen.push(id);
            }
        };
        for argument in &self.arguments {
            match argument {
                Argument::Output(task) => add(task),
                Argument::Outputs(tasks) => tasks.iter().for_each(&mut add),
                Argument::Literal(_) | Argument::Conf(_) => {}
            }
        }
        self.depends_on.iter().for_each(&mut add);
        seen
    }
}
