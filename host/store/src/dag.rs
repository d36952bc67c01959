//! DAGs: what a tenant's modules describe now, and when each runs next.

use std::collections::HashMap;

use flow_model::dag::{DagSpec, TaskSpec};
use flow_model::ids::{DagId, DagVersionId, ModuleName, TenantId};
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun};
use serde::Serialize;

use crate::column;
use crate::dag_pool;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::run;
use crate::session::Session;

/// A DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DagRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub dag_id: DagId,
    /// Its present version.
    pub version: DagVersionId,
    /// The module that describes it.
    pub module: ModuleName,
    /// How people see its id.
    pub display_name: Option<String>,
    /// One line for lists.
    pub description: Option<String>,
    /// Labels: a JSON array of texts.
    pub tags: String,
    /// Who answers for its tasks: a JSON array of texts.
    pub owners: String,
    /// Its schedule in words.
    pub schedule: Option<String>,
    /// How many of its runs, and how many task instances of each, may be active at once.
    pub limits: DagLimits,
    /// Whether its runs wait.
    pub is_paused: bool,
    /// Whether its module no longer describes it.
    pub is_stale: bool,
    /// When its module was parsed last.
    pub parsed_at: Millis,
    /// Its next scheduled run; none while it is paused or stale.
    pub next: Option<NextRun>,
}

/// How much of a DAG may happen at once, as its present version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DagLimits {
    /// How many runs may have begun and not ended.
    pub max_active_runs: u32,
    /// How many task instances of one run may be active; any number if absent.
    pub max_active_tasks: Option<u32>,
    /// After how many failed runs in a row the DAG is paused; 0 for never.
    pub max_failed_runs: u32,
    /// Whether one of its tasks limits how many of its instances are active.
    pub limits_tasks: bool,
}

impl From<&DagSpec> for DagLimits {
    fn from(spec: &DagSpec) -> Self {
        let is_limited =
            |task: &TaskSpec| task.max_active_tis_per_dag.is_some() || task.max_active_tis_per_dagrun.is_some();
        Self {
            max_active_runs: spec.max_active_runs(),
            max_active_tasks: spec.max_active_tasks,
            max_failed_runs: spec.max_consecutive_failed_dag_runs,
            limits_tasks: spec.tasks.iter().any(is_limited),
        }
    }
}

#[derive(sqlx::FromRow)]
struct Columns {
    tenant: String,
    dag_id: String,
    version: String,
    module: String,
    display_name: Option<String>,
    description: Option<String>,
    tags: String,
    owners: String,
    max_active_runs: i64,
    max_active_tasks: Option<i64>,
    max_failed_runs: i64,
    limits_tasks: bool,
    schedule: Option<String>,
    is_paused: bool,
    is_stale: bool,
    parsed_at: i64,
    next_run_at: Option<i64>,
    next_interval_start: Option<i64>,
    next_interval_end: Option<i64>,
}

impl TryFrom<Columns> for DagRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let next = match (row.next_run_at, row.next_interval_start, row.next_interval_end) {
            (Some(at), Some(start), Some(end)) => Some(NextRun {
                run_after: Millis(at),
                interval: DataInterval { start: Millis(start), end: Millis(end) },
            }),
            (_, _, _) => None,
        };
        Ok(Self {
            tenant: column::text("dag.tenant", &row.tenant)?,
            dag_id: column::text("dag.dag_id", &row.dag_id)?,
            version: column::text("dag.version", &row.version)?,
            module: column::text("dag.module", &row.module)?,
            display_name: row.display_name,
            description: row.description,
            tags: row.tags,
            owners: row.owners,
            limits: DagLimits {
                max_active_runs: column::count("dag.max_active_runs", row.max_active_runs)?,
                max_active_tasks: row
                    .max_active_tasks
                    .map(|most| column::count("dag.max_active_tasks", most))
                    .transpose()?,
                max_failed_runs: column::count("dag.max_failed_runs", row.max_failed_runs)?,
                limits_tasks: row.limits_tasks,
            },
            schedule: row.schedule,
            is_paused: row.is_paused,
            is_stale: row.is_stale,
            parsed_at: Millis(row.parsed_at),
            next,
        })
    }
}

