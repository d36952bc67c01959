//! Why the newest upload of a module was not accepted: at most one row per module.

use flow_model::ids::{ModuleName, TenantId};
use flow_model::rest::import_errors::{ImportError, ImportErrorFilter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    module: String,
    occurred_at: i64,
    filename: String,
    message: String,
}

impl TryFrom<Row> for ImportError {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            import_error_id: row.id,
            timestamp: Millis(row.occurred_at),
            filename: row.filename,
            bundle_name: row.module,
            stack_trace: row.message,
        })
    }
}

/// An upload that was not accepted.
#[derive(Debug, Clone)]
pub struct NewImportError<'a> {
    /// Of which module.
    pub module: &'a ModuleName,
    /// Its version.
    pub version: u32,
    /// When it was refused.
    pub at: Millis,
    /// The source file, or the module's name.
    pub filename: &'a str,
    /// Why.
    pub message: &'a str,
}

const PUT: &str = "INSERT INTO import_error (tenant, module, version, occurred_at, filename, message)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, module) DO NOTHING";
const CLEAR: &str = "DELETE FROM import_error WHERE tenant = $1 AND module = $2 AND version <= $3";

/// Records the error in place of the module's former one, unless that is of a version after this one.
pub async fn put(db: &mut Session, tenant: &TenantId, error: &NewImportError<'_>) -> Result<(), StoreError> {
    clear(db, tenant, error.module, error.version).await?;
    on!(db, c => {
        sqlx::query(PUT)
            .bind(tenant.as_str())
            .bind(error.module.as_str())
            .bind(i64::from(error.version))
            .bind(error.at.0)
            .bind(error.filename)
            .bind(error.message)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// Removes the module's error, unless it is that of a version after this one.
pub async fn clear(db: &mut Session, tenant: &TenantId, module: &ModuleName, version: u32) -> Result<(), StoreError> {
    let version = i64::from(version);
    on!(db, c => {
        sqlx::query(CLEAR).bind(tenant.as_str()).bind(module.as_str()).bind(version).execute(&mut *c).await?;
    });
    Ok(())
}

const SELECT: &str = "SELECT id, module, occurred_at, filename, message";
const ERRORS: Source = Source { from: "FROM import_error", beside: "", whose: "tenant = ?" };
const ORDER: Order = Order {
    sorts: &[
        by("import_error_id", "id"),
        by("id", "id"),
        by("timestamp", "occurred_at"),
        by("filename", "filename"),
        by("bundle_name", "module"),
        by("stacktrace", "message"),
    ],
    tie: "id",
};

/// One import error of a tenant.
pub async fn get(db: &mut Session, tenant: &TenantId, id: i64) -> Result<Option<ImportError>, StoreError> {
    let row = Selection::of(ERRORS, tenant).and("id = ?", [id]).optional::<Row>(db, SELECT).await?;
    row.map(ImportError::try_from).transpose()
}

/// The import errors of a tenant that match `filter`, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    filter: &ImportErrorFilter,
    page: &PageRequest,
) -> Result<Page<ImportError>, StoreError> {
    Selection::of(ERRORS, tenant)
        .and("module = ?", filter.bundle_name.as_deref())
        .and("filename = ?", filter.filename.as_deref())
        .and_like("filename", filter.filename_pattern.as_deref())
        .and_prefix("filename", filter.filename_prefix_pattern.as_deref())
        .page::<Row, _>(db, SELECT, ORDER, page)
        .await
}
