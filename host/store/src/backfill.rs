//! Backfills: creating, locking and saving them.

use flow_model::backfill::Reprocess;
use flow_model::ids::{DagId, TenantId};
use flow_model::time::Millis;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

mod slot;

pub use slot::{SlotRow, active_slots, insert_slots, save_slots, waiting_slots};

/// A backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRow {
    /// Its id; 0 for one that is not stored yet.
    pub id: i64,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its DAG.
    pub dag_id: DagId,
    /// The first of those that were asked for together; `None` if it was asked for alone, or is the first itself.
    pub chain: Option<i64>,
    /// Its place among them: it waits for those of lower stages.
    pub stage: u32,
    /// The first date and the last.
    pub range: (Millis, Millis),
    /// The configuration of its runs; `None` for an empty one.
    pub conf: Option<String>,
    /// What it does with runs that are there already.
    pub reprocess: Reprocess,
    /// Whether it begins with the last date.
    pub backwards: bool,
    /// Whether runs that are run again get the latest version of the DAG.
    pub on_latest_version: bool,
    /// How many of its runs are active at once.
    pub max_active_runs: u32,
    /// Whether it makes no further runs for now.
    pub is_paused: bool,
    /// Who asked for it.
    pub asked_by: String,
    /// When it was asked for.
    pub created_at: Millis,
    /// When it changed last.
    pub updated_at: Millis,
    /// When it ended or was cancelled.
    pub completed_at: Option<Millis>,
}

#[derive(sqlx::FromRow)]
struct Columns {
    id: i64,
    tenant: String,
    dag_id: String,
    chain: Option<i64>,
    stage: i64,
    from_date: i64,
    to_date: i64,
    conf: Option<String>,
    reprocess: String,
    backwards: bool,
    on_latest_version: bool,
    max_active_runs: i64,
    is_paused: bool,
    asked_by: String,
    created_at: i64,
    updated_at: i64,
    completed_at: Option<i64>,
}

impl TryFrom<Columns> for BackfillRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            tenant: column::text("backfill.tenant", &row.tenant)?,
            dag_id: column::text("backfill.dag_id", &row.dag_id)?,
            chain: row.chain,
            stage: column::count("backfill.stage", row.stage)?,
            range: (Millis(row.from_date), Millis(row.to_date)),
            conf: row.conf,
            reprocess: column::named("backfill.reprocess", &row.reprocess, Reprocess::from_name)?,
            backwards: row.backwards,
            on_latest_version: row.on_latest_version,
            max_active_runs: column::count("backfill.max_active_runs", row.max_active_runs)?,
            is_paused: row.is_paused,
            asked_by: row.asked_by,
            created_at: Millis(row.created_at),
            updated_at: Millis(row.updated_at),
            completed_at: column::instant(row.completed_at),
        })
    }
}

const INSERT: &str = "INSERT INTO backfill (tenant, dag_id, chain, stage, from_date, to_date, conf, reprocess, backwards, \
     on_latest_version, max_active_runs, is_paused, asked_by, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING RETURNING id";

/// Creates a backfill and answers its id; `None` if the DAG has one that has not ended.
pub async fn insert(db: &mut Session, row: &BackfillRow) -> Result<Option<i64>, StoreError> {
    let id = on!(db, c => {
        sqlx::query_scalar(INSERT)
            .bind(row.tenant.as_str())
            .bind(row.dag_id.as_str())
            .bind(row.chain)
            .bind(i64::from(row.stage))
            .bind(row.range.0.0)
            .bind(row.range.1.0)
            .bind(row.conf.as_deref())
            .bind(row.reprocess.as_str())
            .bind(row.backwards)
            .bind(row.on_latest_version)
            .bind(i64::from(row.max_active_runs))
            .bind(row.is_paused)
            .bind(&row.asked_by)
            .bind(row.created_at.0)
            .bind(row.updated_at.0)
            .fetch_optional(&mut *c)
            .await
    })?;
    Ok(id)
}

macro_rules! columns_of_backfill {
    ($rest:literal) => {
        concat!(
            "SELECT b.id, b.tenant, b.dag_id, b.chain, b.stage, b.from_date, b.to_date, b.conf, b.reprocess, b.backwards, ",
            "b.on_latest_version, b.max_active_runs, b.is_paused, b.asked_by, b.created_at, b.updated_at, b.completed_at ",
            "FROM backfill AS b ",
            $rest
        )
    };
}