macro_rules! columns_of_dag {
    ($rest:literal) => {
        concat!(
            "SELECT tenant, dag_id, version, module, display_name, description, tags, owners, max_active_runs, ",
            "max_active_tasks, max_failed_runs, limits_tasks, schedule, is_paused, is_stale, parsed_at, next_run_at, ",
            "next_interval_start, next_interval_end FROM dag ",
            $rest
        )
    };
}

const FIND: &str = columns_of_dag!("WHERE tenant = $1 AND dag_id = $2");

/// One DAG.
pub async fn find(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Option<DagRow>, StoreError> {
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(dag.as_str()).fetch_optional(&mut *c).await)?;
    row.map(DagRow::try_from).transpose()
}

const LOCK: Batch = locking!(columns_of_dag!("WHERE tenant = $1 AND dag_id = $2"));

/// One DAG, locked until the transaction ends.
pub async fn lock(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Option<DagRow>, StoreError> {
    let text = db.text(LOCK);
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(text).bind(tenant.as_str()).bind(dag.as_str()).fetch_optional(&mut *c).await)?;
    row.map(DagRow::try_from).transpose()
}

/// What decides whether a run of a DAG may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Whether the DAG's runs wait.
    pub is_paused: bool,
    /// How many of its runs may have begun and not ended.
    pub max_active_runs: u32,
    /// How many of them, backfills' aside.
    pub running: u64,
}

#[derive(Serialize)]
struct DagColumns<'a> {
    tenant: &'a str,
    dag_id: &'a str,
}

const LOCK_SEATS: Batch = batch!(
    "SELECT tenant, dag_id, is_paused, max_active_runs FROM dag WHERE (tenant, dag_id) IN (SELECT r.tenant, r.dag_id FROM ",
    rows(tenant text, dag_id text),
    ") ORDER BY tenant, dag_id",
    locking
);

/// What decides whether runs of these DAGs may begin; nobody changes it before the transaction ends.
pub async fn lock_seats(
    db: &mut Session,
    dags: &[(&TenantId, &DagId)],
) -> Result<HashMap<(TenantId, DagId), Seat>, StoreError> {
    let part: Vec<_> =
        dags.iter().map(|(tenant, dag)| DagColumns { tenant: tenant.as_str(), dag_id: dag.as_str() }).collect();
    let (found, running) = db.find_both((LOCK_SEATS, &part), (run::RUNNING, &part)).await?;
    let found: Vec<(String, String, bool, i64)> = found;
    let running: Vec<(String, String, i64)> = running;
    let running: HashMap<(String, String), i64> =
        running.into_iter().map(|(tenant, dag, running)| ((tenant, dag), running)).collect();
    found
        .into_iter()
        .map(|(tenant, dag, is_paused, most)| {
            let key = (column::text("dag.tenant", &tenant)?, column::text("dag.dag_id", &dag)?);
            let running = running.get(&(tenant, dag)).copied().unwrap_or(0);
            let max_active_runs = column::count("dag.max_active_runs", most)?;
            Ok((key, Seat { is_paused, max_active_runs, running: column::count("dag_run.count", running)? }))
        })
        .collect()
}

const OF_MODULE: Batch = locking!(columns_of_dag!("WHERE tenant = $1 AND module = $2 ORDER BY dag_id"));

/// The DAGs that a module describes or has described, locked until the transaction ends.
pub async fn lock_of_module(
    db: &mut Session,
    tenant: &TenantId,
    module: &ModuleName,
) -> Result<Vec<DagRow>, StoreError> {
    let text = db.text(OF_MODULE);
    let rows: Vec<Columns> =
        on!(db, c => sqlx::query_as(text).bind(tenant.as_str()).bind(module.as_str()).fetch_all(&mut *c).await)?;
    rows.into_iter().map(DagRow::try_from).collect()
}

const ALL: &str = columns_of_dag!("WHERE tenant = $1 AND NOT is_stale ORDER BY dag_id");

