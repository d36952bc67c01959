//! Looking at lanes: what is taken of a limit, and who waits for it in which order.

use std::collections::BTreeMap;

use flow_model::admission::{LimitKey, Standing, Standings};
use flow_model::graph::TaskIndex;
use flow_model::ids::{RunKey, TenantId};
use flow_model::state::TaskInstanceState;
use serde::Serialize;

use super::{Columns, LaneKey, LaneRow};
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;
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

const WAITING_AT: Batch = batch!(
    "SELECT r.limit_key, (SELECT string_agg(w.run_key || '/' || w.task_index, ',') FROM (SELECT l.run_key, l.task_index \
     FROM lane AS l WHERE l.tenant = $2 AND l.limit_key = r.limit_key AND l.waiting > 0 \
     ORDER BY l.is_backfill, l.priority DESC, l.ranked_at, l.run_key, l.task_index LIMIT $3 OFFSET $4) AS w) FROM ",
    rows(limit_key text),
    ""
);

/// The lanes in which somebody waits for each of these limits: for each limit at most `limit` of those that rank first,
/// `offset` left out, in no particular order.
pub async fn waiting_at<'k>(
    db: &mut Session,
    tenant: &TenantId,
    keys: impl IntoIterator<Item = &'k LimitKey>,
    (limit, offset): (u32, u32),
) -> Result<Vec<(LimitKey, Vec<LaneKey>)>, StoreError> {
    let (text, rows) = (db.text(WAITING_AT), key_rows(keys)?);
    let found: Vec<(String, Option<String>)> = on!(db, c => {
        sqlx::query_as(text)
            .bind(&rows)
            .bind(tenant.as_str())
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&mut *c)
            .await
    })?;
    found
        .iter()
        .map(|(key, lanes)| {
            let lanes =
                lanes.as_deref().unwrap_or("").split_terminator(',').map(read_lane).collect::<Result<_, _>>()?;
            Ok((column::text("lane.limit_key", key)?, lanes))
        })
        .collect()
}

/// A lane as [`WAITING_AT`] writes it.
fn read_lane(text: &str) -> Result<LaneKey, StoreError> {
    let (run, task) = text.split_once('/').unwrap_or((text, ""));
    Ok(LaneKey { run: column::text("lane.run_key", run)?, task: TaskIndex(column::text("lane.task_index", task)?) })
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

fn lane_rows(lanes: &[LaneKey]) -> Result<String, StoreError> {
    let rows = lanes.iter().map(|lane| LaneColumns { run_key: lane.run.to_string(), task_index: lane.task.0 });
    column::rows(&rows.collect::<Vec<_>>())
}

/// All rows of these lanes, in no particular order.
pub async fn load(db: &mut Session, tenant: &TenantId, lanes: &[LaneKey]) -> Result<Vec<LaneRow>, StoreError> {
    let (text, rows) = (db.text(LOAD), lane_rows(lanes)?);
    let found: Vec<Columns> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    found.into_iter().map(LaneRow::try_from).collect()
}

const ALL_WAITING: Batch = batch!(
    "SELECT t.run_key, t.task_index, t.map_index FROM ",
    rows(run_key text, task_index bigint),
    " CROSS JOIN task_instance AS t WHERE t.run_key = r.run_key AND t.task_index = r.task_index \
     AND t.state = 'scheduled' AND t.tenant = $2"
);

/// Every instance of these lanes that waits, in no particular order.
pub async fn all_waiting(db: &mut Session, tenant: &TenantId, lanes: &[LaneKey]) -> Result<Vec<TaskKey>, StoreError> {
    let (text, rows) = (db.text(ALL_WAITING), lane_rows(lanes)?);
    let found: Vec<(String, i64, i64)> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    found
        .iter()
        .map(|(run, task, index)| {
            Ok(TaskKey {
                run: column::text("task_instance.run_key", run)?,
                task: TaskIndex(column::count("task_instance.task_index", *task)?),
                map_index: column::read_map_index(*index),
            })
        })
        .collect()
}

macro_rules! first_waiting {
    ($hint:literal) => {
        concat!(
            "SELECT map_index FROM task_instance",
            $hint,
            " WHERE run_key = $1 AND task_index = $2 AND state = 'scheduled' AND tenant = $3 ORDER BY map_index LIMIT $4"
        )
    };
}

// Differs because SQLite would walk along the primary key, past every instance that has begun before.
const FIRST_WAITING: Batch =
    Batch { sqlite: first_waiting!(" INDEXED BY task_instance_waiting"), postgres: first_waiting!("") };

/// The first `count` instances of a lane that wait.
pub async fn first_waiting(
    db: &mut Session,
    tenant: &TenantId,
    lane: LaneKey,
    count: u32,
) -> Result<Vec<TaskKey>, StoreError> {
    let (text, run) = (db.text(FIRST_WAITING), lane.run.to_string());
    let found: Vec<i64> = on!(db, c => {
        sqlx::query_scalar(text)
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

const PRESENT: Batch = batch!(
    "SELECT t.run_key, t.task_index, t.state, COUNT(*) FROM ",
    rows(run_key text),
    " CROSS JOIN task_instance AS t WHERE t.run_key = r.run_key AND t.tenant = $2 \
     AND t.state IN ('scheduled', 'queued', 'running', 'deferred', 'awaiting_input') \
     GROUP BY t.run_key, t.task_index, t.state"
);

/// What the instances of these runs are to any limits, by the states that they are in.
pub async fn present(
    db: &mut Session,
    tenant: &TenantId,
    runs: &[RunKey],
) -> Result<BTreeMap<LaneKey, Standings>, StoreError> {
    let (text, rows) = (db.text(PRESENT), super::run_rows(runs)?);
    let found: Vec<(String, i64, String, i64)> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    let mut lanes: BTreeMap<LaneKey, Standings> = BTreeMap::new();
    for (run, task, state, count) in found {
        let lane = LaneKey {
            run: column::text("task_instance.run_key", &run)?,
            task: TaskIndex(column::count("task_instance.task_index", task)?),
        };
        let state = column::named("task_instance.state", &state, TaskInstanceState::from_name)?;
        lanes.entry(lane).or_default().add(Standing::of(state), count);
    }
    Ok(lanes)
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
