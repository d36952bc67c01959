//! DAG runs: creating, locking and saving them.

use std::collections::HashSet;

use flow_model::advance::Tally;
use flow_model::ids::{AttemptId, DagId, DagVersionId, PartitionKey, RunId, RunKey, TenantId};
use flow_model::run::{RunType, TriggeredBy};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::timetable::DataInterval;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// A query for runs in the one shape in which they are read.
macro_rules! columns_of_run {
    ($rest:expr) => {
        concat!(
            "SELECT run_key, tenant, dag_id, run_id, version, state, run_type, logical_date, data_interval_start, ",
            "data_interval_end, run_after, queued_at, start_date, end_date, timeout_at, triggered_by, ",
            "triggering_user, tally, held FROM dag_run ",
            $rest
        )
    };
}

mod columns;
mod delete;
mod history;
mod partition;
mod renumber;
mod replay;
mod room;

pub(crate) use columns::Columns;
pub use delete::{delete, lock_ended, some_of_dag};
pub use history::{
    active, active_of_dag, counts, dags_held, last_scheduled, lock_held, lock_timed_out, next_timeout, of_attempt,
    previous, previous_success,
};
pub use partition::{forget_partition, partitions, set_partition};
pub use renumber::{renumber, tasks};
pub use replay::{at, join_backfill, replace_conf};
pub(crate) use room::RUNNING;
pub use room::{any_waits, durations, latest_states, next_due, running, with_room};

/// A run without its configuration and its note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its internal key.
    pub key: RunKey,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its DAG.
    pub dag_id: DagId,
    /// Its name.
    pub run_id: RunId,
    /// The version of the DAG that it runs.
    pub version: DagVersionId,
    /// Where it stands.
    pub state: RunState,
    /// What has ended and how.
    pub tally: Tally,
    /// What made it.
    pub run_type: RunType,
    /// What it stands for.
    pub logical_date: Option<Millis>,
    /// The data that it covers.
    pub interval: Option<DataInterval>,
    /// When it was due.
    pub run_after: Millis,
    /// When it was created, or cleared last.
    pub queued_at: Millis,
    /// When it began.
    pub start_date: Option<Millis>,
    /// When it ended.
    pub end_date: Option<Millis>,
    /// Who asked for it.
    pub triggered_by: TriggeredBy,
    /// The name of who asked for it.
    pub triggering_user: Option<String>,
    /// When it is ended if it has not ended by then.
    pub timeout_at: Option<Millis>,
    /// Whether a task instance of it waits for another run of the DAG.
    pub held: bool,
}

const INSERT: Batch = batch!(
    "INSERT INTO dag_run (run_key, tenant, dag_id, run_id, version, state, run_type, logical_date, data_interval_start, \
     data_interval_end, run_after, queued_at, start_date, end_date, timeout_at, triggered_by, triggering_user, \
     tally, held) SELECT r.run_key, r.tenant, r.dag_id, r.run_id, r.version, r.state, r.run_type, r.logical_date, \
     r.data_interval_start, r.data_interval_end, r.run_after, r.queued_at, r.start_date, r.end_date, r.timeout_at, \
     r.triggered_by, r.triggering_user, r.tally, r.held FROM ",
    rows(
        run_key text,
        tenant text,
        dag_id text,
        run_id text,
        version text,
        state text,
        run_type text,
        logical_date bigint,
        data_interval_start bigint,
        data_interval_end bigint,
        run_after bigint,
        queued_at bigint,
        start_date bigint,
        end_date bigint,
        triggered_by text,
        triggering_user text,
        timeout_at bigint,
        tally text,
        held boolean
    ),
    " WHERE true ON CONFLICT DO NOTHING RETURNING run_key"
);

/// Creates runs. Answers which of them are new: one whose run id or logical date is taken is left out.
pub async fn insert(db: &mut Session, runs: &[RunRow]) -> Result<HashSet<RunKey>, StoreError> {
    let part = runs.iter().map(Columns::try_from).collect::<Result<Vec<_>, _>>()?;
    let new: Vec<(String,)> = db.find(INSERT, &part).await?;
    new.iter().map(|(key,)| column::text("dag_run.run_key", key)).collect()
}

const INSERT_CONFS: Batch = batch!(
    "INSERT INTO dag_run_conf (run_key, tenant, conf) SELECT r.run_key, r.tenant, r.conf FROM ",
    rows(run_key text, tenant text, conf text),
    ""
);

