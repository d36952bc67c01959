//! The queue of work: offering, claiming, leasing and withdrawing attempts.

use flow_model::ids::{AttemptId, DagId, JobId, ModuleName, TenantId};
use flow_model::time::Millis;
use flow_model::timetable::DataInterval;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;
use crate::task_instance::TaskKey;

mod census;
mod columns;
mod lease;
mod turns;

use columns::Columns;

pub use census::{Census, census};
pub use lease::{Lease, expire_workers, expired, holds_lease, leases, next_expiry, renew};
pub use turns::{due, due_waits, give_turns, next_due, postpone, waiting_turns};

/// What an attempt is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkKind {
    /// One try of a task instance.
    Task {
        /// Which one.
        key: TaskKey,
        /// Which try.
        try_number: u32,
        /// Where it goes on, if it has waited: a JSON object that the broker understands.
        brief: Option<String>,
    },
    /// A look of the module for what a deferred task instance waits for.
    Trigger {
        /// Which one.
        key: TaskKey,
        /// Its present try.
        try_number: u32,
    },
    /// A look of the host itself, or the end of a wait for a person.
    Wait {
        /// Which one.
        key: TaskKey,
        /// Its present try.
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
    /// Asking a timetable of a module for a DAG's next run.
    Timetable {
        /// The DAG.
        dag: DagId,
        /// What the run before stands for, if there is one.
        last: Option<DataInterval>,
        /// How often it has been asked before.
        losses: u32,
    },
    /// Running a callback.
    Callback {
        /// The DAG.
        dag: DagId,
        /// What to run and what happened: a JSON object that the broker understands.
        payload: String,
        /// Which of its tries.
        try_number: u32,
    },
}

impl WorkKind {
    /// The task instance that it is about, if it is about one.
    pub fn task(&self) -> Option<TaskKey> {
        match self {
            Self::Task { key, .. } | Self::Trigger { key, .. } | Self::Wait { key, .. } => Some(*key),
            Self::Parse { .. } | Self::Timetable { .. } | Self::Callback { .. } => None,
        }
    }
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
    /// How much it matters among the tenant's own work: the higher is claimed first. See [`flow_model::fairness`].
    pub priority: i64,
    /// When it may be claimed, or looked at.
    pub available_at: Millis,
    /// Who holds it, and until when.
    pub lease: Option<(JobId, Millis)>,
}

const INSERT: Batch = batch!(
    "INSERT INTO work (attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, \
     dag_id, payload, turn, place, priority, available_at, worker, lease_until) SELECT r.attempt, r.tenant, r.kind, \
     r.run_key, r.task_index, r.map_index, r.try_number, r.module, r.module_version, r.dag_id, r.payload, r.turn, \
     COALESCE(r.turn, 0), r.priority, r.available_at, r.worker, r.lease_until FROM ",
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
        dag_id text,
        payload text,
        turn bigint,
        priority bigint,
        available_at bigint,
        worker text,
        lease_until bigint
    ),
    ""
);

