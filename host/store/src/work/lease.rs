//! Leases: who holds an attempt and until when.

use flow_model::ids::{AttemptId, JobId, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use super::{Columns, WorkRow, columns_of};
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// A leased attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The attempt.
    pub attempt: AttemptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who holds it.
    pub worker: JobId,
    /// Until when it is leased.
    pub until: Millis,
}

const LEASES: Batch = batch!(
    "SELECT w.attempt, w.tenant, w.worker, w.lease_until FROM ",
    rows(attempt text),
    " CROSS JOIN work AS w WHERE w.attempt = r.attempt AND w.worker IS NOT NULL"
);

/// The leases of these attempts; an attempt that is not there is fenced.
pub async fn leases(db: &mut Session, attempts: &[AttemptId]) -> Result<Vec<Lease>, StoreError> {
    let found: Vec<(String, String, String, i64)> = db.find(LEASES, &columns_of(attempts)).await?;
    found
        .into_iter()
        .map(|(attempt, tenant, worker, until)| {
            Ok(Lease {
                attempt: column::text("work.attempt", &attempt)?,
                tenant: column::text("work.tenant", &tenant)?,
                worker: column::text("work.worker", &worker)?,
                until: Millis(until),
            })
        })
        .collect()
}

const RENEW: Batch = batch!(
    "UPDATE work SET lease_until = $2 FROM ",
    rows(attempt text),
    " WHERE work.attempt = r.attempt AND work.worker IS NOT NULL RETURNING work.attempt"
);

/// Extends leases to `until`. Answers which attempts still count.
pub async fn renew(db: &mut Session, attempts: &[AttemptId], until: Millis) -> Result<Vec<AttemptId>, StoreError> {
    let (text, rows) = (db.text(RENEW), column::rows(&columns_of(attempts))?);
    let renewed: Vec<String> =
        on!(db, c => sqlx::query_scalar(text).bind(&rows).bind(until.0).fetch_all(&mut *c).await)?;
    renewed.iter().map(|attempt| column::text("work.attempt", attempt)).collect()
}

const EXPIRED: &str = "SELECT attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, dag_id, payload, \
     turn, priority, available_at, worker, lease_until FROM work WHERE worker IS NOT NULL AND lease_until <= $1 \
     ORDER BY lease_until LIMIT $2";

/// Work whose lease has expired, at most `limit`.
pub async fn expired(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<WorkRow>, StoreError> {
    let limit = i64::from(limit);
    let found: Vec<Columns> = on!(db, c => sqlx::query_as(EXPIRED).bind(now.0).bind(limit).fetch_all(&mut *c).await)?;
    found.into_iter().map(WorkRow::try_from).collect()
}

const NEXT_EXPIRY: &str = "SELECT MIN(lease_until) FROM work WHERE worker IS NOT NULL";

/// When the next lease expires.
pub async fn next_expiry(db: &mut Session) -> Result<Option<Millis>, StoreError> {
    let at: Option<i64> = on!(db, c => sqlx::query_scalar(NEXT_EXPIRY).fetch_one(&mut *c).await)?;
    Ok(column::instant(at))
}

#[derive(Serialize)]
struct WorkerColumn {
    worker: JobId,
}

const EXPIRE: Batch = batch!(
    "UPDATE work SET lease_until = $2 WHERE worker IN (SELECT r.worker FROM ",
    rows(worker text),
    ") AND lease_until > $2"
);

/// Ends the leases of workers that are known to be gone.
pub async fn expire_workers(db: &mut Session, workers: &[JobId], now: Millis) -> Result<(), StoreError> {
    let part: Vec<_> = workers.iter().map(|&worker| WorkerColumn { worker }).collect();
    let (text, rows) = (db.text(EXPIRE), column::rows(&part)?);
    on!(db, c => sqlx::query(text).bind(&rows).bind(now.0).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const HOLDS: Batch = locking!("SELECT attempt FROM work WHERE attempt = $1 AND tenant = $2 AND worker IS NOT NULL");

/// Whether an attempt holds a lease; if so it keeps it until the transaction ends.
pub async fn holds_lease(db: &mut Session, tenant: &TenantId, attempt: AttemptId) -> Result<bool, StoreError> {
    let (text, attempt) = (db.text(HOLDS), attempt.to_string());
    let found: Option<String> =
        on!(db, c => sqlx::query_scalar(text).bind(&attempt).bind(tenant.as_str()).fetch_optional(&mut *c).await)?;
    Ok(found.is_some())
}
