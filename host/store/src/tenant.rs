//! Tenants: what they may have, what they have in use, and their end.

use flow_model::ids::TenantId;
use flow_model::rest::tenants::{Tenant, TenantUsage};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::metering;
use crate::session::Session;
use crate::slot_pool;

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    description: Option<String>,
    quota: String,
    policy: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Tenant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: column::text("tenant.name", &row.name)?,
            description: row.description,
            quota: column::json("tenant.quota", &row.quota)?,
            policy: column::json("tenant.policy", &row.policy)?,
            created_at: Millis(row.created_at),
            updated_at: Millis(row.updated_at),
        })
    }
}

const INSERT: &str = "INSERT INTO tenant (name, description, quota, policy, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (name) DO NOTHING";
const UPDATE: &str = "UPDATE tenant SET description = $2, quota = $3, policy = $4, updated_at = $5 WHERE name = $1";

/// Adds a tenant with its default pool; `false` if its name is taken.
pub async fn insert(db: &mut Session, tenant: &Tenant) -> Result<bool, StoreError> {
    let new = write(db, INSERT, tenant).await?;
    if new {
        slot_pool::insert_default(db, &tenant.name, tenant.updated_at).await?;
    }
    Ok(new)
}

/// Replaces a tenant; `false` if there is none of its name.
pub async fn update(db: &mut Session, tenant: &Tenant) -> Result<bool, StoreError> {
    write(db, UPDATE, tenant).await
}

