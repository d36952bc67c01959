//! How many runs of a DAG have begun, which wait for room, and how the latest of them went. Runs of backfills are counted
//! by their backfills.

use std::collections::HashMap;

use flow_model::ids::{DagId, TenantId};
use flow_model::state::RunState;
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

#[derive(Serialize)]
struct DagColumns<'a> {
    tenant: &'a str,
    dag_id: &'a str,
}

pub(crate) const RUNNING: Batch = batch!(
    "SELECT r.tenant, r.dag_id, (SELECT COUNT(*) FROM dag_run AS d WHERE d.tenant = r.tenant AND d.dag_id = r.dag_id \
     AND d.state = 'running' AND d.run_type <> 'backfill') FROM ",
    rows(tenant text, dag_id text),
    ""
);

/// How many runs of each of these DAGs have begun and not ended.
pub async fn running(
    db: &mut Session,
    dags: &[(&TenantId, &DagId)],
) -> Result<HashMap<(TenantId, DagId), u64>, StoreError> {
    let part: Vec<_> =
        dags.iter().map(|(tenant, dag)| DagColumns { tenant: tenant.as_str(), dag_id: dag.as_str() }).collect();
    let found: Vec<(String, String, i64)> = db.find(RUNNING, &part).await?;
    found
        .into_iter()
        .map(|(tenant, dag, running)| {
            let key = (column::text("dag_run.tenant", &tenant)?, column::text("dag_run.dag_id", &dag)?);
            Ok((key, column::count("dag_run.count", running)?))
        })
        .collect()
}

const WITH_ROOM: &str = "SELECT q.tenant, q.dag_id FROM (SELECT DISTINCT tenant, dag_id FROM dag_run \
     WHERE state = 'queued' AND run_after <= $2) AS q JOIN dag AS d ON d.tenant = q.tenant AND d.dag_id = q.dag_id WHERE NOT d.is_paused \
     AND NOT d.is_stale AND (SELECT COUNT(*) FROM dag_run AS r WHERE r.tenant = q.tenant AND r.dag_id = q.dag_id \
     AND r.state = 'running' AND r.run_type <> 'backfill') < d.max_active_runs ORDER BY q.tenant, q.dag_id LIMIT $1";

/// DAGs of all tenants of which a waiting run may begin that was due by `now`, at most `limit`.
pub async fn with_room(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<(TenantId, DagId)>, StoreError> {
    let limit = i64::from(limit);
    let found: Vec<(String, String)> =
        on!(db, c => sqlx::query_as(WITH_ROOM).bind(limit).bind(now.0).fetch_all(&mut *c).await)?;
    found
        .into_iter()
        .map(|(tenant, dag)| Ok((column::text("dag_run.tenant", &tenant)?, column::text("dag_run.dag_id", &dag)?)))
        .collect()
}

const ANY_WAITS: &str = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM dag_run AS r JOIN dag AS d ON d.tenant = r.tenant \
     AND d.dag_id = r.dag_id WHERE r.state = 'queued' AND r.run_after <= $1 AND NOT d.is_paused AND NOT d.is_stale \
     LIMIT 1) AS found";

/// Whether a run of any tenant that was due by `now` waits for nothing but room.
pub async fn any_waits(db: &mut Session, now: Millis) -> Result<bool, StoreError> {
    let found: i64 = on!(db, c => sqlx::query_scalar(ANY_WAITS).bind(now.0).fetch_one(&mut *c).await)?;
    Ok(found > 0)
}

const NEXT_DUE: &str = "SELECT MIN(run_after) FROM dag_run WHERE state = 'queued' AND run_after > $1";

/// When the next waiting run of any tenant is due after `since`.
pub async fn next_due(db: &mut Session, since: Millis) -> Result<Option<Millis>, StoreError> {
    let next: Option<i64> = on!(db, c => sqlx::query_scalar(NEXT_DUE).bind(since.0).fetch_one(&mut *c).await)?;
    Ok(next.map(Millis))
}

const LATEST: &str = "SELECT state FROM dag_run WHERE tenant = $1 AND dag_id = $2 ORDER BY run_key DESC LIMIT $3";

/// The states of a DAG's latest runs, newest first.
pub async fn latest_states(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    limit: u32,
) -> Result<Vec<RunState>, StoreError> {
    let found: Vec<String> = on!(db, c => {
        sqlx::query_scalar(LATEST)
            .bind(tenant.as_str())
            .bind(dag.as_str())
            .bind(i64::from(limit))
            .fetch_all(&mut *c)
            .await
    })?;
    found.iter().map(|state| column::named("dag_run.state", state, RunState::from_name)).collect()
}

const DURATIONS: &str = "SELECT end_date - start_date FROM dag_run WHERE tenant = $1 AND dag_id = $2 \
     AND state = 'success' AND start_date IS NOT NULL AND end_date IS NOT NULL ORDER BY run_key DESC LIMIT $3";

/// How long a DAG's latest successful runs took, in milliseconds, latest first.
pub async fn durations(db: &mut Session, tenant: &TenantId, dag: &DagId, limit: u32) -> Result<Vec<i64>, StoreError> {
    Ok(on!(db, c => {
        sqlx::query_scalar(DURATIONS)
            .bind(tenant.as_str())
            .bind(dag.as_str())
            .bind(i64::from(limit))
            .fetch_all(&mut *c)
            .await
    })?)
}
