//! Functions that run after something has happened, as work of their own with tries of their own.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[callback(retries = 2)]
//! fn tell(event: &Event, channel: String) -> Result {
//!     log::warn!(channel = channel, "{} of {}", event.on, event.dag_id);
//!     Ok(())
//! }
//!
//! #[task(on_failure = tell("ops"))]
//! fn load() {}
//!
//! #[dag(on_success = tell("team"), deadline = Deadline::after_start(Duration::from_hours(1)).on_miss(tell("ops")))]
//! fn nightly() {
//!     load();
//! }
//! ```

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::runtime::{self, Bound};
use crate::spec::Object;
use crate::{Error, Result};

/// A callback and what it is given: the call of a function marked [`#[callback]`](macro@crate::callback).
#[derive(Debug, Clone)]
#[must_use = "pass it to `on_failure`, `on_success`, … or to a `Deadline`"]
pub struct Callback {
    pub(crate) call: Result<Bound>,
    pub(crate) retries: u32,
}

#[doc(hidden)]
impl Callback {
    pub fn bind(callback: &'static runtime::Callback, arguments: Vec<Result<Value>>) -> Self {
        Self { call: callback.bind(arguments), retries: 0 }
    }
}

impl Callback {
    /// How many more tries it has after the first one failed.
    pub fn retries(self, count: u32) -> Self {
        Self { retries: count, ..self }
    }

    /// As the host reads it.
    pub(crate) fn json(self, on: &str) -> Result<Value> {
        let Bound { name, arguments } = self.call?;
        let mut said = Object::default();
        said.set("on", on);
        said.set("function", name);
        said.set_unless_default("arguments", arguments);
        said.set_unless_default("retries", self.retries);
        Ok(said.into())
    }
}

/// What happened, and to whom. What does not apply is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// What happened: `on_execute`, `on_success`, `on_failure`, `on_retry`, `on_skipped` or `deadline_missed`.
    pub on: String,
    /// The DAG.
    pub dag_id: String,
    /// The DAG run.
    pub run_id: String,
    /// The task, if it happened to one.
    pub task_id: Option<String>,
    /// The group, if it was its deadline that was missed.
    pub group_id: Option<String>,
    /// The index of a mapped task instance.
    pub map_index: Option<u32>,
    /// The number of the try.
    pub try_number: Option<u32>,
    /// How many tries there can be.
    pub max_tries: Option<u32>,
    /// The state that the task or the run ended in.
    pub state: Option<String>,
    /// The host's class of a failure, such as `error` or `timeout`.
    pub error_class: Option<String>,
    /// Why it failed or was skipped.
    pub message: Option<String>,
    /// The name of the deadline that was missed.
    pub deadline: Option<String>,
    /// Everything that the host tells, instants among it; [`Event::get`] reads it.
    pub json: Map<String, Value>,
}

impl Event {
    pub(crate) fn parse(json: &str) -> Result<Self> {
        let json = serde_json::from_str(json).map_err(|error| Error::fail(format_args!("the event: {error}")))?;
        let mut event = Self { json, ..Self::default() };
        (event.on, event.dag_id, event.run_id) = (event.get("on")?, event.get("dag_id")?, event.get("run_id")?);
        (event.task_id, event.group_id) = (event.get("task_id")?, event.get("group_id")?);
        (event.map_index, event.try_number) = (event.get("map_index")?, event.get("try_number")?);
        (event.max_tries, event.state) = (event.get("max_tries")?, event.get("state")?);
        (event.error_class, event.message) = (event.get("error_class")?, event.get("message")?);
        event.deadline = event.get("deadline")?;
        Ok(event)
    }

    /// What the host tells under `name`, as a type of yours.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value = self.json.get(name).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|error| Error::fail(format_args!("the event's `{name}`: {error}")))
    }
}
