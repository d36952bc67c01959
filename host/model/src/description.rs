//! A module's description of its DAGs, read and checked as a whole: all of it holds, or the first mistake is named.
//!
//! What depends on other modules of the tenant is for the broker to check.

use std::collections::HashSet;
use std::fmt::Display;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::asset;
use crate::call::limit;
use crate::dag::{DagSpec, TaskSpec};
use crate::graph::Graph;
use crate::quota::{Policy, Quota};
use crate::timetable::Schedule;
use crate::uses::{Uses, is_origin_pattern};

mod aftermath;
mod limits;
mod natives;
mod words;

/// Why a description is refused: one sentence for the module's owner that names the DAG, the reason and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DescriptionError(pub String);

const MAX_NAME: usize = 250;
const MAX_PATTERNS: usize = 1_000;
const MAX_RETRIES: u32 = 10_000;
const DAY_MS: u64 = 24 * 3_600_000;
const MAX_SPAN_MS: u64 = 30 * DAY_MS;

/// The checked DAGs of a description, a JSON array of [`DagSpec`], in the order in which the module names them.
pub fn read(text: &str, quota: &Quota, policy: &Policy) -> Result<Vec<Graph>, DescriptionError> {
    if text.len() > limit::BULK {
        return Err(refuse(format!(
            "the description of the module's DAGs has {} bytes; at most {} are allowed",
            text.len(),
            limit::BULK
        )));
    }
    let dags: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| refuse(format!("the description of the module's DAGs is not a JSON array: {error}")))?;
    if dags.is_empty() {
        return Err(refuse("the module describes no DAGs; give it at least one".to_owned()));
    }
    let mut names = HashSet::new();
    let mut graphs = Vec::with_capacity(dags.len());
    for (index, raw) in dags.into_iter().enumerate() {
        let spec: DagSpec = serde_json::from_str(raw.get()).map_err(|error| locate(index, raw, &error))?;
        let name = spec.dag_id.clone();
        if !names.insert(name.clone()) {
            return Err(refuse(format!("DAG {:?} is described twice; DAG ids are unique", name.as_str())));
        }
        check(&spec, quota, policy).map_err(|reason| refuse(format!("DAG {:?}: {reason}", name.as_str())))?;
        graphs.push(Graph::build(spec).map_err(|error| refuse(format!("DAG {:?}: {error}", name.as_str())))?);
    }
    asset::together(graphs.iter().map(Graph::spec)).map_err(refuse)?;
    Ok(graphs)
}

fn refuse(message: String) -> DescriptionError {
    DescriptionError(message)
}

/// As much of a malformed DAG as is needed to say where the mistake is.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    dag_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tasks: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct TaskOutline<'a> {
    #[serde(borrow, default)]
    task_id: Option<&'a RawValue>,
}

/// Names the DAG, and the task if the mistake is in one.
fn locate(index: usize, raw: &RawValue, error: &serde_json::Error) -> DescriptionError {
    let Ok(outline) = serde_json::from_str::<Outline<'_>>(raw.get()) else {
        return refuse(format!("DAG number {}: {}", index + 1, without_place(error)));
    };
    let dag = shown("DAG", outline.dag_id, index);
    for (index, task) in outline.tasks.iter().enumerate() {
        if let Err(error) = serde_json::from_str::<TaskSpec>(task.get()) {
            let id = serde_json::from_str::<TaskOutline<'_>>(task.get()).ok().and_then(|task| task.task_id);
            return refuse(format!("{dag}, {}: {}", shown("task", id, index), without_place(&error)));
        }
    }
    refuse(format!("{dag}: {}", without_place(error)))
}

/// A thing by its id if it has a proper one, by its number otherwise.
fn shown(kind: &str, id: Option<&RawValue>, index: usize) -> String {
    match id.and_then(|id| serde_json::from_str::<String>(id.get()).ok()) {
        Some(id) if id.len() <= MAX_NAME && !id.is_empty() => format!("{kind} {id:?}"),
        Some(_) | None => format!("{kind} number {}", index + 1),
    }
}

/// The message without line and column, which mean nothing to somebody who never saw the text.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.clone(), |(before, _)| before.to_owned())
}

fn check(spec: &DagSpec, quota: &Quota, policy: &Policy) -> Result<(), String> {
    words::check(spec)?;
    aftermath::check(spec)?;
    limits::check(spec)?;
    let tasks = u64::try_from(spec.tasks.len()).unwrap_or(u64::MAX);
    if tasks > quota.tasks_per_dag {
        return Err(format!("it has {tasks} tasks; at most {} are allowed", quota.tasks_per_dag));
    }
    if let Some(schedule) = &spec.schedule {
        Schedule::parse(schedule).map_err(|error| error.to_string())?;
    }
    if spec.start_date.zip(spec.end_date).is_some_and(|(start, end)| end < start) {
        return Err("its end_date is before its start_date".to_owned());
    }
    asset::check(spec)?;
    check_uses(&spec.uses, policy)?;
    let of_task = |task: &TaskSpec, reason| format!("task {:?}: {reason}", task.task_id.as_str());
    let check_task = |task| check_task(task, policy).and_then(|()| natives::check_task(spec, task));
    spec.tasks.iter().try_for_each(|task| check_task(task).map_err(|reason| of_task(task, reason)))
}

fn check_task(task: &TaskSpec, policy: &Policy) -> Result<(), String> {
    words::check_task(task)?;
    aftermath::check_task(task)?;
    limits::check_task(task)?;
    match &task.native {
        None if !is_label(&task.function, MAX_NAME) => {
            return Err("its function is not valid: use 1 to 250 bytes without control characters".to_owned());
        }
        Some(_) if !task.function.is_empty() => {
            return Err(
                "it has a function, and something that the host does in its place; leave one of them out".to_owned()
            );
        }
        None | Some(_) => {}
    }
    at_most("retries", task.retries, MAX_RETRIES)?;
    at_most("retry_delay_ms", task.retry_delay_ms, MAX_SPAN_MS)?;
    if let Some(timeout) = task.execution_timeout_ms {
        at_most("execution_timeout_ms", timeout, MAX_SPAN_MS)?;
        if timeout == 0 {
            return Err("execution_timeout_ms is 0; leave it out for the tenant's limit".to_owned());
        }
    }
    check_uses(&task.uses, policy)
}

fn check_uses(uses: &Uses, policy: &Policy) -> Result<(), String> {
    for (kind, patterns) in uses.kinds() {
        if patterns.len() > MAX_PATTERNS {
            return Err(format!("uses.{kind} has {} entries; at most {MAX_PATTERNS} are allowed", patterns.len()));
        }
        for pattern in patterns {
            if !is_label(pattern, MAX_NAME) {
                return Err(format!("uses.{kind} holds {pattern:?}; use a name, or the beginning of one and `*`"));
            }
            if kind == "origins" && !is_origin_pattern(pattern) {
                return Err(format!(
                    "uses.origins holds {pattern:?}; use a scheme and a host in lower case, and the port if it is not the \
                     scheme's own, such as \"https://api.example.com\" or \"http://build.internal:8080\""
                ));
            }
            if policy.forbid_wildcards && pattern.ends_with('*') {
                return Err(format!(
                    "uses.{kind} holds {pattern:?}, and this tenant's policy forbids wildcards; name each one"
                ));
            }
        }
    }
    Ok(())
}

fn is_label(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn at_most<N: PartialOrd + Display + Copy>(what: &str, value: N, most: N) -> Result<(), String> {
    if value > most { Err(format!("{what} is {value}; at most {most} is allowed")) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
