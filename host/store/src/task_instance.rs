//! Task instances: loading, comparing and saving many at a time.

use flow_model::advance::{Instance, Node};
use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, DagId, JobId, RunId, RunKey, TaskId, TenantId};
use flow_model::state::TaskInstanceState;
use flow_model::time::Millis;
use flow_model::waiting::Waiting;
use flow_model::work::{ErrorClass, Usage};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

mod columns;
mod removal;

pub(crate) use columns::Columns;
pub use removal::delete_with_all;

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

impl TaskKey {
    /// Which one of its run.
    pub fn instance(self) -> Instance {
        Instance { task: self.task, map_index: self.map_index }
    }

    /// This instance of a run.
    pub fn of(run: RunKey, at: Instance) -> Self {
        Self { run, task: at.task, map_index: at.map_index }
    }
}

/// A task instance as the scheduler sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRow {
    /// Which one.
    pub key: TaskKey,
    /// What the rules see of it.
    pub node: Node,
    /// What it waits for, or what its wait came to.
    pub wait: Option<Waiting>,
    /// How much of its execution timeout its present try had used up before it waited, in milliseconds.
    pub spent_ms: u64,
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
    /// How a mapped instance is called in lists.
    pub map_label: Option<String>,
}

/// A task instance to be created.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTask {
    /// Which one.
    pub key: TaskKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// What the rules see of it.
    pub node: Node,
    /// The task's id.
    pub task_id: TaskId,
    /// What it waits for.
    pub wait: Option<Waiting>,
    /// The elements that a mapped instance gets: one JSON text.
    pub item: Option<String>,
    /// When it became claimable.
    pub queued_at: Option<Millis>,
    /// When its wait began, if it waits, or when it ended without one.
    pub start_date: Option<Millis>,
    /// When it ended, if it has.
    pub end_date: Option<Millis>,
    /// Who runs it, if somebody took it at once.
    pub worker: Option<JobId>,
}

const INSERT: Batch = batch!(
    "INSERT INTO task_instance (run_key, task_index, map_index, tenant, task_id, state, attempt, try_number, max_tries, \
     losses, seen, wait, item, spent_ms, queued_at, start_date, end_date, worker) SELECT r.run_key, r.task_index, r.map_index, \
     r.tenant, r.task_id, r.state, r.attempt, r.try_number, r.max_tries, 0, r.seen, r.wait, r.item, 0, r.queued_at, r.start_date, \
     r.end_date, r.worker FROM ",
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
        seen text,
        wait text,
        item text,
        queued_at bigint,
        start_date bigint,
        end_date bigint,
        worker text
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
    seen: String,
    wait: Option<String>,
    item: Option<&'a str>,
    queued_at: Option<i64>,
    start_date: Option<i64>,
    end_date: Option<i64>,
    worker: Option<JobId>,
}

