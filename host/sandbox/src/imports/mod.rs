//! The host's side of `wit/`, one file per interface: arguments are parsed and measured here, then brokered.

mod assets;
mod connections;
mod log;
mod reply;
mod runs;
mod task_instance;
mod task_state;
mod variables;
mod xcom;

use flow_model::call::limit;
use flow_model::time::Millis;

use crate::bindings::imports::types::{Error, Host};
use crate::guest::Guest;

pub(crate) use reply::FromReply;

impl Host for Guest {}

/// Refuses a value of more than `limit` bytes.
fn at_most(limit: usize, value: &str) -> Result<(), Error> {
    if value.len() > limit { Err(Error::TooLarge) } else { Ok(()) }
}

/// Refuses a value that is too large or that not every database can store.
fn check_value(value: &str) -> Result<(), Error> {
    at_most(limit::VALUE, value)?;
    if value.contains('\0') { Err(Error::Invalid("the value holds a NUL character".into())) } else { Ok(()) }
}

/// Refuses what is not one JSON text of bounded depth.
fn check_json(what: &str, text: &str) -> Result<serde_json::Value, Error> {
    serde_json::from_str(text).map_err(|error| Error::Invalid(format!("{what} is not JSON: {error}")))
}

/// Refuses what is not one JSON object.
fn check_object(what: &str, text: &str) -> Result<(), Error> {
    let is_object = check_json(what, text)?.is_object();
    if is_object { Ok(()) } else { Err(Error::Invalid(format!("{what} must be a JSON object"))) }
}

/// Refuses an instant that JSON cannot carry to the broker.
fn check_instant(what: &str, instant: Millis) -> Result<(), Error> {
    if instant.is_dated() { Ok(()) } else { Err(Error::Invalid(format!("{what} must be in the years 1 to 9999"))) }
}
