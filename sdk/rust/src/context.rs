//! Which run and which try a task is, and what it can tell the host of its progress.

use serde::de::DeserializeOwned;

use crate::assets::AssetEvent;
use crate::bindings::flow::host::task_instance;
use crate::{CallError, Error, Result, Resume, Timestamp};

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
    /// The run's configuration over the DAG's params as JSON text; [`Context::conf`] reads it.
    pub conf_json: String,
    /// What came of the wait that the task began; [`Context::resume`] hands it out.
    pub resume: Option<Resume>,
    /// When a sensor looked for the first time; `None` at its first look.
    pub first_poke: Option<Timestamp>,
    /// The events of assets that the run was made for as JSON text; [`Context::triggering_events`] reads it.
    pub triggering_events_json: String,
    /// The key of the partition that the run stands for, if it stands for one.
    pub partition_key: Option<String>,
}

impl Context {
    /// The run's configuration over the DAG's params, as a type of yours. What does not fit is a failure that no other try can mend.
    pub fn conf<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.conf_json).map_err(|error| Error::fail(format_args!("the run's conf: {error}")))
    }

    /// What came of the wait that the task began, if it goes on after one; `None` at the begin of a try.
    pub fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }

    /// The events of assets that the run was made for. There are none in a run of another cause.
    pub fn triggering_events(&self) -> Result<Vec<AssetEvent>> {
        if self.triggering_events_json.is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_str(&self.triggering_events_json)
            .map_err(|error| Error::fail(format_args!("the events that the run was made for: {error}")))
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

/// Says how lists call this instance of a mapped task. At most 250 characters count, and the last label given.
pub fn set_map_label(label: &str) {
    task_instance::set_map_label(label);
}