/// Every DAG of a tenant that its module describes.
pub async fn all(db: &mut Session, tenant: &TenantId) -> Result<Vec<DagRow>, StoreError> {
    let rows: Vec<Columns> = on!(db, c => sqlx::query_as(ALL).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    rows.into_iter().map(DagRow::try_from).collect()
}

const COUNT_ELSEWHERE: &str = "SELECT COUNT(*) FROM dag WHERE tenant = $1 AND module <> $2 AND NOT is_stale";

/// How many DAGs the tenant's other modules describe.
pub async fn count_elsewhere(db: &mut Session, tenant: &TenantId, module: &ModuleName) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => {
        sqlx::query_scalar(COUNT_ELSEWHERE).bind(tenant.as_str()).bind(module.as_str()).fetch_one(&mut *c).await
    })?;
    column::count("dag", total)
}

const PUT: &str = "INSERT INTO dag (tenant, dag_id, version, module, description, tags, schedule, is_paused, is_stale, \
     parsed_at, next_run_at, next_interval_start, next_interval_end, display_name, owners, max_active_runs, \
     max_active_tasks, max_failed_runs, limits_tasks) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) \
     ON CONFLICT (tenant, dag_id) DO UPDATE SET version = excluded.version, module = excluded.module, \
     description = excluded.description, tags = excluded.tags, schedule = excluded.schedule, \
     is_paused = excluded.is_paused, is_stale = excluded.is_stale, parsed_at = excluded.parsed_at, \
     next_run_at = excluded.next_run_at, next_interval_start = excluded.next_interval_start, \
     next_interval_end = excluded.next_interval_end, display_name = excluded.display_name, owners = excluded.owners, \
     max_active_runs = excluded.max_active_runs, max_active_tasks = excluded.max_active_tasks, \
     max_failed_runs = excluded.max_failed_runs, limits_tasks = excluded.limits_tasks";

/// Creates a DAG or replaces what is known of it.
pub async fn put(db: &mut Session, row: &DagRow) -> Result<(), StoreError> {
    let version = row.version.to_string();
    let (next, limits) = (row.next, row.limits);
    on!(db, c => sqlx::query(PUT)
        .bind(row.tenant.as_str()).bind(row.dag_id.as_str()).bind(&version).bind(row.module.as_str())
        .bind(row.description.as_deref()).bind(&row.tags).bind(row.schedule.as_deref())
        .bind(row.is_paused).bind(row.is_stale).bind(row.parsed_at.0)
        .bind(next.map(|next| next.run_after.0)).bind(next.map(|next| next.interval.start.0))
        .bind(next.map(|next| next.interval.end.0)).bind(row.display_name.as_deref()).bind(&row.owners)
        .bind(i64::from(limits.max_active_runs)).bind(limits.max_active_tasks.map(i64::from))
        .bind(i64::from(limits.max_failed_runs)).bind(limits.limits_tasks).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const DUE: Batch = locking!(columns_of_dag!("WHERE next_run_at <= $1 ORDER BY next_run_at LIMIT $2"), skip);

/// DAGs whose next scheduled run is due, at most `limit`, locked until the transaction ends.
pub async fn lock_due(db: &mut Session, now: Millis, limit: u32) -> Result<Vec<DagRow>, StoreError> {
    let text = db.text(DUE);
    let limit = i64::from(limit);
    let rows: Vec<Columns> = on!(db, c => sqlx::query_as(text).bind(now.0).bind(limit).fetch_all(&mut *c).await)?;
    rows.into_iter().map(DagRow::try_from).collect()
}

const NEXT_DUE: &str = "SELECT MIN(next_run_at) FROM dag WHERE next_run_at IS NOT NULL";

/// When the next scheduled run of any DAG is due.
pub async fn next_due(db: &mut Session) -> Result<Option<Millis>, StoreError> {
    let at: Option<i64> = on!(db, c => sqlx::query_scalar(NEXT_DUE).fetch_one(&mut *c).await)?;
    Ok(column::instant(at))
}

const DELETE: &str = "DELETE FROM dag WHERE tenant = $1 AND dag_id = $2";

/// Deletes a DAG; its versions and runs are deleted by themselves.
pub async fn delete(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(DELETE).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop))?;
    dag_pool::put(db, tenant, dag, []).await
}
