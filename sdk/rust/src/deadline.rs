//! By when a run, a task or a group has to be done.

use std::time::Duration;

use serde_json::{Value, json};

use crate::runtime::Bound;
use crate::spec::Object;
use crate::{Callback, Result, Timestamp, dag};

/// From when the time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference {
    LogicalDate,
    QueuedAt,
    Start,
    Fixed(Timestamp),
    AverageRuntime { max_runs: u32, min_runs: u32 },
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        match reference {
            Reference::LogicalDate => "dagrun_logical_date".into(),
            Reference::QueuedAt => "dagrun_queued_at".into(),
            Reference::Start => "start".into(),
            Reference::Fixed(instant) => json!({ "fixed_datetime": instant.to_string() }),
            Reference::AverageRuntime { max_runs, min_runs } => {
                json!({ "average_runtime": { "max_runs": max_runs, "min_runs": min_runs } })
            }
        }
    }
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
        Self::new(Reference::LogicalDate, dag::millis(span))
    }

    /// So long after the run was queued.
    pub fn after_queued(span: Duration) -> Self {
        Self::new(Reference::QueuedAt, dag::millis(span))
    }

    /// So long after the run began, or after the task, or the group's first task, could run.
    pub fn after_start(span: Duration) -> Self {
        Self::new(Reference::Start, dag::millis(span))
    }

    /// At this instant.
    pub fn at(instant: Timestamp) -> Self {
        Self::new(Reference::Fixed(instant), 0)
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

    /// As the host reads it.
    pub(crate) fn json(self) -> Result<Value> {
        let mut said = Object::default();
        said.set_unless_default("name", self.name);
        said.set("reference", self.reference);
        said.set("interval_ms", self.interval_ms);
        if let Some(Callback { call, retries }) = self.callback {
            let Bound { name, arguments } = call?;
            said.set("callback", name);
            said.set_unless_default("arguments", arguments);
            said.set_unless_default("retries", retries);
        }
        Ok(said.into())
    }
}
