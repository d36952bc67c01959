//! Progress that survives a task's retries, so that a try can resume where an earlier one stopped.
//!
//! It belongs to the task instance: no other one sees it, and clearing the task instance empties it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::CallError;
use crate::bindings::flow::host::{task_state, types};

/// What was saved under `key`, if anything was.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, CallError> {
    match task_state::get(key) {
        Ok(json) => serde_json::from_str(&json).map(Some).map_err(|e| CallError::unreadable("state::get", key, &e)),
        Err(types::Error::NotFound) => Ok(None),
        Err(error) => Err(CallError::new("state::get", key, error)),
    }
}

/// Saves `value` under `key`, replacing an earlier one.
pub fn set(key: &str, value: &impl Serialize) -> Result<(), CallError> {
    let json = serde_json::to_string(value).map_err(|e| CallError::unreadable("state::set", key, &e))?;
    task_state::set(key, &json).map_err(|e| CallError::new("state::set", key, e))
}

/// Forgets `key`.
pub fn delete(key: &str) -> Result<(), CallError> {
    task_state::delete(key).map_err(|e| CallError::new("state::delete", key, e))
}

/// Forgets everything.
pub fn clear() -> Result<(), CallError> {
    task_state::clear().map_err(|e| CallError::new("state::clear", "", e))
}