/// Offers work, or leases what somebody takes at once.
pub fn insert(db: &mut Session, work: &[WorkRow]) -> Result<(), StoreError> {
    for part in work.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> = part.iter().map(Columns::from).collect();
        db.post(INSERT, &part)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct AttemptColumn {
    attempt: AttemptId,
}

fn columns_of(attempts: &[AttemptId]) -> Vec<AttemptColumn> {
    attempts.iter().map(|&attempt| AttemptColumn { attempt }).collect()
}

const DELETE: Batch = batch!("DELETE FROM work WHERE attempt IN (SELECT r.attempt FROM ", rows(attempt text), ")");

/// Withdraws attempts: from here on they are fenced.
pub fn delete(db: &mut Session, attempts: &[AttemptId]) -> Result<(), StoreError> {
    for part in attempts.chunks(column::ROWS_PER_STATEMENT) {
        db.post(DELETE, &columns_of(part))?;
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

const FORGET_TIMETABLE: &str = "DELETE FROM work WHERE tenant = $1 AND dag_id = $2 AND kind = 'timetable'";

/// Withdraws the question to a DAG's timetable, if there is one.
pub async fn forget_timetable(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(FORGET_TIMETABLE).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

const LOAD: Batch = batch!(
    "SELECT w.attempt, w.tenant, w.kind, w.run_key, w.task_index, w.map_index, w.try_number, w.module, \
     w.module_version, w.dag_id, w.payload, w.turn, w.priority, w.available_at, w.worker, w.lease_until FROM ",
    rows(attempt text),
    " CROSS JOIN work AS w WHERE w.attempt = r.attempt"
);

/// These attempts, where they still count.
pub async fn load(db: &mut Session, attempts: &[AttemptId]) -> Result<Vec<WorkRow>, StoreError> {
    let loaded: Vec<Columns> = db.find(LOAD, &columns_of(attempts)).await?;
    loaded.into_iter().map(WorkRow::try_from).collect()
}

macro_rules! claimable {
    ($condition:literal) => {
        concat!(
            "SELECT attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, dag_id, ",
            "payload, turn, priority, available_at, worker, lease_until FROM work WHERE worker IS NULL ",
            "AND turn IS NOT NULL ",
            $condition
        )
    };
}

const NEXT: Batch =
    batch!(claimable!("ORDER BY turn LIMIT (SELECT r.most FROM "), rows(most bigint), ")", locking skip);
// The `+` keeps SQLite from collecting and sorting all that the tenants have: it reads the queue in its order.
const NEXT_OF: Batch = Batch {
    sqlite: claimable!("AND +tenant IN (SELECT value FROM json_each($2)) ORDER BY turn LIMIT $1"),
    postgres: concat!(
        claimable!("AND tenant IN (SELECT json_array_elements_text($2::json)) ORDER BY turn LIMIT $1"),
        " FOR UPDATE SKIP LOCKED"
    ),
};

#[derive(Serialize)]
struct MostColumn {
    most: i64,
}

/// The claimable work whose turn it is, at most `limit`; of `tenants`, if they are given. Nobody else can take it before
/// the transaction ends.
pub async fn next(db: &mut Session, limit: u32, tenants: Option<&[TenantId]>) -> Result<Vec<WorkRow>, StoreError> {
    let limit = i64::from(limit);
    let loaded: Vec<Columns> = match tenants {
        None => db.find(NEXT, &[MostColumn { most: limit }]).await?,
        Some(tenants) => {
            let (text, tenants) = (db.text(NEXT_OF), column::rows(tenants)?);
            on!(db, c => sqlx::query_as(text).bind(limit).bind(&tenants).fetch_all(&mut *c).await)?
        }
    };
    loaded.into_iter().map(WorkRow::try_from).collect()
}

const WEIGHTIEST: Batch = locking!(claimable!("AND tenant = $2 ORDER BY priority DESC, place LIMIT $1"), skip);

/// The claimable work of a tenant that matters most, at most `limit`, in this order. As with [`next`], nobody else can take
/// it before the transaction ends.
pub async fn weightiest(db: &mut Session, tenant: &TenantId, limit: u32) -> Result<Vec<WorkRow>, StoreError> {
    let (text, limit) = (db.text(WEIGHTIEST), i64::from(limit));
    let loaded: Vec<Columns> =
        on!(db, c => sqlx::query_as(text).bind(limit).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(WorkRow::try_from).collect()
}

const TAKE: Batch = batch!(
    "UPDATE work SET turn = r.turn, worker = r.worker, lease_until = r.lease_until FROM ",
    rows(attempt text, turn bigint, worker text, lease_until bigint),
    " WHERE work.attempt = r.attempt"
);

#[derive(Serialize)]
struct TakenColumns {
    attempt: AttemptId,
    turn: Option<u64>,
    worker: Option<JobId>,
    lease_until: Option<i64>,
}

/// Writes turns and leases as each row says: of work that [`next`] or [`weightiest`] found.
pub fn take(db: &mut Session, work: &[WorkRow]) -> Result<(), StoreError> {
    let part: Vec<TakenColumns> = work
        .iter()
        .map(|row| TakenColumns {
            attempt: row.attempt,
            turn: row.turn,
            worker: row.lease.map(|(worker, _)| worker),
            lease_until: row.lease.map(|(_, until)| until.0),
        })
        .collect();
    db.post(TAKE, &part)
}

const GIVE_BACK: Batch = batch!(
    "UPDATE work SET worker = NULL, lease_until = NULL FROM ",
    rows(attempt text),
    " WHERE work.attempt = r.attempt"
);

/// Takes leases away from work that never reached its worker; it keeps its turn.
pub async fn give_back(db: &mut Session, attempts: &[AttemptId]) -> Result<(), StoreError> {
    db.write(GIVE_BACK, &columns_of(attempts)).await
}
