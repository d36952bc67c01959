//! The tenant's variables: named texts that outlive runs.
//!
//! A task reaches those on the `uses` list of it or its DAG. While a DAG is drawn they can be read, not written.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::flow::host::variables;
use crate::{CallError, Refusal};

/// The value of `key`.
pub fn get(key: &str) -> Result<String, CallError> {
    variables::get(key).map_err(|e| CallError::new("variables::get", key, e))
}

/// The value of `key`, or `default` if there is none.
pub fn get_or(key: &str, default: impl Into<String>) -> Result<String, CallError> {
    match get(key) {
        Err(CallError { reason: Refusal::NotFound, .. }) => Ok(default.into()),
        found => found,
    }
}

/// The value of `key`, which is JSON, as a type of yours.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<T, CallError> {
    serde_json::from_str(&get(key)?).map_err(|e| CallError::unreadable("variables::get_json", key, &e))
}

/// Creates or replaces `key`.
pub fn set(key: &str, value: &str) -> Result<(), CallError> {
    variables::set(key, value).map_err(|e| CallError::new("variables::set", key, e))
}

/// Creates or replaces `key` with `value` as JSON.
pub fn set_json(key: &str, value: &impl Serialize) -> Result<(), CallError> {
    let json = serde_json::to_string(value).map_err(|e| CallError::unreadable("variables::set_json", key, &e))?;
    set(key, &json)
}

/// Removes `key`.
pub fn delete(key: &str) -> Result<(), CallError> {
    variables::delete(key).map_err(|e| CallError::new("variables::delete", key, e))
}

/// All keys that start with `prefix` and that the task may use, in ascending order.
pub fn keys(prefix: &str) -> Result<Vec<String>, CallError> {
    let mut all = Vec::new();
    for page in 0.. {
        let keys = variables::keys(prefix, page).map_err(|e| CallError::new("variables::keys", prefix, e))?;
        if keys.is_empty() {
            break;
        }
        all.extend(keys);
    }
    Ok(all)
}
