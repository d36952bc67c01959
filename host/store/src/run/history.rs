//! What is asked about the runs of a DAG or a tenant as a whole, and about the run of an attempt.

use flow_model::ids::{AttemptId, DagId, DagVersionId, RunKey, TenantId};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::timetable::DataInterval;

use super::RunRow;
use super::columns::Columns;
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

const LAST_SCHEDULED: &str = "SELECT data_interval_start, data_interval_end FROM dag_run WHERE tenant = $1 \
     AND dag_id = $2 AND run_type = 'scheduled' AND data_interval_start IS NOT NULL \
     AND data_interval_end IS NOT NULL ORDER BY logical_date DESC LIMIT 1";

/// The data interval of the latest scheduled run of a DAG.
pub async fn last_scheduled(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
) -> Result<Option<DataInterval>, StoreError> {
    let found: Option<(i64, i64)> = on!(db, c => sqlx::query_as(LAST_SCHEDULED)
        .bind(tenant.as_str()).bind(dag.as_str()).fetch_optional(&mut *c).await)?;
    Ok(found.map(|(start, end)| DataInterval { start: Millis(start), end: Millis(end) }))
}

const PREVIOUS_SUCCESS: &str = "SELECT logical_date FROM dag_run WHERE tenant = $1 AND dag_id = $2 AND state = 'success' \
     AND logical_date < $3 ORDER BY logical_date DESC LIMIT 1";

/// The latest logical date before `before` of a successful run of the DAG.
pub async fn previous_success(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    before: Millis,
) -> Result<Option<Millis>, StoreError> {
    let found: Option<i64> = on!(db, c => sqlx::query_scalar(PREVIOUS_SUCCESS)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(before.0).fetch_optional(&mut *c).await)?;
    Ok(found.map(Millis))
}

const COUNTS: &str = "SELECT state, COUNT(*) FROM dag_run WHERE tenant = $1 AND dag_id = $2 GROUP BY state";

/// How many runs of a DAG are in each state.
pub async fn counts(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Vec<(RunState, u64)>, StoreError> {
    let found: Vec<(String, i64)> = on!(db, c => sqlx::query_as(COUNTS)
        .bind(tenant.as_str()).bind(dag.as_str()).fetch_all(&mut *c).await)?;
    found
        .into_iter()
        .map(|(state, n)| {
            Ok((column::named("dag_run.state", &state, RunState::from_name)?, column::count("dag_run.count", n)?))
        })
        .collect()
}

const ACTIVE_OF_DAG: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM dag_run WHERE tenant = $1 AND dag_id = $2
     AND state IN ('queued', 'running') AND run_type <> 'backfill' LIMIT $3) AS active";

/// How many runs of a DAG have not ended, besides those of backfills; counting stops at `enough`.
pub async fn active_of_dag(db: &mut Session, tenant: &TenantId, dag: &DagId, enough: u64) -> Result<u64, StoreError> {
    let enough = i64::try_from(enough).unwrap_or(i64::MAX);
    let sql = ACTIVE_OF_DAG;
    let active: i64 = on!(db, c => sqlx::query_scalar(sql)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(enough).fetch_one(&mut *c).await)?;
    column::count("dag_run", active)
}

const ACTIVE: &str = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM dag_run WHERE tenant = $1 \
     AND state IN ('queued', 'running') LIMIT $2) AS active";

/// How many runs of a tenant have not ended; counted no further than `enough`.
pub async fn active(db: &mut Session, tenant: &TenantId, enough: u64) -> Result<u64, StoreError> {
    let enough = i64::try_from(enough).unwrap_or(i64::MAX);
    let n: i64 = on!(db, c => sqlx::query_scalar(ACTIVE).bind(tenant.as_str()).bind(enough).fetch_one(&mut *c).await?);
    column::count("dag_run.count", n)
}

const OF_ATTEMPT: &str = "SELECT d.run_key, d.version FROM work AS w LEFT JOIN callback AS c ON w.kind = 'callback' \
     AND c.id = w.payload AND c.tenant = w.tenant JOIN dag_run AS d ON d.run_key = COALESCE(w.run_key, c.run_key) \
     WHERE w.attempt = $1 AND w.tenant = $2 AND w.worker IS NOT NULL";

