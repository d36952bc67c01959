//! Task instances: loading, comparing and saving many at a time.

use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, JobId, RunKey, TaskId, TenantId};
use flow_model::state::TaskStatus;
use flow_model::time::Millis;
use flow_model::trigger_rule::UpstreamCounts;
use flow_model::work::{ErrorClass, Usage};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::pool::Session;

mod columns;

use columns::Columns;

/// Which task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// Its run.
    pub run: RunKey,
    /// Its task's place in the DAG.
    pub task: TaskIndex,
    /// The index of a mapped instance.
    pub map_index: Option<u32>,
}

/// A task instance as the scheduler sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// Which one.
    pub key: TaskKey,
    /// Where it stands.
    pub status: TaskStatus,
    /// The highest number of a try that may be followed by another (Airflow's `max_tries`).
    pub max_tries: u32,
    /// What it has seen of its upstream.
    pub seen: UpstreamCounts,
    /// When it became claimable.
    pub queued_at: Option<Millis>,
    /// When its present try began.
    pub start_date: Option<Millis>,
    /// When its last try ended.
    pub end_date: Option<Millis>,
    /// Who runs it, or ran it last.
    pub worker: Option<JobId>,
    /// Why its last try failed.
    pub error: Option<(ErrorClass, String)>,
    /// What its last try spent.
    pub usage: Option<Usage>,
}

/// A task instance to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Which one.
    pub key: TaskKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// Where it stands.
    pub status: TaskStatus,
    /// The highest number of a try that may be followed by another.
    pub max_tries: u32,
    /// The task's id.
    pub task_id: TaskId,
    /// When it became claimable.
    pub queued_at: Option<Millis>,
}

const INSERT: Batch = batch!(
    "INSERT INTO task_instance (run_key, task_index, map_index, tenant, task_id, state, attempt, try_number, max_tries, \
     losses, up_success, up_failed, up_skipped, up_upstream_failed, queued_at) \
     SELECT r.run_key, r.task_index, r.map_index, r.tenant, r.task_id, r.state, r.attempt, r.try_number, r.max_tries, 0, 0, 0, 0, 0, \
     r.queued_at FROM ",
    rows(
        run_key text,
        task_index bigint,
        map_index bigint,
        tenant text,
        task_id text,
        state text,
        attempt text,
        try_number bigint,
        max_tries bigint,
        queued_at bigint
    ),
    ""
);

#[derive(Serialize)]
struct NewColumns<'a> {
    run_key: RunKey,
    task_index: u32,
    map_index: i64,
    tenant: &'a str,
    task_id: &'a str,
    state: &'static str,
    attempt: Option<String>,
    try_number: u32,
    max_tries: u32,
    queued_at: Option<i64>,
}

