//! What attempts logged, in the pieces in which it arrived.

use flow_model::ids::{AttemptId, CallbackId, TenantId};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;
use crate::task_instance::TaskKey;

/// A piece of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogChunk {
    /// Whose it is.
    pub tenant: TenantId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its place among the pieces; later ones are higher.
    pub seq: i64,
    /// JSON objects, one a line.
    pub lines: String,
}

const APPEND: Batch = batch!(
    "INSERT INTO log_chunk (tenant, owner, task_index, map_index, try_number, seq, attempt, lines) SELECT w.tenant, \
     COALESCE(w.run_key, 'module:' || w.module || '@' || w.module_version, 'callback:' || w.payload, \
     'timetable:' || w.dag_id), COALESCE(w.task_index, 0), \
     COALESCE(w.map_index, -1), w.try_number, r.seq, r.attempt, r.lines FROM ",
    rows(tenant text, attempt text, seq bigint, lines text),
    " CROSS JOIN work AS w WHERE w.attempt = r.attempt AND w.tenant = r.tenant AND w.worker IS NOT NULL \
     RETURNING attempt"
);

/// Appends to the logs of attempts that hold a lease. Answers which those are.
pub async fn append(db: &mut Session, chunks: &[LogChunk]) -> Result<Vec<AttemptId>, StoreError> {
    let found: Vec<(String,)> = db.find(APPEND, chunks).await?;
    found.iter().map(|(attempt,)| column::text("log_chunk.attempt", attempt)).collect()
}

const READ: &str = "SELECT seq, lines FROM log_chunk WHERE tenant = $1 AND owner = $2 AND task_index = $3 \
     AND map_index = $4 AND try_number = $5 AND seq > $6 ORDER BY seq LIMIT $7";

/// The pieces of a try's log after the one called `after`, in order, at most `limit`.
pub async fn read(
    db: &mut Session,
    (tenant, task): (&TenantId, TaskKey),
    try_number: u32,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, String)>, StoreError> {
    let owner = task.run.to_string();
    let found = on!(db, c => sqlx::query_as(READ).bind(tenant.as_str()).bind(&owner).bind(i64::from(task.task.0))
        .bind(column::map_index(task.map_index)).bind(i64::from(try_number)).bind(after).bind(i64::from(limit))
        .fetch_all(&mut *c).await)?;
    Ok(found)
}

/// The pieces of the log of a callback's try, in order, at most `limit`.
pub async fn of_callback(
    db: &mut Session,
    tenant: &TenantId,
    callback: CallbackId,
    try_number: u32,
    limit: u32,
) -> Result<Vec<(i64, String)>, StoreError> {
    let owner = format!("callback:{callback}");
    let found = on!(db, c => sqlx::query_as(READ).bind(tenant.as_str()).bind(&owner).bind(0_i64).bind(-1_i64)
        .bind(i64::from(try_number)).bind(i64::MIN).bind(i64::from(limit)).fetch_all(&mut *c).await)?;
    Ok(found)
}

const DELETE: &str = "DELETE FROM log_chunk WHERE tenant = $1 AND owner = $2";

/// Deletes every log of an owner: a run's key, or `module:NAME@VERSION`.
pub async fn delete(db: &mut Session, tenant: &TenantId, owner: &str) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(DELETE).bind(tenant.as_str()).bind(owner).execute(&mut *c).await.map(drop))?;
    Ok(())
}
