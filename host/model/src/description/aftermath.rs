//! What a DAG says of its runs as a whole: how many there may be, and what follows from them and from their tasks.

use serde_json::Value;

use super::{DAY_MS, MAX_NAME, MAX_SPAN_MS, at_most, is_label};
use crate::dag::{CallbackEvent, CallbackSpec, DagSpec, DeadlineReference, DeadlineSpec, TaskSpec};

/// The most callbacks, and the most deadlines, of one DAG, task or group.
const MAX_EACH: usize = 20;
const MAX_RETRIES: u32 = 100;
const MAX_ARGUMENTS: usize = 64 << 10;
/// A deadline may count from the begin of a year's data.
const MAX_INTERVAL_MS: u64 = 400 * DAY_MS;
/// The most runs that an average is taken of.
const MAX_AVERAGED: u32 = 1_000;

pub(super) fn check(dag: &DagSpec) -> Result<(), String> {
    if let Some(timeout) = dag.dagrun_timeout_ms {
        at_most("dagrun_timeout_ms", timeout, MAX_SPAN_MS)?;
        if timeout == 0 {
            return Err("its dagrun_timeout_ms is 0; leave it out for none".to_owned());
        }
    }
    callbacks(&dag.callbacks, &[CallbackEvent::Success, CallbackEvent::Failure])?;
    deadlines(&dag.deadlines)?;
    let of_group = |group: &str, reason| format!("group {group:?}: {reason}");
    dag.groups
        .iter()
        .try_for_each(|group| deadlines(&group.deadlines).map_err(|reason| of_group(group.group_id.as_str(), reason)))
}

pub(super) fn check_task(task: &TaskSpec) -> Result<(), String> {
    const AFTER_TASKS: &[CallbackEvent] = &[
        CallbackEvent::Execute,
        CallbackEvent::Success,
        CallbackEvent::Failure,
        CallbackEvent::Retry,
        CallbackEvent::Skipped,
    ];
    callbacks(&task.callbacks, AFTER_TASKS)?;
    deadlines(&task.deadlines)
}

fn callbacks(callbacks: &[CallbackSpec], accepted: &[CallbackEvent]) -> Result<(), String> {
    few("callbacks", callbacks.len())?;
    for callback in callbacks {
        if !accepted.contains(&callback.on) {
            let names: Vec<&str> = accepted.iter().map(|event| event.as_str()).collect();
            return Err(format!("it has a callback after {}; use one of: {}", callback.on, names.join(", ")));
        }
        function(&callback.function)?;
        arguments(&callback.arguments)?;
        at_most("the retries of a callback", callback.retries, MAX_RETRIES)?;
    }
    Ok(())
}

fn deadlines(deadlines: &[DeadlineSpec]) -> Result<(), String> {
    few("deadlines", deadlines.len())?;
    for deadline in deadlines {
        if deadline.name.len() > MAX_NAME || deadline.name.chars().any(char::is_control) {
            return Err(format!("the name of a deadline is not valid: use at most {MAX_NAME} bytes on one line"));
        }
        at_most("the interval_ms of a deadline", deadline.interval_ms.unsigned_abs(), MAX_INTERVAL_MS)?;
        if let DeadlineReference::AverageRuntime { max_runs, min_runs } = deadline.reference {
            at_most("the max_runs of a deadline", max_runs, MAX_AVERAGED)?;
            if max_runs == 0 || min_runs > max_runs {
                return Err(
                    "a deadline looks at no runs, or at fewer than it needs; use max_runs of at least 1 and of \
                            at least min_runs"
                        .to_owned(),
                );
            }
        }
        deadline.callback.iter().try_for_each(|callback| function(callback))?;
        arguments(&deadline.arguments)?;
        at_most("the retries of a callback", deadline.retries, MAX_RETRIES)?;
    }
    Ok(())
}

fn few(what: &str, count: usize) -> Result<(), String> {
    if count > MAX_EACH { Err(format!("it has {count} {what}; at most {MAX_EACH} are allowed")) } else { Ok(()) }
}

fn function(name: &str) -> Result<(), String> {
    if is_label(name, MAX_NAME) {
        return Ok(());
    }
    Err(format!("the function of a callback is not valid: use 1 to {MAX_NAME} bytes without control characters"))
}

fn arguments(value: &Value) -> Result<(), String> {
    if value.to_string().len() > MAX_ARGUMENTS {
        return Err(format!("the arguments of a callback have more than {MAX_ARGUMENTS} bytes of JSON"));
    }
    Ok(())
}
