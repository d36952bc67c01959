//! A task instance's columns that change, and what they mean.

use flow_model::advance::Node;
use flow_model::graph::TaskIndex;
use flow_model::state::{Phase, TaskInstanceState, TaskStatus};
use flow_model::time::Millis;
use flow_model::work::Usage;
use serde::Serialize;

use super::{TaskKey, TaskRow};
use crate::column;
use crate::error::StoreError;

/// The columns that change. Read and written in this one shape.
#[derive(Serialize, sqlx::FromRow)]
pub(crate) struct Columns {
    run_key: String,
    task_index: i64,
    map_index: i64,
    state: String,
    attempt: Option<String>,
    due_at: Option<i64>,
    try_number: i64,
    max_tries: i64,
    losses: i64,
    seen: String,
    skips: Option<String>,
    length: Option<i64>,
    wait: Option<String>,
    spent_ms: i64,
    map_label: Option<String>,
    queued_at: Option<i64>,
    start_date: Option<i64>,
    end_date: Option<i64>,
    worker: Option<String>,
    error_class: Option<String>,
    error_message: Option<String>,
    cpu_us: Option<i64>,
    wall_us: Option<i64>,
    peak_memory: Option<i64>,
}

impl TryFrom<&TaskRow> for Columns {
    type Error = StoreError;

    fn try_from(row: &TaskRow) -> Result<Self, StoreError> {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Ok(Self {
            run_key: row.key.run.to_string(),
            task_index: row.key.task.0.into(),
            map_index: column::map_index(row.key.map_index),
            state: row.node.status.state().to_string(),
            attempt: row.node.status.attempt().map(|attempt| attempt.to_string()),
            due_at: row.node.status.due().map(|at| at.0),
            try_number: row.node.status.try_number.into(),
            max_tries: row.node.max_tries.into(),
            losses: row.node.status.losses.into(),
            seen: column::to_json(&row.node.seen)?,
            skips: row.node.skips.as_ref().map(column::to_json).transpose()?,
            length: row.node.length.map(Into::into),
            wait: row.wait.as_ref().map(column::to_json).transpose()?,
            spent_ms: signed(row.spent_ms),
            map_label: row.map_label.clone(),
            queued_at: row.queued_at.map(|at| at.0),
            start_date: row.start_date.map(|at| at.0),
            end_date: row.end_date.map(|at| at.0),
            worker: row.worker.map(|worker| worker.to_string()),
            error_class: row.error.as_ref().map(|(class, _)| class.code().to_owned()),
            error_message: row.error.as_ref().map(|(_, message)| message.clone()),
            cpu_us: row.usage.map(|usage| signed(usage.cpu_us)),
            wall_us: row.usage.map(|usage| signed(usage.wall_us)),
            peak_memory: row.usage.map(|usage| signed(usage.peak_memory_bytes)),
        })
    }
}

impl TryFrom<Columns> for TaskRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let class = column::class("task_instance.error_class", row.error_class.as_deref())?;
        let usage = match (row.cpu_us, row.wall_us, row.peak_memory) {
            (Some(cpu), Some(wall), Some(peak)) => Some(Usage {
                cpu_us: column::count("task_instance.cpu_us", cpu)?,
                wall_us: column::count("task_instance.wall_us", wall)?,
                peak_memory_bytes: column::count("task_instance.peak_memory", peak)?,
            }),
            (_, _, _) => None,
        };
        Ok(Self {
            key: TaskKey {
                run: column::text("task_instance.run_key", &row.run_key)?,
                task: TaskIndex(column::count("task_instance.task_index", row.task_index)?),
                map_index: column::read_map_index(row.map_index),
            },
            node: node(&row)?,
            wait: column::optional_json("task_instance.wait", row.wait.as_deref())?,
            spent_ms: column::count("task_instance.spent_ms", row.spent_ms)?,
            map_label: row.map_label,
            queued_at: column::instant(row.queued_at),
            start_date: column::instant(row.start_date),
            end_date: column::instant(row.end_date),
            worker: column::optional("task_instance.worker", row.worker.as_deref())?,
            error: class.zip(row.error_message),
            usage,
        })
    }
}

fn node(row: &Columns) -> Result<Node, StoreError> {
    Ok(Node {
        status: TaskStatus {
            phase: phase(row)?,
            try_number: column::count("task_instance.try_number", row.try_number)?,
            losses: column::count("task_instance.losses", row.losses)?,
        },
        max_tries: column::count("task_instance.max_tries", row.max_tries)?,
        seen: column::json("task_instance.seen", &row.seen)?,
        skips: column::optional_json("task_instance.skips", row.skips.as_deref())?,
        length: row.length.map(|length| column::count("task_instance.length", length)).transpose()?,
    })
}

fn phase(row: &Columns) -> Result<Phase, StoreError> {
    let state = column::named("task_instance.state", &row.state, TaskInstanceState::from_name)?;
    let attempt = column::optional("task_instance.attempt", row.attempt.as_deref())?;
    let broken = |reason: &str| StoreError::Inconsistent { column: "task_instance.state", reason: reason.to_owned() };
    let needed = || attempt.ok_or_else(|| broken("it needs an attempt and has none"));
    let due = || row.due_at.map(Millis).ok_or_else(|| broken("it is due at no time"));
    Ok(match state {
        TaskInstanceState::None => Phase::None,
        TaskInstanceState::Queued => Phase::Queued(needed()?),
        TaskInstanceState::Running => Phase::Running(needed()?),
        TaskInstanceState::UpForRetry => Phase::UpForRetry(needed()?, due()?),
        TaskInstanceState::UpForReschedule => Phase::UpForReschedule(needed()?, due()?),
        TaskInstanceState::Deferred => Phase::Deferred(needed()?),
        TaskInstanceState::AwaitingInput => Phase::AwaitingInput(needed()?),
        TaskInstanceState::Scheduled => Phase::Scheduled,
        TaskInstanceState::Restarting => return Err(broken("nothing is ever stored as restarting")),
        TaskInstanceState::Success
        | TaskInstanceState::Failed
        | TaskInstanceState::Skipped
        | TaskInstanceState::UpstreamFailed
        | TaskInstanceState::Removed => Phase::Ended(state.terminal().ok_or_else(|| broken("it has not ended"))?),
    })
}
