//! The tries of a task instance before its present or last one.

use flow_model::ids::TenantId;
use flow_model::state::TaskInstanceState;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;
use crate::task_instance::TaskRow;

#[derive(Serialize)]
struct Columns {
    run_key: String,
    task_index: u32,
    map_index: i64,
    try_number: u32,
    tenant: String,
    state: &'static str,
    queued_at: Option<i64>,
    start_date: Option<i64>,
    end_date: Option<i64>,
    worker: Option<String>,
    error_class: Option<&'static str>,
    error_message: Option<String>,
    cpu_us: Option<u64>,
    wall_us: Option<u64>,
    peak_memory: Option<u64>,
}

const INSERT: Batch = batch!(
    "INSERT INTO task_try (run_key, task_index, map_index, try_number, tenant, state, queued_at, start_date, end_date, \
     worker, error_class, error_message, cpu_us, wall_us, peak_memory) SELECT r.run_key, r.task_index, r.map_index, \
     r.try_number, r.tenant, r.state, r.queued_at, r.start_date, r.end_date, r.worker, r.error_class, r.error_message, \
     r.cpu_us, r.wall_us, r.peak_memory FROM ",
    rows(
        run_key text,
        task_index bigint,
        map_index bigint,
        try_number bigint,
        tenant text,
        state text,
        queued_at bigint,
        start_date bigint,
        end_date bigint,
        worker text,
        error_class text,
        error_message text,
        cpu_us bigint,
        wall_us bigint,
        peak_memory bigint
    ),
    " WHERE true ON CONFLICT DO NOTHING"
);

/// A try that is over and will be followed by another: the task instance as it was, and the state the try ended in.
#[derive(Debug, Clone, PartialEq)]
pub struct PastTry {
    /// Whose it is.
    pub tenant: TenantId,
    /// The task instance at the end of the try.
    pub task: TaskRow,
    /// How the try ended.
    pub state: TaskInstanceState,
}

/// Keeps tries for the record.
pub fn insert(db: &mut Session, tries: &[PastTry]) -> Result<(), StoreError> {
    for part in tries.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> = part.iter().map(Columns::from).collect();
        db.post(INSERT, &part)?;
    }
    Ok(())
}

impl From<&PastTry> for Columns {
    fn from(past: &PastTry) -> Self {
        let task = &past.task;
        Self {
            run_key: task.key.run.to_string(),
            task_index: task.key.task.0,
            map_index: column::map_index(task.key.map_index),
            try_number: task.node.status.try_number,
            tenant: past.tenant.to_string(),
            state: past.state.as_str(),
            queued_at: task.queued_at.map(|at| at.0),
            start_date: task.start_date.map(|at| at.0),
            end_date: task.end_date.map(|at| at.0),
            worker: task.worker.map(|worker| worker.to_string()),
            error_class: task.error.as_ref().map(|(class, _)| class.code()),
            error_message: task.error.as_ref().map(|(_, message)| message.clone()),
            cpu_us: task.usage.map(|usage| usage.cpu_us),
            wall_us: task.usage.map(|usage| usage.wall_us),
            peak_memory: task.usage.map(|usage| usage.peak_memory_bytes),
        }
    }
}
