//! Pools: how many slots there are, by name. How many of them are taken is for the [lanes](crate::lane) to say.

use flow_model::admission::{DEFAULT_POOL, Room};
use flow_model::ids::{PoolName, TenantId};
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRow {
    /// Its name.
    pub name: PoolName,
    /// How many slots it has; -1 for as many as anybody wants.
    pub slots: i64,
    /// What it is for.
    pub description: Option<String>,
    /// Whether what is deferred keeps its slots.
    pub include_deferred: bool,
    /// Whether what takes its slots is counted: not so the default pool, until it is given an end.
    pub counted: bool,
}

impl PoolRow {
    /// How much there is of it.
    pub fn room(&self) -> Room {
        Room::of_pool(self.slots)
    }
}

#[derive(sqlx::FromRow)]
struct Columns {
    name: String,
    slots: i64,
    description: Option<String>,
    include_deferred: bool,
    counted: bool,
}

impl TryFrom<Columns> for PoolRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            name: column::text("pool.name", &row.name)?,
            slots: row.slots,
            description: row.description,
            include_deferred: row.include_deferred,
            counted: row.counted,
        })
    }
}

macro_rules! columns_of_pool {
    ($rest:literal) => {
        concat!("SELECT name, slots, description, include_deferred, counted FROM pool ", $rest)
    };
}

const GET: &str = columns_of_pool!("WHERE tenant = $1 AND name = $2");

/// One pool.
pub async fn get(db: &mut Session, tenant: &TenantId, name: &PoolName) -> Result<Option<PoolRow>, StoreError> {
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(GET).bind(tenant.as_str()).bind(name.as_str()).fetch_optional(&mut *c).await)?;
    row.map(PoolRow::try_from).transpose()
}

const LOCK: Batch = locking!(columns_of_pool!("WHERE tenant = $1 AND name = $2"));

/// The tenant's default pool, locked until the transaction ends; `None` if there is no such tenant.
///
/// Whoever admits task instances of a tenant, or changes what its pools have, holds this lock, so that two who do it at once
/// never both count on the same slot. It comes after the locks of runs: who has it waits for no lock but those of the default
/// pools of later tenants.
pub async fn lock_default(db: &mut Session, tenant: &TenantId) -> Result<Option<PoolRow>, StoreError> {
    let text = db.text(LOCK);
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(text).bind(tenant.as_str()).bind(DEFAULT_POOL).fetch_optional(&mut *c).await)?;
    row.map(PoolRow::try_from).transpose()
}

const NAMED: Batch = batch!(
    "SELECT p.name, p.slots, p.description, p.include_deferred, p.counted FROM ",
    rows(name text),
    " CROSS JOIN pool AS p WHERE p.tenant = $2 AND p.name = r.name"
);

#[derive(Serialize)]
struct NameColumn<'a> {
    name: &'a PoolName,
}

/// The pools of these names, where there are any, in no particular order.
pub async fn named<'a>(
    db: &mut Session,
    tenant: &TenantId,
    names: impl IntoIterator<Item = &'a PoolName>,
) -> Result<Vec<PoolRow>, StoreError> {
    let part: Vec<_> = names.into_iter().map(|name| NameColumn { name }).collect();
    let (text, rows) = (db.text(NAMED), column::rows(&part)?);
    let found: Vec<Columns> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    found.into_iter().map(PoolRow::try_from).collect()
}

const COUNT: &str = "SELECT COUNT(*) FROM pool WHERE tenant = $1";

/// How many pools a tenant has.
pub async fn count(db: &mut Session, tenant: &TenantId) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar(COUNT).bind(tenant.as_str()).fetch_one(&mut *c).await?);
    column::count("pool", total)
}

const SELECT: &str = "SELECT name, slots, description, include_deferred, counted";
const POOLS: Source = Source { from: "FROM pool", beside: "", whose: "tenant = ?" };
const ORDER: Order = Order {
    sorts: &[
        by("name", "name"),
        by("pool", "name"),
        by("id", "name"),
        by("slots", "slots"),
        by_nullable("description", "description"),
    ],
    tie: "name",
};

/// The pools whose names are among `names`, by name unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    names: Names<'_>,
    page: &PageRequest,
) -> Result<Page<PoolRow>, StoreError> {
    Selection::of(POOLS, tenant).and_named("name", names).page::<Columns, _>(db, SELECT, ORDER, page).await
}

macro_rules! tasks_without_a_pool {
    ($condition:literal) => {
        concat!(
            "SELECT COUNT(*) FROM work AS w WHERE w.tenant = $1 AND w.kind = 'task' AND ",
            $condition,
            " AND NOT EXISTS (SELECT 1 FROM lane AS l WHERE l.tenant = w.tenant AND l.run_key = w.run_key ",
            "AND l.task_index = w.task_index AND l.limit_key LIKE 'pool:%')"
        )
    };
}

const QUEUED: &str = tasks_without_a_pool!("w.worker IS NULL AND w.turn IS NOT NULL");
const RUNNING: &str = tasks_without_a_pool!("w.worker IS NOT NULL");

/// How many task instances wait for a worker and how many have one, of those whose pool is not counted.
pub async fn uncounted(db: &mut Session, tenant: &TenantId) -> Result<(i64, i64), StoreError> {
    let queued: i64 = on!(db, c => sqlx::query_scalar(QUEUED).bind(tenant.as_str()).fetch_one(&mut *c).await)?;
    let running: i64 = on!(db, c => sqlx::query_scalar(RUNNING).bind(tenant.as_str()).fetch_one(&mut *c).await)?;
    Ok((queued, running))
}

const INSERT: &str =
    "INSERT INTO pool (tenant, name, slots, description, include_deferred, counted, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (tenant, name) DO NOTHING";
const UPDATE: &str =
    "UPDATE pool SET slots = $3, description = $4, include_deferred = $5, counted = $6, updated_at = $7
    WHERE tenant = $1 AND name = $2";

/// Adds a pool; `false` if its name is taken.
pub async fn insert(db: &mut Session, tenant: &TenantId, pool: &PoolRow, now: Millis) -> Result<bool, StoreError> {
    write(db, INSERT, tenant, pool, now).await
}

/// Replaces a pool; `false` if there is none of its name.
pub async fn update(db: &mut Session, tenant: &TenantId, pool: &PoolRow, now: Millis) -> Result<bool, StoreError> {
    write(db, UPDATE, tenant, pool, now).await
}

/// Gives a new tenant its default pool.
pub async fn insert_default(db: &mut Session, tenant: &TenantId, now: Millis) -> Result<(), StoreError> {
    let pool = PoolRow {
        name: column::text("pool.name", DEFAULT_POOL)?,
        slots: -1,
        description: Some("Default pool".to_owned()),
        include_deferred: false,
        counted: false,
    };
    insert(db, tenant, &pool, now).await.map(drop)
}

async fn write(
    db: &mut Session,
    statement: &'static str,
    tenant: &TenantId,
    pool: &PoolRow,
    now: Millis,
) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(pool.name.as_str())
            .bind(pool.slots)
            .bind(pool.description.as_deref())
            .bind(pool.include_deferred)
            .bind(pool.counted)
            .bind(now.0)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const DELETE: &str = "DELETE FROM pool WHERE tenant = $1 AND name = $2";

/// Removes a pool; `false` if there is none of its name.
pub async fn delete(db: &mut Session, tenant: &TenantId, name: &PoolName) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(DELETE).bind(tenant.as_str()).bind(name.as_str()).execute(&mut *c).await?.rows_affected()
    });
    Ok(rows == 1)
}
