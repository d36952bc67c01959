//! By when a run, a task or a group has to be done.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::runtime::Bound;
use crate::{Callback, Result, Timestamp, dag};

/// A deadline as the host reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DeadlineSpec {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    reference: Reference,
    interval_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<&'static str>,
    #[serde(skip_serializing_if = "crate::spec::is_default")]
    retries: u32,
    #[serde(skip_serializing_if = "Value::is_null")]
    arguments: Value,
}

/// From when the time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reference {
    DagrunLogicalDate,
    DagrunQueuedAt,
    Start,
    FixedDatetime(Timestamp),
    AverageRuntime { max_runs: u32, min_runs: u32 },
}

/// By when something has to be done, and what runs if it is not. What is late goes on nevertheless.
///
/// See [`callback`](mod@crate::callback) for an example.
#[derive(Debug, Clone)]
#[must_use = "pass it to `deadline`"]
pub struct Deadline {
    name: String,
    reference: Reference,
    interval_ms: u64,
    callback: Option<Callback>,
}

impl Deadline {
    const fn new(reference: Reference, interval_ms: u64) -> Self {
        Self { name: String::new(), reference, interval_ms, callback: None }
    }

    /// So long after the run's logical date.
    pub fn after_logical_date(span: Duration) -> Self {
        Self::new(Reference::DagrunLogicalDate, dag::millis(span))
    }

    /// So long after the run was queued.
    pub fn after_queued(span: Duration) -> Self {
        Self::new(Reference::DagrunQueuedAt, dag::millis(span))
    }

    /// So long after the run began, or after the task, or the group's first task, could run.
    pub fn after_start(span: Duration) -> Self {
        Self::new(Reference::Start, dag::millis(span))
    }

    /// At this instant.
    pub fn at(instant: Timestamp) -> Self {
        Self::new(Reference::FixedDatetime(instant), 0)
    }

    /// So much longer after the run was queued than successful runs took on average: the latest `max_runs` of them. There
    /// is no deadline while there are fewer than `min_runs`.
    pub fn after_average_runtime(span: Duration, max_runs: u32, min_runs: u32) -> Self {
        Self::new(Reference::AverageRuntime { max_runs, min_runs }, dag::millis(span))
    }

    /// Names it, for lists.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// What runs if it is missed.
    pub fn on_miss(self, callback: Callback) -> Self {
        Self { callback: Some(callback), ..self }
    }

    pub(crate) fn spec(self) -> Result<DeadlineSpec> {
        let Self { name, reference, interval_ms, callback } = self;
        let (callback, retries, arguments) = match callback {
            Some(Callback { call, retries }) => {
                let Bound { name, arguments } = call?;
                (Some(name), retries, arguments)
            }
            None => (None, 0, Value::Null),
        };
        Ok(DeadlineSpec { name, reference, interval_ms, callback, retries, arguments })
    }
}
