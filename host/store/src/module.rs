//! Modules: what a tenant uploads under one name.

use flow_model::ids::{Digest, ModuleName, TenantId};
use flow_model::rest::modules::{Module, ModuleDetails, Outline};
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;

mod version;

pub use version::{
    NewVersion, VersionEnd, digests, end_version, find_version, forget_failed, insert_version, latest_ready_before,
    versions,
};

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    current_version: Option<i64>,
    last_version: i64,
    created_at: i64,
    updated_at: i64,
    digest: Option<String>,
    size: Option<i64>,
    imports: Option<String>,
    exports: Option<String>,
    compile_ms: Option<i64>,
    outline: Option<String>,
    import_error: Option<String>,
}

impl TryFrom<Row> for ModuleDetails {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let names = |column, text: Option<String>| text.map_or(Ok(Vec::new()), |text| column::json(column, &text));
        let outline: Outline = match row.outline {
            Some(text) => column::json("module_version.outline", &text)?,
            None => Outline::default(),
        };
        let module = Module {
            name: column::text("module.name", &row.name)?,
            version: row.current_version.map(|version| column::count("module.current_version", version)).transpose()?,
            last_version: column::count("module.last_version", row.last_version)?,
            digest: column::optional("module_version.digest", row.digest.as_deref())?,
            size: row.size.map(|size| column::count("module_version.size", size)).transpose()?,
            dags: outline.dags,
            import_error: row.import_error,
            created_at: Millis(row.created_at),
            updated_at: Millis(row.updated_at),
        };
        Ok(Self {
            module,
            imports: names("module_version.imports", row.imports)?,
            exports: names("module_version.exports", row.exports)?,
            uses: outline.uses,
            compile_ms: row.compile_ms.map(|ms| column::count("module_version.compile_ms", ms)).transpose()?,
        })
    }
}

const SELECT: &str = "SELECT m.name, m.current_version, m.last_version, m.created_at, m.updated_at, v.digest, v.size,
    v.imports, v.exports, v.compile_ms, v.outline, e.message AS import_error";
const MODULES: Source = Source {
    from: "FROM module AS m",
    beside: "LEFT JOIN module_version AS v
            ON v.tenant = m.tenant AND v.module = m.name AND v.version = m.current_version
        LEFT JOIN import_error AS e ON e.tenant = m.tenant AND e.module = m.name",
    whose: "m.tenant = ?",
};
const ORDER: Order = Order {
    sorts: &[by("name", "m.name"), by("created_at", "m.created_at"), by("updated_at", "m.updated_at")],
    tie: "m.name",
};

/// One module with its current version.
pub async fn get(db: &mut Session, tenant: &TenantId, name: &ModuleName) -> Result<Option<ModuleDetails>, StoreError> {
    let module = Selection::of(MODULES, tenant).and("m.name = ?", [name.as_str()]);
    module.optional::<Row>(db, SELECT).await?.map(ModuleDetails::try_from).transpose()
}

/// The modules whose names are among `names`, by name unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    names: Names<'_>,
    page: &PageRequest,
) -> Result<Page<Module>, StoreError> {
    let modules = Selection::of(MODULES, tenant)
        .and_named("m.name", names)
        .page::<Row, ModuleDetails>(db, SELECT, ORDER, page)
        .await?;
    Ok(modules.map(|details| details.module))
}

/// The numbers of a module's versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The current one, if one was ever accepted.
    pub current: Option<u32>,
    /// The newest one, accepted or not.
    pub last: u32,
}

const LOCK: Batch = locking!("SELECT current_version, last_version FROM module WHERE tenant = $1 AND name = $2");

/// The numbers of a module's versions, which stay as they are until the transaction ends.
pub async fn lock(db: &mut Session, tenant: &TenantId, name: &ModuleName) -> Result<Option<Versions>, StoreError> {
    let text = db.text(LOCK);
    let row: Option<(Option<i64>, i64)> = on!(db, c => {
        sqlx::query_as(text).bind(tenant.as_str()).bind(name.as_str()).fetch_optional(&mut *c).await
    })?;
    let Some((current, last)) = row else { return Ok(None) };
    Ok(Some(Versions {
        current: current.map(|version| column::count("module.current_version", version)).transpose()?,
        last: column::count("module.last_version", last)?,
    }))
}

const PUT: &str = "INSERT INTO module (tenant, name, last_version, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
    ON CONFLICT (tenant, name) DO UPDATE SET last_version = excluded.last_version";

/// Creates the module, or notes that it has a newer version.
pub async fn put(
    db: &mut Session,
    tenant: &TenantId,
    name: &ModuleName,
    last_version: u32,
    now: Millis,
) -> Result<(), StoreError> {
    let last_version = i64::from(last_version);
    on!(db, c => {
        sqlx::query(PUT).bind(tenant.as_str()).bind(name.as_str()).bind(last_version).bind(now.0)
            .execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

const SET_CURRENT: &str = "UPDATE module SET current_version = $3, updated_at = $4 WHERE tenant = $1 AND name = $2";

/// Makes a version the one whose DAGs run.
pub async fn set_current(
    db: &mut Session,
    tenant: &TenantId,
    name: &ModuleName,
    version: u32,
    now: Millis,
) -> Result<(), StoreError> {
    let version = i64::from(version);
    on!(db, c => {
        sqlx::query(SET_CURRENT).bind(tenant.as_str()).bind(name.as_str()).bind(version).bind(now.0)
            .execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

const ACTIVE_RUNS: &str =
    "SELECT COUNT(*) FROM dag JOIN dag_run AS r ON r.tenant = dag.tenant AND r.dag_id = dag.dag_id
        AND r.state IN ('queued', 'running')
    WHERE dag.tenant = $1 AND dag.module = $2";

/// How many runs of the module's DAGs have not ended.
pub async fn active_runs(db: &mut Session, tenant: &TenantId, name: &ModuleName) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => {
        sqlx::query_scalar(ACTIVE_RUNS).bind(tenant.as_str()).bind(name.as_str()).fetch_one(&mut *c).await
    })?;
    column::count("dag_run", total)
}

const COUNT_ALL: &str = "SELECT COUNT(*) FROM module WHERE tenant = $1";

/// How many modules a tenant has.
pub async fn count(db: &mut Session, tenant: &TenantId) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar(COUNT_ALL).bind(tenant.as_str()).fetch_one(&mut *c).await)?;
    column::count("module", total)
}

const STORED: &str = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM
    (SELECT DISTINCT digest, size FROM module_version WHERE tenant = $1 AND digest <> $2) AS held";

/// How many bytes the versions of all modules of a tenant take, those of one digest aside.
pub async fn stored_besides(db: &mut Session, tenant: &TenantId, digest: &Digest) -> Result<u64, StoreError> {
    let digest = digest.to_string();
    let total: i64 = on!(db, c => {
        sqlx::query_scalar(STORED).bind(tenant.as_str()).bind(&digest).fetch_one(&mut *c).await
    })?;
    column::count("module_version.size", total)
}

const DELETE: &str = "DELETE FROM module WHERE tenant = $1 AND name = $2";

/// Removes a module with its versions and its import error; `false` if there is none of the name.
pub async fn delete(db: &mut Session, tenant: &TenantId, name: &ModuleName) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(DELETE).bind(tenant.as_str()).bind(name.as_str()).execute(&mut *c).await
            .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}