#[derive(Serialize)]
struct ConfColumns<'a> {
    run_key: RunKey,
    tenant: &'a str,
    conf: &'a str,
}

/// Stores the configurations of runs. A run without one is left out.
pub fn insert_confs(db: &mut Session, confs: &[(&TenantId, RunKey, &str)]) -> Result<(), StoreError> {
    let part: Vec<_> =
        confs.iter().map(|&(tenant, run_key, conf)| ConfColumns { run_key, tenant: tenant.as_str(), conf }).collect();
    db.post(INSERT_CONFS, &part)?;
    Ok(())
}

const SET_NOTE: &str = "UPDATE dag_run SET note = $3 WHERE tenant = $1 AND run_key = $2";

/// Sets or removes a run's note.
pub async fn set_note(db: &mut Session, tenant: &TenantId, run: RunKey, note: Option<&str>) -> Result<(), StoreError> {
    let run = run.to_string();
    on!(db, c => sqlx::query(SET_NOTE).bind(tenant.as_str()).bind(&run).bind(note).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const SAVE: Batch = batch!(
    "UPDATE dag_run SET version = r.version, state = r.state, tally = r.tally, held = r.held, timeout_at = r.timeout_at, \
     queued_at = r.queued_at, start_date = r.start_date, end_date = r.end_date FROM ",
    rows(
        run_key text,
        state text,
        version text,
        tally text,
        held boolean,
        timeout_at bigint,
        queued_at bigint,
        start_date bigint,
        end_date bigint
    ),
    " WHERE dag_run.run_key = r.run_key"
);

/// Writes back what changes of a run. The caller holds the runs' locks.
pub fn save(db: &mut Session, runs: &[RunRow]) -> Result<(), StoreError> {
    let part = runs.iter().map(Columns::try_from).collect::<Result<Vec<_>, _>>()?;
    db.post(SAVE, &part)?;
    Ok(())
}

pub(crate) const LOCK_OF_ATTEMPTS: Batch = batch!(
    columns_of_run!("WHERE run_key IN (SELECT w.run_key FROM "),
    rows(attempt text),
    " CROSS JOIN work AS w WHERE w.attempt = r.attempt) ORDER BY run_key",
    locking
);

#[derive(Serialize)]
struct AttemptColumn {
    attempt: AttemptId,
}

/// Locks the runs that these attempts belong to, in the one order that everybody locks runs in.
pub async fn lock_of_attempts(db: &mut Session, attempts: &[AttemptId]) -> Result<Vec<RunRow>, StoreError> {
    let part: Vec<_> = attempts.iter().map(|&attempt| AttemptColumn { attempt }).collect();
    let loaded: Vec<Columns> = db.find(LOCK_OF_ATTEMPTS, &part).await?;
    loaded.into_iter().map(RunRow::try_from).collect()
}

pub(crate) const LOCK_FREE_OF_ATTEMPTS: Batch = batch!(
    columns_of_run!("WHERE run_key IN (SELECT w.run_key FROM "),
    rows(attempt text),
    " CROSS JOIN work AS w WHERE w.attempt = r.attempt) ORDER BY run_key",
    locking skip
);

const LOCK_FREE: Batch = batch!(
    columns_of_run!("WHERE run_key IN (SELECT r.run_key FROM "),
    rows(run_key text),
    ") ORDER BY run_key",
    locking skip
);

#[derive(Serialize)]
struct RunColumn {
    run_key: RunKey,
}

/// Locks those of these runs that nobody else has locked, without waiting.
pub async fn lock_free(db: &mut Session, runs: impl IntoIterator<Item = &RunKey>) -> Result<Vec<RunRow>, StoreError> {
    let part: Vec<_> = runs.into_iter().map(|&run_key| RunColumn { run_key }).collect();
    let loaded: Vec<Columns> = db.find(LOCK_FREE, &part).await?;
    loaded.into_iter().map(RunRow::try_from).collect()
}

const LOCK_ACTIVE: Batch =
    locking!(columns_of_run!("WHERE tenant = $1 AND state IN ('queued', 'running') ORDER BY run_key"));

/// Locks every run of a tenant that has not ended.
pub async fn lock_active(db: &mut Session, tenant: &TenantId) -> Result<Vec<RunRow>, StoreError> {
    let text = db.text(LOCK_ACTIVE);
    let loaded: Vec<Columns> = on!(db, c => sqlx::query_as(text).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(RunRow::try_from).collect()
}

const LOCK: Batch = locking!(columns_of_run!("WHERE tenant = $1 AND dag_id = $2 AND run_id = $3"));

/// Locks one run by its name.
pub async fn lock(db: &mut Session, tenant: &TenantId, dag: &DagId, run: &RunId) -> Result<Option<RunRow>, StoreError> {
    let text = db.text(LOCK);
    let loaded: Option<Columns> = on!(db, c => sqlx::query_as(text)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(run.as_str()).fetch_optional(&mut *c).await)?;
    loaded.map(RunRow::try_from).transpose()
}

const FIND: &str = columns_of_run!("WHERE tenant = $1 AND dag_id = $2 AND run_id = $3");

/// One run by its name.
pub async fn find(db: &mut Session, tenant: &TenantId, dag: &DagId, run: &RunId) -> Result<Option<RunRow>, StoreError> {
    let loaded: Option<Columns> = on!(db, c => sqlx::query_as(FIND)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(run.as_str()).fetch_optional(&mut *c).await)?;
    loaded.map(RunRow::try_from).transpose()
}

const LOCK_QUEUED: Batch = locking!(columns_of_run!(
    "WHERE tenant = $1 AND dag_id = $2 AND state = 'queued' AND run_after <= $3 ORDER BY run_key LIMIT $4"
));

/// Locks the oldest runs of a DAG that were due by `now` and have not begun.
pub async fn lock_queued(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    now: Millis,
    limit: u32,
) -> Result<Vec<RunRow>, StoreError> {
    let (text, limit) = (db.text(LOCK_QUEUED), i64::from(limit));
    let loaded: Vec<Columns> = on!(db, c => sqlx::query_as(text)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(now.0).bind(limit).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(RunRow::try_from).collect()
}

const LOCK_BETWEEN: Batch = locking!(columns_of_run!(
    "WHERE tenant = $1 AND dag_id = $2 AND logical_date BETWEEN $3 AND $4 ORDER BY run_key LIMIT $5"
));

/// Locks the runs of a DAG with a logical date within `range`, both ends included, at most `limit`.
pub async fn lock_between(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    (from, to): (Millis, Millis),
    limit: u32,
) -> Result<Vec<RunRow>, StoreError> {
    let text = db.text(LOCK_BETWEEN);
    let loaded: Vec<Columns> = on!(db, c => {
        sqlx::query_as(text)
            .bind(tenant.as_str())
            .bind(dag.as_str())
            .bind(from.0)
            .bind(to.0)
            .bind(i64::from(limit))
            .fetch_all(&mut *c)
            .await?
    });
    loaded.into_iter().map(RunRow::try_from).collect()
}

/// What tasks need of their run, besides its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunWithConf {
    /// The run.
    pub run: RunRow,
    /// The part of its assets that it is for.
    pub partition: Option<PartitionKey>,
    /// Its configuration; `None` for an empty one.
    pub conf: Option<String>,
}

const WITH_CONF: Batch = batch!(
    "SELECT d.run_key, d.tenant, d.dag_id, d.run_id, d.version, d.state, d.run_type, d.logical_date, \
     d.data_interval_start, d.data_interval_end, d.run_after, d.queued_at, d.start_date, d.end_date, d.triggered_by, \
     d.triggering_user, d.timeout_at, d.tally, d.held, d.partition_key, c.conf FROM ",
    rows(run_key text),
    " CROSS JOIN dag_run AS d LEFT JOIN dag_run_conf AS c ON c.run_key = d.run_key WHERE d.run_key = r.run_key"
);

#[derive(Serialize)]
struct KeyColumn {
    run_key: RunKey,
}

#[derive(sqlx::FromRow)]
struct WithConf {
    #[sqlx(flatten)]
    run: Columns,
    partition_key: Option<String>,
    conf: Option<String>,
}

/// These runs with their configuration.
pub async fn with_conf(db: &mut Session, runs: &[RunKey]) -> Result<Vec<RunWithConf>, StoreError> {
    let part: Vec<_> = runs.iter().map(|&run_key| KeyColumn { run_key }).collect();
    let loaded: Vec<WithConf> = db.find(WITH_CONF, &part).await?;
    let parse = |row: WithConf| {
        let partition = column::optional("dag_run.partition_key", row.partition_key.as_deref())?;
        Ok(RunWithConf { run: row.run.try_into()?, partition, conf: row.conf })
    };
    loaded.into_iter().map(parse).collect()
}
