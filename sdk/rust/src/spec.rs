//! The JSON by which a module describes its DAGs to the host.

use serde::Serialize;
use serde_json::Value;

/// When a task may run, by how its direct upstream tasks ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// All of them succeeded.
    #[default]
    AllSuccess,
    /// All of them ended, however they did. The result of one that did not succeed is `null`.
    AllDone,
}

/// When scheduled runs are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Schedule {
    /// By a cron expression.
    Cron { expression: String, timezone: String },
    /// At fixed intervals.
    Interval { every_ms: u64 },
}

/// What a task or a DAG declares to use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Uses {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) variables: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) connections: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dags: Vec<String>,
}

/// One argument of a task; `Id` is how it names another task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument<Id> {
    /// A value known when the DAG is drawn.
    Literal(Value),
    /// What another task returned.
    Output(Id),
    /// What several tasks returned, as one array.
    Outputs(Vec<Id>),
    /// A member of the run's configuration.
    Conf(String),
}

/// How a task is run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Settings {
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) trigger_rule: TriggerRule,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) uses: Uses,
}

/// One task of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Task {
    #[serde(rename = "task_id")]
    pub(crate) id: String,
    pub(crate) function: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<Argument<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) depends_on: Vec<String>,
    #[serde(flatten)]
    pub(crate) settings: Settings,
}

/// What the host takes for granted need not be said.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<Id> Argument<Id> {
    /// The same argument with its tasks named otherwise.
    pub(crate) fn map<To>(self, name: impl Fn(Id) -> To) -> Argument<To> {
        match self {
            Self::Literal(value) => Argument::Literal(value),
            Self::Output(task) => Argument::Output(name(task)),
            Self::Outputs(tasks) => Argument::Outputs(tasks.into_iter().map(name).collect()),
            Self::Conf(member) => Argument::Conf(member),
        }
    }
}
