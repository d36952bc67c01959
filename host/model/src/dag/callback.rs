//! What runs when something has happened, and what must have happened by when.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::omitted::is_default;
use crate::coded::coded;
use crate::time::Millis;

coded!(
    /// What a callback follows, by Airflow's names.
    CallbackEvent {
        /// A try begins.
        Execute = "on_execute",
        /// The task or the run succeeded.
        Success = "on_success",
        /// The task or the run failed for good.
        Failure = "on_failure",
        /// A try failed and another follows.
        Retry = "on_retry",
        /// The task skipped itself.
        Skipped = "on_skipped",
        /// A deadline passed.
        DeadlineMissed = "deadline_missed",
    }
);

/// A function of the module that runs after something, as work of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackSpec {
    /// After what. A DAG knows success and failure, a deadline nothing but its miss.
    pub on: CallbackEvent,
    /// Which of the module's callbacks.
    pub function: String,
    /// Handed to it as it is.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
    /// How many more tries it has after the first one failed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: u32,
}

/// By when something has to be done, and what runs if it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadlineSpec {
    /// Its name, for lists.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// From when the time counts.
    pub reference: DeadlineReference,
    /// How long after that, in milliseconds.
    pub interval_ms: i64,
    /// Which of the module's callbacks runs if it is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// How many more tries that has after the first one failed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: u32,
    /// Handed to it as it is.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
}

/// From when a deadline counts (Airflow's `DeadlineReference`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeadlineReference {
    /// The run's logical date.
    DagrunLogicalDate,
    /// When the run was queued.
    DagrunQueuedAt,
    /// When the task or the group's first task could run. For a run, when it began.
    Start,
    /// An instant.
    FixedDatetime(Millis),
    /// The average duration of earlier successful runs, counted from when the run was queued.
    AverageRuntime {
        /// How many of the latest runs are looked at.
        max_runs: u32,
        /// With fewer there is no deadline.
        min_runs: u32,
    },
}
