//! `/api/v2/dags/{dag_id}/tasks`

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dag::{ParamSpec, WeightRule};
use crate::ids::{ModuleName, TaskId};
use crate::time::Millis;
use crate::trigger_rule::TriggerRule;
use crate::uses::Uses;

/// A task of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "they are Airflow's members")]
pub struct Task {
    /// Its id, unique within its DAG.
    pub task_id: TaskId,
    /// How people see its id.
    pub task_display_name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The DAG's start date.
    pub start_date: Option<Millis>,
    /// The DAG's end date.
    pub end_date: Option<Millis>,
    /// When it may run, by the states of its direct upstream tasks.
    pub trigger_rule: TriggerRule,
    /// Whether it waits for its own success or skip in the run before.
    pub depends_on_past: bool,
    /// Whether it also waits for its direct downstream tasks in the run before.
    pub wait_for_downstream: bool,
    /// How many more tries there are after the first one failed.
    pub retries: u32,
    /// Always `default`.
    pub queue: Option<String>,
    /// Whose slots it takes.
    pub pool: String,
    /// How many slots it takes.
    pub pool_slots: u32,
    /// How long one try may take; null if the tenant's limit holds.
    pub execution_timeout: Option<TimeDelta>,
    /// The pause before another try.
    pub retry_delay: TimeDelta,
    /// What the pause is multiplied by for each further try; 0 and 1 leave it as it is.
    pub retry_exponential_backoff: f64,
    /// How much it matters among those that wait for the same slots.
    pub priority_weight: i32,
    /// How the weights of other tasks add to it.
    pub weight_rule: Option<WeightRule>,
    /// Always null.
    pub ui_color: Option<String>,
    /// Always null.
    pub ui_fgcolor: Option<String>,
    /// Always empty: there are no templates.
    pub template_fields: Vec<String>,
    /// The tasks that it waits for directly.
    pub upstream_task_ids: Vec<TaskId>,
    /// The tasks that wait for it directly.
    pub downstream_task_ids: Vec<TaskId>,
    /// What it does, in Markdown.
    pub doc_md: Option<String>,
    /// Which of the module's functions runs it, or what the host does in its place.
    pub operator_name: Option<String>,
    /// What its run can be given, by name: those of the DAG.
    pub params: BTreeMap<String, ParamSpec>,
    /// The module and its function.
    pub class_ref: ClassRef,
    /// Whether it has an instance for each of several elements.
    pub is_mapped: bool,
    /// Whether its success updates assets.
    pub has_outlets: bool,
    /// Always empty.
    pub extra_links: Vec<String>,
    /// What it may use, its DAG's list included.
    pub uses: Uses,
}

/// What runs a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassRef {
    /// The module.
    pub module_path: ModuleName,
    /// Which of its functions.
    pub class_name: String,
}

/// A span of time, as Airflow writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "__type", rename = "TimeDelta")]
pub struct TimeDelta {
    /// Whole days.
    pub days: u64,
    /// Whole seconds besides the days.
    pub seconds: u64,
    /// Microseconds besides the seconds.
    pub microseconds: u32,
}

impl From<Duration> for TimeDelta {
    fn from(span: Duration) -> Self {
        const DAY: u64 = 86_400;
        let seconds = span.as_secs();
        Self { days: seconds / DAY, seconds: seconds % DAY, microseconds: span.subsec_micros() }
    }
}
