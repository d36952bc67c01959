//! DAG runs of the same tenant. A task reaches the DAGs on the `uses` list of it or its DAG.

use serde::Serialize;

use crate::bindings::flow::host::runs;
use crate::{CallError, Timestamp};

pub use crate::bindings::flow::host::runs::RunState;

/// A run to be started; see [`trigger`].
#[derive(Debug)]
#[must_use = "the run starts with `.start()`"]
pub struct Trigger<'a> {
    dag: &'a str,
    conf: Option<serde_json::Result<String>>,
    logical_date: Option<Timestamp>,
    run_id: Option<&'a str>,
}

/// Starts a run: `runs::trigger("load").conf(&settings).start()`.
pub fn trigger(dag: &str) -> Trigger<'_> {
    Trigger { dag, conf: None, logical_date: None, run_id: None }
}

impl<'a> Trigger<'a> {
    /// The run's configuration, which serialises as a JSON object.
    pub fn conf(self, conf: &impl Serialize) -> Self {
        Self { conf: Some(serde_json::to_string(conf)), ..self }
    }

    /// The instant that the run stands for.
    pub fn logical_date(self, instant: Timestamp) -> Self {
        Self { logical_date: Some(instant), ..self }
    }

    /// The run's id; otherwise one is made up.
    pub fn run_id(self, run_id: &'a str) -> Self {
        Self { run_id: Some(run_id), ..self }
    }

    /// Starts the run and answers its id.
    pub fn start(self) -> Result<String, CallError> {
        let conf = self.conf.transpose().map_err(|e| CallError::unreadable("runs::trigger", self.dag, &e))?;
        runs::trigger(self.dag, conf.as_deref(), self.logical_date.map(Timestamp::as_millis), self.run_id)
            .map_err(|e| CallError::new("runs::trigger", self.dag, e))
    }
}

/// The state of one run.
pub fn state(dag: &str, run_id: &str) -> Result<RunState, CallError> {
    runs::state(dag, run_id).map_err(|e| CallError::new("runs::state", &format!("{dag}/{run_id}"), e))
}

/// How many runs of `dag` are in one of `states`; in any, if there are none.
pub fn counts(dag: &str, states: &[RunState]) -> Result<u64, CallError> {
    runs::counts(dag, states).map_err(|e| CallError::new("runs::counts", dag, e))
}

/// The logical date of the latest successful run of this DAG before this one, if there is one.
pub fn previous_success() -> Result<Option<Timestamp>, CallError> {
    let found = runs::previous_success().map_err(|e| CallError::new("runs::previous_success", "", e))?;
    Ok(found.map(Timestamp::from_millis))
}
