//! Versions of modules: each is parsed once, and ends as ready or as failed.

use flow_model::ids::{Digest, ModuleName, TenantId};
use flow_model::inspect::Inspection;
use flow_model::rest::modules::{ModuleVersion, Outline, VersionState};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;

/// A version that was uploaded and is about to be parsed.
#[derive(Debug, Clone)]
pub struct NewVersion<'a> {
    /// Its module.
    pub module: &'a ModuleName,
    /// Its number.
    pub version: u32,
    /// What was found when it was inspected.
    pub inspection: &'a Inspection,
    /// Who uploaded it.
    pub uploaded_by: &'a str,
    /// When.
    pub created_at: Millis,
}

const INSERT: &str = "INSERT INTO module_version
    (tenant, module, version, digest, size, state, imports, exports, compile_ms, uploaded_by, created_at)
    VALUES ($1, $2, $3, $4, $5, 'parsing', $6, $7, $8, $9, $10)";

/// Adds a version.
pub async fn insert_version(db: &mut Session, tenant: &TenantId, new: &NewVersion<'_>) -> Result<(), StoreError> {
    let inspection = new.inspection;
    let (imports, exports) = (column::to_json(&inspection.imports)?, column::to_json(&inspection.exports)?);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    on!(db, c => {
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(new.module.as_str())
            .bind(i64::from(new.version))
            .bind(inspection.digest.to_string())
            .bind(signed(inspection.size))
            .bind(&imports)
            .bind(&exports)
            .bind(signed(inspection.compile_ms))
            .bind(new.uploaded_by)
            .bind(new.created_at.0)
            .execute(&mut *c)
            .await
            .map(drop)
    })?;
    Ok(())
}

/// How the parsing of a version ended.
#[derive(Debug, Clone)]
pub enum VersionEnd<'a> {
    /// Its DAGs were accepted.
    Ready(&'a Outline),
    /// They were not, for this reason.
    Failed(&'a str),
}

const END: &str = "UPDATE module_version SET state = $4, outline = $5, error = $6, parsed_at = $7
    WHERE tenant = $1 AND module = $2 AND version = $3 AND state = 'parsing'";

/// Ends the parsing of a version; `false` if it is gone or has ended already.
pub async fn end_version(
    db: &mut Session,
    tenant: &TenantId,
    version: (&ModuleName, u32),
    end: VersionEnd<'_>,
    now: Millis,
) -> Result<bool, StoreError> {
    let (state, outline, error) = match end {
        VersionEnd::Ready(outline) => (VersionState::Ready, Some(column::to_json(outline)?), None),
        VersionEnd::Failed(reason) => (VersionState::Failed, None, Some(reason)),
    };
    let rows = on!(db, c => {
        sqlx::query(END)
            .bind(tenant.as_str())
            .bind(version.0.as_str())
            .bind(i64::from(version.1))
            .bind(state.as_str())
            .bind(outline.as_deref())
            .bind(error)
            .bind(now.0)
            .execute(&mut *c)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    current_version: Option<i64>,
    digest: String,
    size: i64,
    state: String,
    imports: String,
    exports: String,
    compile_ms: i64,
    outline: Option<String>,
    error: Option<String>,
    uploaded_by: String,
    created_at: i64,
    parsed_at: Option<i64>,
}

impl TryFrom<Row> for ModuleVersion {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            version: column::count("module_version.version", row.version)?,
            is_current: row.current_version == Some(row.version),
            digest: column::text("module_version.digest", &row.digest)?,
            size: column::count("module_version.size", row.size)?,
            state: column::named("module_version.state", &row.state, VersionState::from_name)?,
            imports: column::json("module_version.imports", &row.imports)?,
            exports: column::json("module_version.exports", &row.exports)?,
            compile_ms: column::count("module_version.compile_ms", row.compile_ms)?,
            outline: row.outline.map(|text| column::json("module_version.outline", &text)).transpose()?,
            error: row.error,
            uploaded_by: row.uploaded_by,
            created_at: Millis(row.created_at),
            parsed_at: column::instant(row.parsed_at),
        })
    }
}

const SELECT: &str =
    "SELECT v.version, m.current_version, v.digest, v.size, v.state, v.imports, v.exports, v.compile_ms,
    v.outline, v.error, v.uploaded_by, v.created_at, v.parsed_at";
const VERSIONS: Source = Source {
    from: "FROM module_version AS v JOIN module AS m ON m.tenant = v.tenant AND m.name = v.module",
    beside: "",
    whose: "v.tenant = ?",
};
const ORDER: Order = Order {
    sorts: &[
        by("version", "v.version"),
        by("size", "v.size"),
        by("state", "v.state"),
        by("created_at", "v.created_at"),
    ],
    tie: "v.version",
};

/// One version of a module.
pub async fn find_version(
    db: &mut Session,
    tenant: &TenantId,
    module: &ModuleName,
    version: u32,
) -> Result<Option<ModuleVersion>, StoreError> {
    let version = of_module(tenant, module).and("v.version = ?", [version]);
    version.optional::<Row>(db, SELECT).await?.map(ModuleVersion::try_from).transpose()
}

/// The newest accepted version of a module before this one.
pub async fn latest_ready_before(
    db: &mut Session,
    tenant: &TenantId,
    module: &ModuleName,
    version: u32,
) -> Result<Option<ModuleVersion>, StoreError> {
    let former = of_module(tenant, module).and("v.version < ?", [version]).and("v.state = ?", ["ready"]);
    let newest = former.rows::<Row>(db, SELECT, "ORDER BY v.version DESC LIMIT 1").await?.pop();
    newest.map(ModuleVersion::try_from).transpose()
}

/// The versions of a module, oldest first unless the page says otherwise.
pub async fn versions(
    db: &mut Session,
    tenant: &TenantId,
    module: &ModuleName,
    page: &PageRequest,
) -> Result<Page<ModuleVersion>, StoreError> {
    of_module(tenant, module).page::<Row, _>(db, SELECT, ORDER, page).await
}

fn of_module(tenant: &TenantId, module: &ModuleName) -> Selection {
    Selection::of(VERSIONS, tenant).and("v.module = ?", [module.as_str()])
}

const FORGET_FAILED: &str = "DELETE FROM module_version
    WHERE tenant = $1 AND module = $2 AND state = 'failed' AND parsed_at < $3 RETURNING digest";

/// Forgets versions of a module that were refused before the instant, and answers their digests.
pub async fn forget_failed(
    db: &mut Session,
    tenant: &TenantId,
    module: &ModuleName,
    before: Millis,
) -> Result<Vec<Digest>, StoreError> {
    let found: Vec<String> = on!(db, c => {
        sqlx::query_scalar(FORGET_FAILED)
            .bind(tenant.as_str())
            .bind(module.as_str())
            .bind(before.0)
            .fetch_all(&mut *c)
            .await
    })?;
    found.iter().map(|digest| column::text("module_version.digest", digest)).collect()
}

const DIGESTS: &str = "SELECT DISTINCT digest FROM module_version WHERE tenant = $1 AND ($2 IS NULL OR module = $2)
    ORDER BY digest";

/// The digests of all versions of a module, or of all modules of the tenant.
pub async fn digests(
    db: &mut Session,
    tenant: &TenantId,
    module: Option<&ModuleName>,
) -> Result<Vec<Digest>, StoreError> {
    let module = module.map(ModuleName::as_str);
    let found: Vec<String> = on!(db, c => {
        sqlx::query_scalar(DIGESTS).bind(tenant.as_str()).bind(module).fetch_all(&mut *c).await
    })?;
    found.iter().map(|digest| column::text("module_version.digest", digest)).collect()
}
