//! Deadlines: when something is due, until it was done or the deadline was missed.

use std::fmt;
use std::str::FromStr;

use flow_model::graph::TaskIndex;
use flow_model::ids::{GroupId, InvalidName, RunKey, TaskId, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// What has to be done in time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A run.
    Run,
    /// A task of it, with all its instances.
    Task(TaskId),
    /// A group of it.
    Group(GroupId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("run"),
            Self::Task(task) => write!(f, "task:{task}"),
            Self::Group(group) => write!(f, "group:{group}"),
        }
    }
}

impl FromStr for Subject {
    type Err = InvalidName;

    fn from_str(s: &str) -> Result<Self, InvalidName> {
        match s.split_once(':') {
            Some(("task", task)) => task.parse().map(Self::Task),
            Some(("group", group)) => group.parse().map(Self::Group),
            Some(_) => Err(InvalidName { kind: "subject", shown: s.to_owned(), reason: "it is no task and no group" }),
            None if s == "run" => Ok(Self::Run),
            None => Err(InvalidName { kind: "subject", shown: s.to_owned(), reason: "it is no run" }),
        }
    }
}

/// One deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineRow {
    /// The run.
    pub run: RunKey,
    /// What has to be done.
    pub subject: Subject,
    /// Its place in the subject's list.
    pub ordinal: u32,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// By when.
    pub due_at: Millis,
}

/// Read and written in this one shape.
#[derive(Serialize, sqlx::FromRow)]
struct Columns {
    run_key: String,
    subject: String,
    ordinal: i64,
    tenant: String,
    name: String,
    due_at: i64,
}

impl From<&DeadlineRow> for Columns {
    fn from(row: &DeadlineRow) -> Self {
        Self {
            run_key: row.run.to_string(),
            subject: row.subject.to_string(),
            ordinal: row.ordinal.into(),
            tenant: row.tenant.to_string(),
            name: row.name.clone(),
            due_at: row.due_at.0,
        }
    }
}

impl TryFrom<Columns> for DeadlineRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            run: column::text("deadline.run_key", &row.run_key)?,
            subject: column::text("deadline.subject", &row.subject)?,
            ordinal: column::count("deadline.ordinal", row.ordinal)?,
            tenant: column::text("deadline.tenant", &row.tenant)?,
            name: row.name,
            due_at: Millis(row.due_at),
        })
    }
}

const SET: Batch = batch!(
    "INSERT INTO deadline (run_key, subject, ordinal, tenant, name, due_at) SELECT r.run_key, r.subject, r.ordinal, \
     r.tenant, r.name, r.due_at FROM ",
    rows(run_key text, subject text, ordinal bigint, tenant text, name text, due_at bigint),
    " WHERE true ON CONFLICT DO NOTHING"
);

/// Sets deadlines. One that is set already stays as it is.
pub async fn set(db: &mut Session, rows: &[DeadlineRow]) -> Result<(), StoreError> {
    for part in rows.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> = part.iter().map(Columns::from).collect();
        db.write(SET, &part).await?;
    }
    Ok(())
}

const NEXT_DUE: &str = "SELECT MIN(due_at) FROM deadline WHERE missed_at IS NULL";

/// When the next deadline passes.
pub async fn next_due(db: &mut Session) -> Result<Option<Millis>, StoreError> {
    let at: Option<i64> = on!(db, c => sqlx::query_scalar(NEXT_DUE).fetch_one(&mut *c).await)?;
    Ok(column::instant(at))
}

const LOCK_DUE: Batch = locking!(
    "SELECT run_key, subject, ordinal, tenant, name, due_at FROM deadline WHERE missed_at IS NULL AND due_at <= $1 \
     ORDER BY due_at LIMIT $2",
    skip
);

