//! Values that the tasks of one run hand to each other, beside arguments and results.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::CallError;
use crate::bindings::flow::host::xcom;

/// The key of what a task returned.
pub const RETURN_VALUE: &str = "return_value";

/// Stores `value` under `key` for this task, replacing an earlier one.
pub fn push(key: &str, value: &impl Serialize) -> Result<(), CallError> {
    let json = serde_json::to_string(value).map_err(|e| CallError::unreadable("xcom::push", key, &e))?;
    xcom::push(key, &json).map_err(|e| CallError::new("xcom::push", key, e))
}

/// The value that `task` of this run stored under `key`.
pub fn pull<T: DeserializeOwned>(task: &str, key: &str) -> Result<T, CallError> {
    read(task, key, None)
}

/// The value that one instance of the mapped task `task` of this run stored under `key`.
pub fn pull_mapped<T: DeserializeOwned>(task: &str, key: &str, map_index: u32) -> Result<T, CallError> {
    read(task, key, Some(map_index))
}

/// What all instances of `task` of this run stored under `key`, in map order.
pub fn pull_all<T: DeserializeOwned>(task: &str, key: &str) -> Result<Vec<T>, CallError> {
    let subject = || format!("{task}.{key}");
    let json = xcom::pull_all(task, key).map_err(|e| CallError::new("xcom::pull_all", &subject(), e))?;
    serde_json::from_str(&json).map_err(|e| CallError::unreadable("xcom::pull_all", &subject(), &e))
}

/// The value that `task` stored under `key` in another run: of this DAG, or of another one that the task's `uses` name.
pub fn pull_from<T: DeserializeOwned>(dag: &str, run_id: &str, task: &str, key: &str) -> Result<T, CallError> {
    let subject = || format!("{dag}/{run_id}/{task}.{key}");
    let json =
        xcom::pull_from(dag, run_id, task, key, None).map_err(|e| CallError::new("xcom::pull_from", &subject(), e))?;
    serde_json::from_str(&json).map_err(|e| CallError::unreadable("xcom::pull_from", &subject(), &e))
}

fn read<T: DeserializeOwned>(task: &str, key: &str, map_index: Option<u32>) -> Result<T, CallError> {
    let subject = || format!("{task}.{key}");
    let json = xcom::pull(task, key, map_index).map_err(|e| CallError::new("xcom::pull", &subject(), e))?;
    serde_json::from_str(&json).map_err(|e| CallError::unreadable("xcom::pull", &subject(), &e))
}