async fn write(db: &mut Session, statement: &'static str, tenant: &Tenant) -> Result<bool, StoreError> {
    let (quota, policy) = (column::to_json(&tenant.quota)?, column::to_json(&tenant.policy)?);
    let rows = on!(db, c => {
        sqlx::query(statement)
            .bind(tenant.name.as_str())
            .bind(tenant.description.as_deref())
            .bind(quota)
            .bind(policy)
            .bind(tenant.updated_at.0)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const GET: &str = "SELECT name, description, quota, policy, created_at, updated_at FROM tenant WHERE name = $1";

/// One tenant.
pub async fn get(db: &mut Session, tenant: &TenantId) -> Result<Option<Tenant>, StoreError> {
    let row: Option<Row> = on!(db, c => sqlx::query_as(GET).bind(tenant.as_str()).fetch_optional(&mut *c).await?);
    row.map(Tenant::try_from).transpose()
}

const LOCK: &str = "UPDATE tenant SET updated_at = updated_at WHERE name = $1";

/// Keeps the tenant, and what its quotas count, as they are until the transaction ends; `false` if there is none. Whoever
/// counts before adding does this first, so that two who add at once do not both find the last free place.
pub async fn lock(db: &mut Session, tenant: &TenantId) -> Result<bool, StoreError> {
    let rows = on!(db, c => sqlx::query(LOCK).bind(tenant.as_str()).execute(&mut *c).await?.rows_affected());
    Ok(rows == 1)
}

const SELECT: &str = "SELECT name, description, quota, policy, created_at, updated_at";
const TENANTS: Source = Source { from: "FROM tenant", beside: "", whose: "true" };
const ORDER: Order = Order {
    sorts: &[by("name", "name"), by_nullable("description", "description"), by("created_at", "created_at")],
    tie: "name",
};

/// Every tenant, by name unless the page says otherwise.
pub async fn list(db: &mut Session, page: &PageRequest) -> Result<Page<Tenant>, StoreError> {
    Selection::all(TENANTS).page::<Row, _>(db, SELECT, ORDER, page).await
}

const USAGE: &str = "SELECT
    (SELECT COUNT(*) FROM module WHERE tenant = $1) AS modules,
    (SELECT COUNT(*) FROM dag WHERE tenant = $1 AND NOT is_stale) AS dags,
    (SELECT COUNT(*) FROM dag_run WHERE tenant = $1 AND end_date IS NULL) AS active_runs,
    (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM
        (SELECT DISTINCT digest, size FROM module_version WHERE tenant = $1) AS held) AS stored_bytes,
    (SELECT COUNT(*) FROM variable WHERE tenant = $1) AS variables,
    (SELECT COUNT(*) FROM connection WHERE tenant = $1) AS connections,
    (SELECT COUNT(*) FROM pool WHERE tenant = $1) AS pools,
    (SELECT COUNT(*) FROM member WHERE tenant = $1) AS users,
    (SELECT COUNT(*) FROM token WHERE tenant = $1 AND revoked_at IS NULL AND expires_at > $2) AS tokens";

#[derive(sqlx::FromRow)]
struct UsageRow {
    modules: i64,
    dags: i64,
    active_runs: i64,
    stored_bytes: i64,
    variables: i64,
    connections: i64,
    pools: i64,
    users: i64,
    tokens: i64,
}

/// How much of its quota a tenant has in use, and what its attempts have used.
pub async fn usage(db: &mut Session, tenant: &TenantId, now: Millis) -> Result<TenantUsage, StoreError> {
    let row: UsageRow = on!(db, c => sqlx::query_as(USAGE).bind(tenant.as_str()).bind(now.0).fetch_one(&mut *c).await?);
    let used = metering::read(db, tenant).await?;
    Ok(TenantUsage {
        modules: column::count("module", row.modules)?,
        dags: column::count("dag", row.dags)?,
        active_runs: column::count("dag_run", row.active_runs)?,
        stored_bytes: column::count("module_version.size", row.stored_bytes)?,
        variables: column::count("variable", row.variables)?,
        connections: column::count("connection", row.connections)?,
        pools: column::count("pool", row.pools)?,
        users: column::count("member", row.users)?,
        tokens: column::count("token", row.tokens)?,
        attempts: used.attempts,
        cpu_ms: used.cpu_us / 1_000,
        wall_ms: used.wall_us / 1_000,
        memory_mib_ms: used.memory_kib_ms / 1_024,
    })
}

/// Tables whose rows carry a tenant and do not go with it by themselves. Work goes first: it fences what still runs.
const EMPTIED: [&str; 19] = [
    "DELETE FROM work WHERE tenant = $1",
    "DELETE FROM lane WHERE tenant = $1",
    "DELETE FROM dag_pool WHERE tenant = $1",
    "DELETE FROM task_state WHERE tenant = $1",
    "DELETE FROM xcom WHERE tenant = $1",
    "DELETE FROM log_chunk WHERE tenant = $1",
    "DELETE FROM task_try WHERE tenant = $1",
    "DELETE FROM human_input WHERE tenant = $1",
    "DELETE FROM task_instance WHERE tenant = $1",
    "DELETE FROM expansion WHERE tenant = $1",
    "DELETE FROM dag_run_conf WHERE tenant = $1",
    "DELETE FROM dag_run WHERE tenant = $1",
    "DELETE FROM deadline WHERE tenant = $1",
    "DELETE FROM callback WHERE tenant = $1",
    "DELETE FROM backfill_run WHERE tenant = $1",
    "DELETE FROM backfill WHERE tenant = $1",
    "DELETE FROM dag_version WHERE tenant = $1",
    "DELETE FROM dag WHERE tenant = $1",
    "DELETE FROM tenant_meter WHERE tenant = $1",
];
/// What others have offered to a tenant. The next tenant of this name must not find it.
const DISINHERIT: &str = "DELETE FROM asset_grant WHERE to_tenant = $1";
const DELETE: &str = "DELETE FROM tenant WHERE name = $1";

/// Removes a tenant and everything it has; `false` if there is none.
pub async fn delete(db: &mut Session, tenant: &TenantId) -> Result<bool, StoreError> {
    for statement in EMPTIED.into_iter().chain([DISINHERIT]) {
        on!(db, c => sqlx::query(statement).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    }
    let rows = on!(db, c => sqlx::query(DELETE).bind(tenant.as_str()).execute(&mut *c).await?.rows_affected());
    Ok(rows == 1)
}

/// How many tenants there are.
pub async fn count(db: &mut Session) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar("SELECT COUNT(*) FROM tenant").fetch_one(&mut *c).await?);
    column::count("tenant", total)
}

#[cfg(test)]
mod tests {
    use super::EMPTIED;
    use crate::pool::{Store, StoreConfig};
    use crate::session::Driver;

    /// Tables with a tenant, and how many of their foreign keys lead their rows away with the tenant's.
    const TABLES: &str = "SELECT m.name, (SELECT COUNT(*) FROM pragma_foreign_key_list(m.name) AS f
            WHERE f.\"from\" = 'tenant' AND f.on_delete = 'CASCADE')
        FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c ON c.name = 'tenant' WHERE m.type = 'table'";

    #[tokio::test]
    async fn no_table_keeps_rows_of_a_deleted_tenant() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let store = Store::open(StoreConfig::Sqlite(directory.path().join("flow.db"))).await.expect("a store");
        store.migrate().await.expect("the schema");
        let mut session = store.read().await.expect("a session");
        let Driver::Sqlite(connection) = session.driver() else { unreachable!("it is a SQLite file") };
        let tables: Vec<(String, i64)> = sqlx::query_as(TABLES).fetch_all(connection).await.expect("the tables");
        assert!(tables.len() > EMPTIED.len(), "{tables:?}");
        for (table, cascades) in tables {
            let emptied = EMPTIED.contains(&format!("DELETE FROM {table} WHERE tenant = $1").as_str());
            assert!(emptied || cascades > 0, "{table} keeps rows of a deleted tenant");
        }
    }
}