/// Creates task instances.
pub fn insert(db: &mut Session, tasks: &[NewTask]) -> Result<(), StoreError> {
    for part in tasks.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<_> = part
            .iter()
            .map(|task| {
                Ok(NewColumns {
                    run_key: task.key.run,
                    tenant: task.tenant.as_str(),
                    task_index: task.key.task.0,
                    map_index: column::map_index(task.key.map_index),
                    task_id: task.task_id.as_str(),
                    state: task.node.status.state().as_str(),
                    attempt: task.node.status.attempt().map(|attempt| attempt.to_string()),
                    try_number: task.node.status.try_number,
                    max_tries: task.node.max_tries,
                    seen: column::to_json(&task.node.seen)?,
                    wait: task.wait.as_ref().map(column::to_json).transpose()?,
                    item: task.item.as_deref(),
                    queued_at: task.queued_at.map(|at| at.0),
                    start_date: task.start_date.map(|at| at.0),
                    end_date: task.end_date.map(|at| at.0),
                    worker: task.worker,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        db.post(INSERT, &part)?;
    }
    Ok(())
}

const SAVE: Batch = batch!(
    "UPDATE task_instance SET state = r.state, attempt = r.attempt, due_at = r.due_at, try_number = r.try_number, \
     max_tries = r.max_tries, losses = r.losses, seen = r.seen, skips = r.skips, length = r.length, wait = r.wait, \
     spent_ms = r.spent_ms, map_label = r.map_label, queued_at = r.queued_at, \
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
        seen text,
        skips text,
        length bigint,
        wait text,
        spent_ms bigint,
        map_label text,
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
pub fn save(db: &mut Session, tasks: &[TaskRow]) -> Result<(), StoreError> {
    for part in tasks.chunks(column::ROWS_PER_STATEMENT) {
        let part = part.iter().map(Columns::try_from).collect::<Result<Vec<_>, _>>()?;
        db.post(SAVE, &part)?;
    }
    Ok(())
}

const LOAD: Batch = batch!(
    "SELECT t.run_key, t.task_index, t.map_index, t.state, t.attempt, t.due_at, t.try_number, t.max_tries, t.losses, \
     t.seen, t.skips, t.length, t.wait, t.spent_ms, t.map_label, t.queued_at, t.start_date, t.end_date, t.worker, \
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
    find(db, LOAD, keys).await
}

async fn find(db: &mut Session, statement: Batch, keys: &[TaskKey]) -> Result<Vec<TaskRow>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for part in keys.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<KeyColumns> = part.iter().map(KeyColumns::from).collect();
        let loaded: Vec<Columns> = db.find(statement, &part).await?;
        for row in loaded {
            found.push(row.try_into()?);
        }
    }
    Ok(found)
}

const OF_TASKS: Batch = batch!(
    "SELECT t.run_key, t.task_index, t.map_index, t.state, t.attempt, t.due_at, t.try_number, t.max_tries, t.losses, \
     t.seen, t.skips, t.length, t.wait, t.spent_ms, t.map_label, t.queued_at, t.start_date, t.end_date, t.worker, \
     t.error_class, t.error_message, t.cpu_us, t.wall_us, t.peak_memory FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    " CROSS JOIN task_instance AS t WHERE t.run_key = r.run_key AND t.task_index = r.task_index"
);

/// All instances of these tasks, in no particular order.
pub async fn of_tasks(db: &mut Session, tasks: &[(RunKey, TaskIndex)]) -> Result<Vec<TaskRow>, StoreError> {
    let keys: Vec<TaskKey> = tasks.iter().map(|&(run, task)| TaskKey { run, task, map_index: None }).collect();
    find(db, OF_TASKS, &keys).await
}

const ITEMS: Batch = batch!(
    "SELECT t.run_key, t.task_index, t.map_index, t.item FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    " CROSS JOIN task_instance AS t WHERE t.run_key = r.run_key AND t.task_index = r.task_index \
     AND t.map_index = r.map_index AND t.item IS NOT NULL"
);

/// The elements that these mapped instances get, each one JSON text.
pub async fn items(db: &mut Session, keys: &[TaskKey]) -> Result<Vec<(TaskKey, String)>, StoreError> {
    let part: Vec<KeyColumns> = keys.iter().map(KeyColumns::from).collect();
    let found: Vec<(String, i64, i64, String)> = db.find(ITEMS, &part).await?;
    found
        .into_iter()
        .map(|(run, task, map_index, item)| {
            let key = TaskKey {
                run: column::text("task_instance.run_key", &run)?,
                task: TaskIndex(column::count("task_instance.task_index", task)?),
                map_index: column::read_map_index(map_index),
            };
            Ok((key, item))
        })
        .collect()
}

#[derive(Serialize)]
struct ItemColumns<'a> {
    #[serde(flatten)]
    key: KeyColumns,
    item: &'a str,
}

const DEAL: Batch = batch!(
    "UPDATE task_instance SET item = r.item FROM ",
    rows(run_key text, task_index bigint, map_index bigint, item text),
    " WHERE task_instance.run_key = r.run_key AND task_instance.task_index = r.task_index \
     AND task_instance.map_index = r.map_index"
);

/// Gives mapped instances other elements, each one JSON text. The caller holds the locks of their runs.
pub fn deal(db: &mut Session, items: &[(TaskKey, String)]) -> Result<(), StoreError> {
    for part in items.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<_> = part.iter().map(|(key, item)| ItemColumns { key: key.into(), item }).collect();
        db.post(DEAL, &part)?;
    }
    Ok(())
}

const DELETE: Batch = batch!(
    "DELETE FROM task_instance WHERE (run_key, task_index, map_index) IN (SELECT r.run_key, r.task_index, r.map_index FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    ")"
);

/// Removes task instances in whose place others have come.
pub fn delete(db: &mut Session, keys: &[TaskKey]) -> Result<(), StoreError> {
    let part: Vec<KeyColumns> = keys.iter().map(KeyColumns::from).collect();
    db.post(DELETE, &part)?;
    Ok(())
}

const OF_RUN: &str = "SELECT run_key, task_index, map_index, state, attempt, due_at, try_number, max_tries, losses, \
     seen, skips, length, wait, spent_ms, map_label, queued_at, start_date, end_date, worker, error_class, \
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

const STATES_OF: &str = "SELECT DISTINCT t.state FROM task_instance AS t JOIN dag_run AS d ON d.run_key = t.run_key \
     WHERE d.tenant = $1 AND d.dag_id = $2 AND d.run_id = $3 AND t.task_id = $4 ORDER BY t.state";

/// The states of a task of another run, each once.
pub async fn states_of(
    db: &mut Session,
    (tenant, dag): (&TenantId, &DagId),
    (run, task): (&RunId, &TaskId),
) -> Result<Vec<TaskInstanceState>, StoreError> {
    let found: Vec<String> = on!(db, c => {
        sqlx::query_scalar(STATES_OF)
            .bind(tenant.as_str())
            .bind(dag.as_str())
            .bind(run.as_str())
            .bind(task.as_str())
            .fetch_all(&mut *c)
            .await?
    });
    found.iter().map(|state| column::named("task_instance.state", state, TaskInstanceState::from_name)).collect()
}

const SET_NOTE: Batch = batch!(
    "UPDATE task_instance SET note = $3 FROM ",
    rows(run_key text, task_index bigint, map_index bigint),
    " WHERE task_instance.tenant = $2 AND task_instance.run_key = r.run_key AND task_instance.task_index = r.task_index \
     AND task_instance.map_index = r.map_index"
);

/// Sets or removes the note of task instances.
pub async fn set_note(
    db: &mut Session,
    tenant: &TenantId,
    keys: &[TaskKey],
    note: Option<&str>,
) -> Result<(), StoreError> {
    for part in keys.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<KeyColumns> = part.iter().map(KeyColumns::from).collect();
        let (text, rows) = (db.text(SET_NOTE), column::rows(&part)?);
        on!(db, c => {
            sqlx::query(text).bind(&rows).bind(tenant.as_str()).bind(note).execute(&mut *c).await.map(drop)
        })?;
    }
    Ok(())
}