/// The run that a leased attempt belongs to, or that its callback is about, and the run's version.
pub async fn of_attempt(
    db: &mut Session,
    tenant: &TenantId,
    attempt: AttemptId,
) -> Result<Option<(RunKey, DagVersionId)>, StoreError> {
    let attempt = attempt.to_string();
    let found: Option<(String, String)> = on!(db, c => {
        sqlx::query_as(OF_ATTEMPT).bind(&attempt).bind(tenant.as_str()).fetch_optional(&mut *c).await?
    });
    let Some((run, version)) = found else { return Ok(None) };
    Ok(Some((column::text("dag_run.run_key", &run)?, column::text("dag_run.version", &version)?)))
}

const PREVIOUS: &str = columns_of_run!(
    "WHERE tenant = $1 AND dag_id = $2 AND logical_date < $3 AND (NOT $4 OR run_type IN ('scheduled', 'backfill')) \
     ORDER BY logical_date DESC LIMIT 1"
);

/// The run of the DAG before this logical date; of those that a schedule made, if `scheduled`.
pub async fn previous(
    db: &mut Session,
    (tenant, dag): (&TenantId, &DagId),
    before: Millis,
    scheduled: bool,
) -> Result<Option<RunRow>, StoreError> {
    let loaded: Option<Columns> = on!(db, c => sqlx::query_as(PREVIOUS)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(before.0).bind(scheduled).fetch_optional(&mut *c).await)?;
    loaded.map(RunRow::try_from).transpose()
}

const HELD: &str = "SELECT DISTINCT tenant, dag_id FROM dag_run WHERE held LIMIT $1";

/// DAGs of all tenants that have runs in which something waits for another run.
pub async fn dags_held(db: &mut Session, limit: u32) -> Result<Vec<(TenantId, DagId)>, StoreError> {
    let found: Vec<(String, String)> =
        on!(db, c => sqlx::query_as(HELD).bind(i64::from(limit)).fetch_all(&mut *c).await)?;
    found
        .iter()
        .map(|(tenant, dag)| Ok((column::text("dag_run.tenant", tenant)?, column::text("dag_run.dag_id", dag)?)))
        .collect()
}

const LOCK_HELD: Batch =
    locking!(columns_of_run!("WHERE tenant = $1 AND dag_id = $2 AND held ORDER BY run_key LIMIT $3"));

/// Locks the oldest runs of a DAG in which something waits for another run.
pub async fn lock_held(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    limit: u32,
) -> Result<Vec<RunRow>, StoreError> {
    let text = db.text(LOCK_HELD);
    let loaded: Vec<Columns> = on!(db, c => sqlx::query_as(text)
        .bind(tenant.as_str()).bind(dag.as_str()).bind(i64::from(limit)).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(RunRow::try_from).collect()
}

const NEXT_TIMEOUT: &str = "SELECT MIN(timeout_at) FROM dag_run WHERE timeout_at IS NOT NULL AND state = 'running'";

/// When the next run has taken longer than it may.
pub async fn next_timeout(db: &mut Session) -> Result<Option<Millis>, StoreError> {
    let at: Option<i64> = on!(db, c => sqlx::query_scalar(NEXT_TIMEOUT).fetch_one(&mut *c).await)?;
    Ok(column::instant(at))
}

const LOCK_TIMED_OUT: Batch = locking!(
    columns_of_run!(
        "WHERE timeout_at IS NOT NULL AND timeout_at <= $1 AND state = 'running' ORDER BY run_key LIMIT $2"
    ),
    skip
);

/// Locks runs that have taken longer than they may.
pub async fn lock_timed_out(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<RunRow>, StoreError> {
    let text = db.text(LOCK_TIMED_OUT);
    let loaded: Vec<Columns> =
        on!(db, c => sqlx::query_as(text).bind(now.0).bind(i64::from(limit)).fetch_all(&mut *c).await)?;
    loaded.into_iter().map(RunRow::try_from).collect()
}