/// Deadlines that have passed, at most `limit`, locked until the transaction ends.
pub async fn lock_due(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<DeadlineRow>, StoreError> {
    let (text, limit) = (db.text(LOCK_DUE), i64::from(limit));
    let rows: Vec<Columns> = on!(db, c => sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(&mut *c).await)?;
    rows.into_iter().map(DeadlineRow::try_from).collect()
}

const MISS: Batch = batch!(
    "UPDATE deadline SET missed_at = $2 FROM ",
    rows(run_key text, subject text, ordinal bigint),
    " WHERE deadline.run_key = r.run_key AND deadline.subject = r.subject AND deadline.ordinal = r.ordinal"
);

/// Notes that deadlines were missed.
pub async fn miss(db: &mut Session, rows: &[DeadlineRow], now: Millis) -> Result<(), StoreError> {
    let part: Vec<Columns> = rows.iter().map(Columns::from).collect();
    let (text, rows) = (db.text(MISS), column::rows(&part)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(now.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const MEET: Batch = batch!(
    "DELETE FROM deadline WHERE missed_at IS NULL AND due_at >= $2 AND (run_key, subject) IN \
     (SELECT r.run_key, r.subject FROM ",
    rows(run_key text, subject text),
    ")"
);

#[derive(Serialize)]
struct SubjectColumns {
    run_key: RunKey,
    subject: String,
}

/// Removes the deadlines of what is done at `now`, except those that have passed before.
pub async fn meet(db: &mut Session, subjects: &[(RunKey, Subject)], now: Millis) -> Result<(), StoreError> {
    let part: Vec<_> = subjects
        .iter()
        .map(|(run_key, subject)| SubjectColumns { run_key: *run_key, subject: subject.to_string() })
        .collect();
    let (text, rows) = (db.text(MEET), column::rows(&part)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(now.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const DROP: &str = "DELETE FROM deadline WHERE run_key = $1 AND subject = $2 AND ordinal = $3";

/// Removes one deadline, which was met.
pub async fn remove(db: &mut Session, row: &DeadlineRow) -> Result<(), StoreError> {
    let (run, subject) = (row.run.to_string(), row.subject.to_string());
    on!(db, c => {
        sqlx::query(DROP).bind(&run).bind(&subject).bind(i64::from(row.ordinal)).execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

const FORGET: &str = "DELETE FROM deadline WHERE tenant = $1 AND run_key = $2";

/// Removes every deadline of a run that is run anew, those that were missed included.
pub async fn forget(db: &mut Session, tenant: &TenantId, run: RunKey) -> Result<(), StoreError> {
    let run = run.to_string();
    on!(db, c => sqlx::query(FORGET).bind(tenant.as_str()).bind(&run).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const ENDED_WELL: Batch = batch!(
    "SELECT COUNT(*), COALESCE(SUM(CASE WHEN t.state IN ('success', 'skipped') THEN 0 ELSE 1 END), 0), \
     MAX(t.end_date) FROM ",
    rows(task_index bigint),
    " CROSS JOIN task_instance AS t WHERE t.run_key = $2 AND t.tenant = $3 AND t.task_index = r.task_index \
     AND t.state <> 'removed'"
);

#[derive(Serialize)]
struct TaskColumn {
    task_index: u32,
}

/// How many instances of these tasks of a run have not succeeded and were not skipped, and when the last of them ended;
/// `None` if there are no such instances.
pub async fn ended_well(
    db: &mut Session,
    tenant: &TenantId,
    run: RunKey,
    tasks: &[TaskIndex],
) -> Result<Option<(u64, Option<Millis>)>, StoreError> {
    let part: Vec<_> = tasks.iter().map(|task| TaskColumn { task_index: task.0 }).collect();
    let (text, rows, run) = (db.text(ENDED_WELL), column::rows(&part)?, run.to_string());
    let (all, others, last): (i64, i64, Option<i64>) =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(&run).bind(tenant.as_str()).fetch_one(&mut *c).await)?;
    let others = column::count("task_instance.count", others)?;
    Ok((all > 0).then_some((others, column::instant(last))))
}
