//! Variables, their values sealed.

use flow_model::ids::{AttemptId, TenantId, VariableKey};
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::key::WrappedKey;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

/// A variable whose value is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedVariable {
    /// Its key.
    pub key: VariableKey,
    /// Its value, sealed for this tenant and key.
    pub value: Vec<u8>,
    /// What it is for.
    pub description: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    var_key: String,
    value_sealed: Vec<u8>,
    description: Option<String>,
}

impl TryFrom<Row> for SealedVariable {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let key = column::text("variable.var_key", &row.var_key)?;
        Ok(Self { key, value: row.value_sealed, description: row.description })
    }
}

const GET: &str = "SELECT var_key, value_sealed, description FROM variable WHERE tenant = $1 AND var_key = $2";

/// One variable.
pub async fn get(db: &mut Session, tenant: &TenantId, key: &VariableKey) -> Result<Option<SealedVariable>, StoreError> {
    let row: Option<Row> = on!(db, c => {
        sqlx::query_as(GET).bind(tenant.as_str()).bind(key.as_str()).fetch_optional(&mut *c).await?
    });
    row.map(SealedVariable::try_from).transpose()
}

const GET_FOR: &str = "SELECT data_key.tenant, data_key.master_kid, data_key.wrapped, variable.value_sealed FROM work
    JOIN data_key ON data_key.tenant = work.tenant
    LEFT JOIN variable ON variable.tenant = work.tenant AND variable.var_key = $3
    WHERE work.tenant = $1 AND work.attempt = $2 AND work.worker IS NOT NULL";

#[derive(sqlx::FromRow)]
struct ValueRow {
    #[sqlx(flatten)]
    key: WrappedKey,
    value_sealed: Option<Vec<u8>>,
}

/// A variable's value, if there is one, and the tenant's data key, for an attempt; `None` if the attempt holds no lease.
pub async fn value_for(
    db: &mut Session,
    tenant: &TenantId,
    attempt: AttemptId,
    key: &VariableKey,
) -> Result<Option<(WrappedKey, Option<Vec<u8>>)>, StoreError> {
    let attempt = attempt.to_string();
    let row: Option<ValueRow> = on!(db, c => {
        sqlx::query_as(GET_FOR).bind(tenant.as_str()).bind(&attempt).bind(key.as_str()).fetch_optional(&mut *c).await
    })?;
    Ok(row.map(|row| (row.key, row.value_sealed)))
}

const COUNT: &str = "SELECT COUNT(*) FROM variable WHERE tenant = $1";
const SELECT: &str = "SELECT var_key, value_sealed, description";
const VARIABLES: Source = Source { from: "FROM variable", beside: "", whose: "tenant = ?" };
const ORDER: Order = Order {
    sorts: &[by("key", "var_key"), by("id", "var_key"), by_nullable("description", "description")],
    tie: "var_key",
};

/// How many variables a tenant has.
pub async fn count(db: &mut Session, tenant: &TenantId) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar(COUNT).bind(tenant.as_str()).fetch_one(&mut *c).await?);
    column::count("variable", total)
}

/// The variables whose keys are among `names`, by key unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    names: Names<'_>,
    page: &PageRequest,
) -> Result<Page<SealedVariable>, StoreError> {
    Selection::of(VARIABLES, tenant).and_named("var_key", names).page::<Row, _>(db, SELECT, ORDER, page).await
}

const KEYS: &str = "SELECT var_key FROM variable WHERE tenant = $1 AND var_key >= $2 AND var_key < $3 ORDER BY var_key";

/// The keys that start with `prefix`, in ascending order.
pub async fn keys(db: &mut Session, tenant: &TenantId, prefix: &str) -> Result<Vec<String>, StoreError> {
    // Keys hold no character above `~`, so that DEL ends the range of what starts with the prefix.
    let end = format!("{prefix}\u{7f}");
    Ok(on!(db, c => sqlx::query_scalar(KEYS).bind(tenant.as_str()).bind(prefix).bind(end).fetch_all(&mut *c).await?))
}

const INSERT: &str = "INSERT INTO variable (tenant, var_key, value_sealed, description, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (tenant, var_key) DO NOTHING";
const UPDATE: &str = "UPDATE variable SET value_sealed = $3, description = $4, updated_at = $5
    WHERE tenant = $1 AND var_key = $2";

/// Adds a variable; `false` if its key is taken.
pub async fn insert(
    db: &mut Session,
    tenant: &TenantId,
    variable: &SealedVariable,
    now: Millis,
) -> Result<bool, StoreError> {
    write(db, INSERT, tenant, variable, now).await
}

/// Replaces a variable; `false` if there is none of its key.
pub async fn update(
    db: &mut Session,
    tenant: &TenantId,
    variable: &SealedVariable,
    now: Millis,
) -> Result<bool, StoreError> {
    write(db, UPDATE, tenant, variable, now).await
}

async fn write(
    db: &mut Session,
    statement: &'static str,
    tenant: &TenantId,
    variable: &SealedVariable,
    now: Millis,
) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(variable.key.as_str())
            .bind(variable.value.as_slice())
            .bind(variable.description.as_deref())
            .bind(now.0)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const DELETE: &str = "DELETE FROM variable WHERE tenant = $1 AND var_key = $2";

/// Removes a variable; `false` if there is none of its key.
pub async fn delete(db: &mut Session, tenant: &TenantId, key: &VariableKey) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(DELETE).bind(tenant.as_str()).bind(key.as_str()).execute(&mut *c).await?.rows_affected()
    });
    Ok(rows == 1)
}
