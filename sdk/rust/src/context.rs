//! Which run and which try a task is, and what it can tell the host of its progress.

use serde::de::DeserializeOwned;

use crate::bindings::flow::host::task_instance;
use crate::{CallError, Error, Result, Timestamp};

/// Who is running. A task whose first parameter is a `&Context` is given it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The DAG.
    pub dag_id: String,
    /// The DAG run.
    pub run_id: String,
    /// The task.
    pub task_id: String,
    /// The index of a mapped task instance.
    pub map_index: Option<u32>,
    /// The number of this try, from 1.
    pub try_number: u32,
    /// How many tries there can be.
    pub max_tries: u32,
    /// The instant that the run stands for, if it has one.
    pub logical_date: Option<Timestamp>,
    /// Start of the data interval.
    pub data_interval_start: Option<Timestamp>,
    /// End of the data interval.
    pub data_interval_end: Option<Timestamp>,
    /// The run's configuration as JSON text; [`Context::conf`] reads it.
    pub conf_json: String,
}

impl Context {
    /// The run's configuration as a type of yours. What does not fit is a failure that no other try can mend.
    pub fn conf<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.conf_json).map_err(|error| Error::fail(format_args!("the run's conf: {error}")))
    }

    /// Whether no other try follows this one.
    pub fn is_last_try(&self) -> bool {
        self.try_number >= self.max_tries
    }
}

/// Tells the host that work goes on. `progress` is a fraction from 0 to 1 that is shown to the user.
pub fn heartbeat(progress: impl Into<Option<f64>>) -> Result<(), CallError> {
    let progress = progress.into();
    task_instance::heartbeat(progress).map_err(|e| CallError::new("heartbeat", &format!("{progress:?}"), e))
}

/// Whether the attempt was asked to stop. A task that looks now and then can end in good order.
pub fn is_cancelled() -> bool {
    task_instance::is_cancelled()
}
