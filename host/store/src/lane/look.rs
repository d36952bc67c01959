//! Looking at lanes: what is taken of a limit, and who waits for it in which order.

use flow_model::admission::{LimitKey, Standings};
use flow_model::graph::TaskIndex;
use flow_model::ids::TenantId;
use serde::Serialize;

use super::{Columns, LaneKey, LaneRow};
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::pool::Session;
use crate::task_instance::TaskKey;

#[derive(Serialize)]
struct KeyColumn {
    limit_key: String,
}

fn key_rows<'k>(keys: impl IntoIterator<Item = &'k LimitKey>) -> Result<String, StoreError> {
    column::rows(&keys.into_iter().map(|key| KeyColumn { limit_key: key.to_string() }).collect::<Vec<_>>())
}

const TAKEN: Batch = batch!(
    "SELECT l.limit_key, CAST(SUM(l.weight * l.queued) AS BIGINT), CAST(SUM(l.weight * l.running) AS BIGINT), \
     CAST(SUM(l.weight * l.deferred) AS BIGINT), CAST(SUM(l.weight * l.awaiting_input) AS BIGINT) FROM ",
    rows(limit_key text),
    " CROSS JOIN lane AS l WHERE l.tenant = $2 AND l.limit_key = r.limit_key \
     AND (l.queued > 0 OR l.running > 0 OR l.deferred > 0 OR l.awaiting_input > 0) GROUP BY l.limit_key"
);

/// How much is taken of these limits, by what takes it; nothing where a limit is left out. What waits is not counted.
pub async fn taken<'k>(
    db: &mut Session,
    tenant: &TenantId,
    keys: impl IntoIterator<Item = &'k LimitKey>,
) -> Result<Vec<(LimitKey, Standings)>, StoreError> {
    let (text, rows) = (db.text(TAKEN), key_rows(keys)?);
    let found: Vec<(String, i64, i64, i64, i64)> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    let read = |(key, queued, running, deferred, awaiting_input): (String, i64, i64, i64, i64)| {
        let taken = Standings { waiting: 0, queued, running, deferred, awaiting_input };
        Ok((column::text("lane.limit_key", &key)?, taken))
    };
    found.into_iter().map(read).collect()
}

const WAITING: Batch = batch!(
    "SELECT l.limit_key, CAST(SUM(l.weight * l.waiting) AS BIGINT) FROM ",
    rows(limit_key text),
    " CROSS JOIN lane AS l WHERE l.tenant = $2 AND l.limit_key = r.limit_key AND l.waiting > 0 GROUP BY l.limit_key"
);

/// How much those who wait for these limits would take of them.
pub async fn waiting<'k>(
    db: &mut Session,
    tenant: &TenantId,
    keys: impl IntoIterator<Item = &'k LimitKey>,
) -> Result<Vec<(LimitKey, i64)>, StoreError> {
    let (text, rows) = (db.text(WAITING), key_rows(keys)?);
    let found: Vec<(String, i64)> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    found.into_iter().map(|(key, wanted)| Ok((column::text("lane.limit_key", &key)?, wanted))).collect()
}

const WAITING_AT: &str = "SELECT run_key, task_index FROM lane WHERE tenant = $1 AND limit_key = $2 AND waiting > 0 \
     ORDER BY is_backfill, priority DESC, ranked_at, run_key, task_index LIMIT $3 OFFSET $4";

/// Lanes in which somebody waits for a limit, in the order of their ranks: at most `limit`, `offset` left out.
pub async fn waiting_at(
    db: &mut Session,
    tenant: &TenantId,
    key: &LimitKey,
    (limit, offset): (u32, u32),
) -> Result<Vec<LaneKey>, StoreError> {
    let key = key.to_string();
    let found: Vec<(String, i64)> = on!(db, c => {
        sqlx::query_as(WAITING_AT)
            .bind(tenant.as_str())
            .bind(&key)
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&mut *c)
            .await
    })?;
    found.iter().map(|(run, task)| lane_key(run, *task)).collect()
}

fn lane_key(run: &str, task: i64) -> Result<LaneKey, StoreError> {
    Ok(LaneKey { run: column::text("lane.run_key", run)?, task: TaskIndex(column::count("lane.task_index", task)?) })
}

const LOAD: Batch = batch!(
    "SELECT l.tenant, l.run_key, l.task_index, l.limit_key, l.weight, l.allowed, l.is_backfill, l.priority, l.ranked_at, \
     l.waiting, l.queued, l.running, l.deferred, l.awaiting_input FROM ",
    rows(run_key text, task_index bigint),
    " CROSS JOIN lane AS l WHERE l.tenant = $2 AND l.run_key = r.run_key AND l.task_index = r.task_index"
);

#[derive(Serialize)]
struct LaneColumns {
    run_key: String,
    task_index: u32,
}

/// All rows of these lanes, in no particular order.
pub async fn load(db: &mut Session, tenant: &TenantId, lanes: &[LaneKey]) -> Result<Vec<LaneRow>, StoreError> {
    let part: Vec<_> =
        lanes.iter().map(|lane| LaneColumns { run_key: lane.run.to_string(), task_index: lane.task.0 }).collect();
    let (text, rows) = (db.text(LOAD), column::rows(&part)?);
    let found: Vec<Columns> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    found.into_iter().map(LaneRow::try_from).collect()
}

const FIRST_WAITING: &str = "SELECT map_index FROM task_instance WHERE run_key = $1 AND task_index = $2 \
     AND state = 'scheduled' AND tenant = $3 ORDER BY map_index LIMIT $4";

/// The first `count` instances of a lane that wait.
pub async fn first_waiting(
    db: &mut Session,
    tenant: &TenantId,
    lane: LaneKey,
    count: u32,
) -> Result<Vec<TaskKey>, StoreError> {
    let run = lane.run.to_string();
    let found: Vec<i64> = on!(db, c => {
        sqlx::query_scalar(FIRST_WAITING)
            .bind(&run)
            .bind(i64::from(lane.task.0))
            .bind(tenant.as_str())
            .bind(i64::from(count))
            .fetch_all(&mut *c)
            .await
    })?;
    let key = |index| TaskKey { run: lane.run, task: lane.task, map_index: column::read_map_index(index) };
    Ok(found.into_iter().map(key).collect())
}

const TENANTS_WAITING: &str = "SELECT DISTINCT tenant, limit_key FROM lane WHERE waiting > 0 ORDER BY tenant";

/// Every limit for which somebody waits, of every tenant.
pub async fn tenants_waiting(db: &mut Session) -> Result<Vec<(TenantId, LimitKey)>, StoreError> {
    let found: Vec<(String, String)> = on!(db, c => sqlx::query_as(TENANTS_WAITING).fetch_all(&mut *c).await)?;
    found
        .iter()
        .map(|(tenant, key)| Ok((column::text("lane.tenant", tenant)?, column::text("lane.limit_key", key)?)))
        .collect()
}