/// Creates task instances.
pub async fn insert(db: &mut Session, tasks: &[NewTask]) -> Result<(), StoreError> {
    for part in tasks.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<_> = part
            .iter()
            .map(|task| NewColumns {
                run_key: task.key.run,
                tenant: task.tenant.as_str(),
                task_index: task.key.task.0,
                map_index: column::map_index(task.key.map_index),
                task_id: task.task_id.as_str(),
                state: task.status.state().as_str(),
                attempt: task.status.attempt().map(|attempt| attempt.to_string()),
                try_number: task.status.try_number,
                max_tries: task.max_tries,
                queued_at: task.queued_at.map(|at| at.0),
            })
            .collect();
        let (text, rows) = (db.text(INSERT), column::rows(&part)?);
        on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

const SAVE: Batch = batch!(
    "UPDATE task_instance SET state = r.state, attempt = r.attempt, due_at = r.due_at, try_number = r.try_number, \
     max_tries = r.max_tries, losses = r.losses, up_success = r.up_success, up_failed = r.up_failed, \
     up_skipped = r.up_skipped, up_upstream_failed = r.up_upstream_failed, queued_at = r.queued_at, \
     start_date = r.start_date, end_date = r.end_date, worker = r.worker, error_class = r.error_class, \
     error_message = r.error_message, cpu_us = r.cpu_us, wall_us = r.wall_us, peak_memory = r.peak_memory, \
     progress = CASE WHEN r.state = task_instance.state THEN progress END FROM ",
    rows(
        run_key text,
        task_index bigint,
        map_index bigint,
        state text,
        attempt text,
        due_at bigint,
        try_number bigint,
        max_tries bigint,
        losses bigint,
        up_success bigint,
        up_failed bigint,
        up_skipped bigint,
        up_upstream_failed bigint,
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
    " WHERE task_instance.run_key = r.run_key AND task_instance.task_index = r.task_index \
     AND task_instance.map_index = r.map_index"
);

/// Writes task instances back. The caller holds the locks of their runs, so nobody else has changed them since.
pub async fn save(db: &mut Session, tasks: &[TaskRow]) -> Result<(), StoreError> {
    for part in tasks.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> = part.iter().map(Columns::from).collect();
        let (text, rows) = (db.text(SAVE), column::rows(&part)?);
        on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

const LOAD: Batch = batch!(
    "SELECT t.run_key, t.task_index, t.map_index, t.state, t.attempt, t.due_at, t.try_number, t.max_tries, t.losses, \
     t.up_success, t.up_failed, t.up_skipped, t.up_upstream_failed, t.queued_at, t.start_date, t.end_date, t.worker, \
     t.error_class, t.error_message, t.cpu_us, t.wall_us, t.peak_memory FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    " CROSS JOIN task_instance AS t WHERE t.run_key = r.run_key AND t.task_index = r.task_index \
     AND t.map_index = r.map_index"
);

#[derive(Serialize)]
struct KeyColumns {
    run_key: String,
    task_index: u32,
    map_index: i64,
}

impl From<&TaskKey> for KeyColumns {
    fn from(key: &TaskKey) -> Self {
        Self { run_key: key.run.to_string(), task_index: key.task.0, map_index: column::map_index(key.map_index) }
    }
}

/// These task instances, in no particular order.
pub async fn load(db: &mut Session, keys: &[TaskKey]) -> Result<Vec<TaskRow>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for part in keys.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<KeyColumns> = part.iter().map(KeyColumns::from).collect();
        let (text, rows) = (db.text(LOAD), column::rows(&part)?);
        let loaded: Vec<Columns> = on!(db, c => sqlx::query_as(text).bind(&rows).fetch_all(&mut *c).await)?;
        for row in loaded {
            found.push(row.try_into()?);
        }
    }
    Ok(found)
}

const OF_RUN: &str = "SELECT run_key, task_index, map_index, state, attempt, due_at, try_number, max_tries, losses, \
     up_success, up_failed, up_skipped, up_upstream_failed, queued_at, start_date, end_date, worker, error_class, \
     error_message, cpu_us, wall_us, peak_memory FROM task_instance WHERE tenant = $1 AND run_key = $2 \
     ORDER BY task_index, map_index";

/// Every task instance of a run, in the order of its DAG.
pub async fn of_run(db: &mut Session, tenant: &TenantId, run: RunKey) -> Result<Vec<TaskRow>, StoreError> {
    let run = run.to_string();
    let loaded: Vec<Columns> =
        on!(db, c => sqlx::query_as(OF_RUN).bind(tenant.as_str()).bind(&run).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(TaskRow::try_from).collect()
}

const SET_PROGRESS: &str = "UPDATE task_instance SET progress = $3 WHERE tenant = $1 \
     AND (run_key, task_index, map_index) IN (SELECT run_key, task_index, map_index FROM work WHERE tenant = $1 \
     AND attempt = $2 AND worker IS NOT NULL)";

/// Notes how far a leased attempt has come; `false` if it holds no lease.
pub async fn set_progress(
    db: &mut Session,
    tenant: &TenantId,
    attempt: AttemptId,
    fraction: f64,
) -> Result<bool, StoreError> {
    let attempt = attempt.to_string();
    let rows = on!(db, c => {
        sqlx::query(SET_PROGRESS)
            .bind(tenant.as_str())
            .bind(&attempt)
            .bind(fraction)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const SET_NOTE: &str = "UPDATE task_instance SET note = $5 WHERE tenant = $1 AND run_key = $2 AND task_index = $3 \
     AND map_index = $4";

/// Sets or removes the note of a task instance.
pub async fn set_note(db: &mut Session, tenant: &TenantId, key: TaskKey, note: Option<&str>) -> Result<(), StoreError> {
    let run = key.run.to_string();
    on!(db, c => {
        sqlx::query(SET_NOTE)
            .bind(tenant.as_str())
            .bind(&run)
            .bind(i64::from(key.task.0))
            .bind(column::map_index(key.map_index))
            .bind(note)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}
