//! What the host itself does in place of a task's function: no user code runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::omitted::is_default;
use crate::ids::{DagId, RunId, TaskId};
use crate::state::{RunState, TaskInstanceState};
use crate::time::Millis;

/// How long something is waited for where nobody says, in milliseconds: Airflow's default for sensors.
const SEVEN_DAYS_MS: u64 = 7 * 86_400_000;

/// A task that is the host's own work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Native {
    /// It succeeds as soon as it may run (Airflow's `EmptyOperator`).
    Empty,
    /// It lets those downstream run only in the latest scheduled run, or in a run that was asked for.
    LatestOnly,
    /// It waits without a slot.
    Wait(Box<WaitSpec>),
    /// It waits for a person (Airflow's human-in-the-loop operators).
    HumanInput(Box<HumanInputSpec>),
}

impl Native {
    /// Its name, as the module gives it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::LatestOnly => "latest_only",
            Self::Wait(_) => "wait",
            Self::HumanInput(_) => "human_input",
        }
    }
}

/// A wait that costs a row and no slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitSpec {
    /// What is waited for.
    pub until: WaitFor,
    /// How often it is looked at, in milliseconds, where the host is not told.
    #[serde(default = "one_minute")]
    pub poke_interval_ms: u64,
    /// How long at most, in milliseconds. Unless given it is seven days, or as long as it takes where time alone ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether giving up skips the task instead of failing it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub soft_fail: bool,
}

impl WaitSpec {
    /// How long it takes at most, in milliseconds.
    pub fn patience_ms(&self) -> u64 {
        self.timeout_ms.unwrap_or(match &self.until {
            // It comes by itself.
            WaitFor::Instant(_) | WaitFor::Duration(_) | WaitFor::AfterInterval(_) => u64::MAX,
            WaitFor::Run(_) | WaitFor::Asset(_) | WaitFor::Http(_) | WaitFor::Trigger(_) => SEVEN_DAYS_MS,
        })
    }
}

/// What a task can wait for without running anything of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WaitFor {
    /// An instant.
    Instant(Millis),
    /// That this many milliseconds have passed since the task could run.
    Duration(u64),
    /// That this many milliseconds have passed since the end of the run's data interval.
    AfterInterval(u64),
    /// A run of another DAG of the tenant, or a task of it (Airflow's `ExternalTaskSensor`).
    Run(ExternalRun),
    /// An event of an asset after the run's begin, by the asset's name.
    Asset(String),
    /// That an HTTP GET is answered well.
    Http(HttpCheck),
    /// That a trigger of the module fires: a task that begins with its wait (Airflow's `start_from_trigger`).
    Trigger(GuestTrigger),
}

/// A trigger of the module, and what it is asked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestTrigger {
    /// The trigger's name in the module.
    pub name: String,
    /// Handed to it at each look.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub kwargs: Value,
}

/// Which run, and which of its states end the wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalRun {
    /// The DAG. It must be among the task's `uses`.
    pub dag_id: DagId,
    /// A task of it; the run as a whole if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The run's id, where it is known. Otherwise it is the run of the DAG for a logical date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// How many milliseconds the other run's logical date is before this run's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub execution_delta_ms: i64,
    /// The states that end the wait well; success unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_states: Vec<TaskInstanceState>,
    /// The states that fail it at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_states: Vec<TaskInstanceState>,
}

/// A request that is repeated until its answer is as wished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// What is asked for. Its origin must be among the task's `uses`.
    pub url: String,
    /// The status codes that end the wait; any of 200 to 299 if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
}

/// What a person is asked (Airflow's `HITLOperator`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HumanInputSpec {
    /// The question in a line.
    pub subject: String,
    /// The question in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What can be answered.
    pub options: Vec<String>,
    /// What counts as the answer if nobody answers in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Vec<String>>,
    /// Whether several options may be chosen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub multiple: bool,
    /// Further fields: an object of params by name, each with `value`, `description` and `schema`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    pub params: Value,
    /// Who may answer, by username; any operator if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned_users: Vec<String>,
    /// How long the answer may take, in milliseconds; without it as long as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_timeout_ms: Option<u64>,
    /// Whether the chosen options are the ids of the direct downstream tasks that go on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub branch: bool,
    /// Whether an answer that is not the first option skips what is downstream (Airflow's `ApprovalOperator`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub approval: bool,
}

impl RunState {
    /// The task instance state that a wait for a run as a whole compares it with.
    pub fn as_task_state(self) -> TaskInstanceState {
        match self {
            Self::Queued => TaskInstanceState::Queued,
            Self::Running => TaskInstanceState::Running,
            Self::Success => TaskInstanceState::Success,
            Self::Failed => TaskInstanceState::Failed,
        }
    }
}

fn one_minute() -> u64 {
    60_000
}