const LOCK: Batch = locking!(columns_of_backfill!("WHERE b.tenant = $1 AND b.id = $2"));

/// One backfill, locked until the transaction ends.
pub async fn lock(db: &mut Session, tenant: &TenantId, id: i64) -> Result<Option<BackfillRow>, StoreError> {
    let text = db.text(LOCK);
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(text).bind(tenant.as_str()).bind(id).fetch_optional(&mut *c).await)?;
    row.map(BackfillRow::try_from).transpose()
}

const ACTIVE_OF_DAG: &str = "SELECT id FROM backfill WHERE tenant = $1 AND dag_id = $2 AND completed_at IS NULL";

/// The backfill of a DAG that has not ended.
pub async fn active_of_dag(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Option<i64>, StoreError> {
    Ok(on!(db, c => {
        sqlx::query_scalar(ACTIVE_OF_DAG).bind(tenant.as_str()).bind(dag.as_str()).fetch_optional(&mut *c).await
    })?)
}

const OPEN: &str = "SELECT b.tenant, b.id FROM backfill AS b JOIN dag AS d ON d.tenant = b.tenant AND d.dag_id = b.dag_id \
     WHERE b.completed_at IS NULL AND (NOT (b.is_paused OR d.is_paused OR d.is_stale) OR EXISTS (SELECT 1 \
     FROM backfill_run AS s WHERE s.tenant = b.tenant AND s.backfill = b.id AND s.state = 'active')) AND NOT EXISTS \
     (SELECT 1 FROM backfill AS o WHERE o.tenant = b.tenant AND COALESCE(o.chain, o.id) = b.chain AND o.stage < b.stage \
     AND o.completed_at IS NULL) ORDER BY b.id";

/// Every backfill of all tenants that can make runs, or has made some that had not ended when it was last looked at.
pub async fn open(db: &mut Session) -> Result<Vec<(TenantId, i64)>, StoreError> {
    let found: Vec<(String, i64)> = on!(db, c => sqlx::query_as(OPEN).fetch_all(&mut *c).await)?;
    found.into_iter().map(|(tenant, id)| Ok((column::text("backfill.tenant", &tenant)?, id))).collect()
}

const LOCK_LATER: Batch = locking!(columns_of_backfill!(
    "WHERE b.tenant = $1 AND b.chain = $2 AND b.stage > $3 AND b.completed_at IS NULL ORDER BY b.id"
));

/// The backfills that wait for this one, locked until the transaction ends.
pub async fn lock_later(db: &mut Session, row: &BackfillRow) -> Result<Vec<BackfillRow>, StoreError> {
    let (text, chain, stage) = (db.text(LOCK_LATER), row.chain.unwrap_or(row.id), i64::from(row.stage));
    let rows: Vec<Columns> = on!(db, c => {
        sqlx::query_as(text).bind(row.tenant.as_str()).bind(chain).bind(stage).fetch_all(&mut *c).await
    })?;
    rows.into_iter().map(BackfillRow::try_from).collect()
}

const SAVE: &str =
    "UPDATE backfill SET is_paused = $3, updated_at = $4, completed_at = $5 WHERE tenant = $1 AND id = $2";

/// Writes back what changes of a backfill. The caller holds its lock.
pub async fn save(db: &mut Session, row: &BackfillRow) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(SAVE).bind(row.tenant.as_str()).bind(row.id).bind(row.is_paused).bind(row.updated_at.0)
        .bind(row.completed_at.map(|at| at.0)).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const DELETE_SLOTS: &str = "DELETE FROM backfill_run WHERE tenant = $1 AND backfill IN (SELECT id FROM backfill \
     WHERE tenant = $1 AND dag_id = $2)";
const DELETE: &str = "DELETE FROM backfill WHERE tenant = $1 AND dag_id = $2";

/// Deletes every backfill of a DAG; the runs that they made are deleted by themselves.
pub async fn delete_of_dag(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<(), StoreError> {
    for text in [DELETE_SLOTS, DELETE] {
        on!(db, c => sqlx::query(text).bind(tenant.as_str()).bind(dag.as_str()).execute(&mut *c).await.map(drop))?;
    }
    Ok(())
}
