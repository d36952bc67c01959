//! The queue of work: offering, claiming, leasing and withdrawing attempts.

use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, JobId, ModuleName, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::pool::Session;
use crate::task_instance::TaskKey;

mod lease;
mod turns;

pub use lease::{Lease, expire_workers, expired, holds_lease, leases, next_expiry, renew};
pub use turns::{due, give_turns, next_due, waiting_turns};

/// What an attempt is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkKind {
    /// One try of a task instance.
    Task {
        /// Which one.
        key: TaskKey,
        /// Which try.
        try_number: u32,
    },
    /// Asking a module for its DAGs.
    Parse {
        /// The module.
        module: ModuleName,
        /// Its version.
        version: u32,
        /// How often its parse has been lost with its worker.
        losses: u32,
    },
}

/// A piece of work in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRow {
    /// The attempt.
    pub attempt: AttemptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is at.
    pub kind: WorkKind,
    /// Its turn; `None` while it is delayed.
    pub turn: Option<u64>,
    /// When it may be claimed.
    pub available_at: Millis,
    /// Who holds it, and until when.
    pub lease: Option<(JobId, Millis)>,
}

/// Read and written in this one shape.
#[derive(Serialize, sqlx::FromRow)]
struct Columns {
    attempt: String,
    tenant: String,
    kind: String,
    run_key: Option<String>,
    task_index: Option<i64>,
    map_index: Option<i64>,
    try_number: i64,
    module: Option<String>,
    module_version: Option<i64>,
    turn: Option<i64>,
    available_at: i64,
    worker: Option<String>,
    lease_until: Option<i64>,
}

impl From<&WorkRow> for Columns {
    fn from(row: &WorkRow) -> Self {
        let mut columns = Self {
            attempt: row.attempt.to_string(),
            tenant: row.tenant.to_string(),
            kind: String::new(),
            run_key: None,
            task_index: None,
            map_index: None,
            try_number: 1,
            module: None,
            module_version: None,
            turn: row.turn.map(|turn| i64::try_from(turn).unwrap_or(i64::MAX)),
            available_at: row.available_at.0,
            worker: row.lease.map(|(worker, _)| worker.to_string()),
            lease_until: row.lease.map(|(_, until)| until.0),
        };
        match &row.kind {
            WorkKind::Task { key, try_number } => {
                "task".clone_into(&mut columns.kind);
                columns.run_key = Some(key.run.to_string());
                columns.task_index = Some(key.task.0.into());
                columns.map_index = Some(column::map_index(key.map_index));
                columns.try_number = (*try_number).into();
            }
            WorkKind::Parse { module, version, losses } => {
                "parse".clone_into(&mut columns.kind);
                columns.try_number = i64::from(*losses) + 1;
                columns.module = Some(module.to_string());
                columns.module_version = Some((*version).into());
            }
        }
        columns
    }
}

impl TryFrom<Columns> for WorkRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let worker = column::optional("work.worker", row.worker.as_deref())?;
        let turn = row.turn.map(|turn| column::count("work.turn", turn)).transpose()?;
        Ok(Self {
            attempt: column::text("work.attempt", &row.attempt)?,
            tenant: column::text("work.tenant", &row.tenant)?,
            kind: kind(&row)?,
            turn,
            available_at: Millis(row.available_at),
            lease: worker.zip(column::instant(row.lease_until)),
        })
    }
}

fn kind(row: &Columns) -> Result<WorkKind, StoreError> {
    match (&row.run_key, row.task_index, row.map_index, &row.module, row.module_version) {
        (Some(run), Some(task), Some(map_index), None, None) => Ok(WorkKind::Task {
            key: TaskKey {
                run: column::text("work.run_key", run)?,
                task: TaskIndex(column::count("work.task_index", task)?),
                map_index: column::read_map_index(map_index),
            },
            try_number: column::count("work.try_number", row.try_number)?,
        }),
        (None, None, None, Some(module), Some(version)) => Ok(WorkKind::Parse {
            module: column::text("work.module", module)?,
            version: column::count("work.module_version", version)?,
            losses: column::count("work.try_number", row.try_number - 1)?,
        }),
        (_, _, _, _, _) => {
            Err(StoreError::Inconsistent { column: "work.kind", reason: "it is neither a task nor a parse".to_owned() })
        }
    }
}

const INSERT: Batch = batch!(
    "INSERT INTO work (attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, turn, \
     available_at) SELECT r.attempt, r.tenant, r.kind, r.run_key, r.task_index, r.map_index, r.try_number, r.module, \
     r.module_version, r.turn, r.available_at FROM ",
    rows(
        attempt text,
        tenant text,
        kind text,
        run_key text,
        task_index bigint,
        map_index bigint,
        try_number bigint,
        module text,
        module_version bigint,
        turn bigint,
        available_at bigint
    ),
    ""
);

/// Offers work.
pub async fn insert(db: &mut Session, work: &[WorkRow]) -> Result<(), StoreError> {
    for part in work.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> = part.iter().map(Columns::from).collect();
        let (text, rows) = (db.text(INSERT), column::rows(&part)?);
        on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

#[derive(Serialize)]
pub(crate) struct AttemptColumn {
    pub(crate) attempt: AttemptId,
}

pub(crate) fn attempt_rows(attempts: &[AttemptId]) -> Result<String, StoreError> {
    column::rows(&attempts.iter().map(|&attempt| AttemptColumn { attempt }).collect::<Vec<_>>())
}

const DELETE: Batch = batch!("DELETE FROM work WHERE attempt IN (SELECT r.attempt FROM ", rows(attempt text), ")");

/// Withdraws attempts: from here on they are fenced.
pub async fn delete(db: &mut Session, attempts: &[AttemptId]) -> Result<(), StoreError> {
    for part in attempts.chunks(column::ROWS_PER_STATEMENT) {
        let (text, rows) = (db.text(DELETE), attempt_rows(part)?);
        on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}

const REMOVE: &str = "DELETE FROM work WHERE attempt = $1";

/// Withdraws one attempt; `false` if somebody else did.
pub async fn remove(db: &mut Session, attempt: AttemptId) -> Result<bool, StoreError> {
    let attempt = attempt.to_string();
    let rows = on!(db, c => sqlx::query(REMOVE).bind(&attempt).execute(&mut *c).await?.rows_affected());
    Ok(rows == 1)
}

const LOAD: Batch = batch!(
    "SELECT w.attempt, w.tenant, w.kind, w.run_key, w.task_index, w.map_index, w.try_number, w.module, \
     w.module_version, w.turn, w.available_at, w.worker, w.lease_until FROM ",
    rows(attempt text),
    " CROSS JOIN work AS w WHERE w.attempt = r.attempt"
);

/// These attempts, where they still count.
pub async fn load(db: &mut Session, attempts: &[AttemptId]) -> Result<Vec<WorkRow>, StoreError> {
    let (text, rows) = (db.text(LOAD), attempt_rows(attempts)?);
    let loaded: Vec<Columns> = on!(db, c => sqlx::query_as(text).bind(&rows).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(WorkRow::try_from).collect()
}

macro_rules! claimable {
    ($condition:literal) => {
        concat!(
            "SELECT attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, turn, ",
            "available_at, worker, lease_until FROM work WHERE worker IS NULL AND turn IS NOT NULL ",
            $condition,
            " ORDER BY turn LIMIT $1"
        )
    };
}

const NEXT: Batch = locking!(claimable!(""), skip);
const NEXT_OF: Batch = Batch {
    sqlite: claimable!("AND tenant IN (SELECT value FROM json_each($2))"),
    postgres: concat!(
        claimable!("AND tenant IN (SELECT json_array_elements_text($2::json))"),
        " FOR UPDATE SKIP LOCKED"
    ),
};

/// The claimable work whose turn it is, at most `limit`; of `tenants`, if they are given. Nobody else can take it before
/// the transaction ends.
pub async fn next(db: &mut Session, limit: u32, tenants: Option<&[TenantId]>) -> Result<Vec<WorkRow>, StoreError> {
    let limit = i64::from(limit);
    let loaded: Vec<Columns> = match tenants {
        None => {
            let text = db.text(NEXT);
            on!(db, c => sqlx::query_as(text).bind(limit).fetch_all(&mut *c).await)?
        }
        Some(tenants) => {
            let (text, tenants) = (db.text(NEXT_OF), column::rows(tenants)?);
            on!(db, c => sqlx::query_as(text).bind(limit).bind(&tenants).fetch_all(&mut *c).await)?
        }
    };
    loaded.into_iter().map(WorkRow::try_from).collect()
}

const TAKE: Batch = batch!(
    "UPDATE work SET worker = r.worker, lease_until = r.lease_until FROM ",
    rows(attempt text, worker text, lease_until bigint),
    " WHERE work.attempt = r.attempt"
);

/// Leases work that [`next`] found, as each row says.
pub async fn take(db: &mut Session, work: &[WorkRow]) -> Result<(), StoreError> {
    let part: Vec<Columns> = work.iter().map(Columns::from).collect();
    let (text, rows) = (db.text(TAKE), column::rows(&part)?);
    on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const GIVE_BACK: Batch = batch!(
    "UPDATE work SET worker = NULL, lease_until = NULL FROM ",
    rows(attempt text),
    " WHERE work.attempt = r.attempt"
);

/// Takes leases away from work that never reached its worker; it keeps its turn.
pub async fn give_back(db: &mut Session, attempts: &[AttemptId]) -> Result<(), StoreError> {
    let (text, rows) = (db.text(GIVE_BACK), attempt_rows(attempts)?);
    on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    Ok(())
}
