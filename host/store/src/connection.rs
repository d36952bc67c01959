//! Connections, their passwords and extras sealed.

use flow_model::ids::{ConnectionId, TenantId};
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

/// A connection whose secret parts are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedConnection {
    /// Its id.
    pub id: ConnectionId,
    /// What kind of system it is.
    pub conn_type: String,
    /// What it is for.
    pub description: Option<String>,
    /// Host name or address.
    pub host: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// Database, schema or scheme.
    pub schema: Option<String>,
    /// User name.
    pub login: Option<String>,
    /// Password, sealed for this tenant and connection.
    pub password: Option<Vec<u8>>,
    /// Everything else, sealed for this tenant and connection.
    pub extra: Option<Vec<u8>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    conn_id: String,
    conn_type: String,
    description: Option<String>,
    host: Option<String>,
    port: Option<i64>,
    db_schema: Option<String>,
    login: Option<String>,
    password_sealed: Option<Vec<u8>>,
    extra_sealed: Option<Vec<u8>>,
}

impl TryFrom<Row> for SealedConnection {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: column::text("connection.conn_id", &row.conn_id)?,
            conn_type: row.conn_type,
            description: row.description,
            host: row.host,
            port: row.port.map(|port| column::count("connection.port", port)).transpose()?,
            schema: row.db_schema,
            login: row.login,
            password: row.password_sealed,
            extra: row.extra_sealed,
        })
    }
}

const SELECT: &str =
    "SELECT conn_id, conn_type, description, host, port, db_schema, login, password_sealed, extra_sealed";
const CONNECTIONS: Source = Source { from: "FROM connection", beside: "", whose: "tenant = ?" };
const ORDER: Order = Order {
    sorts: &[
        by("connection_id", "conn_id"),
        by("conn_id", "conn_id"),
        by("id", "conn_id"),
        by("conn_type", "conn_type"),
        by_nullable("description", "description"),
        by_nullable("host", "host"),
        by_nullable("port", "port"),
    ],
    tie: "conn_id",
};

/// One connection.
pub async fn get(
    db: &mut Session,
    tenant: &TenantId,
    id: &ConnectionId,
) -> Result<Option<SealedConnection>, StoreError> {
    let connection = Selection::of(CONNECTIONS, tenant).and("conn_id = ?", [id.as_str()]);
    connection.optional::<Row>(db, SELECT).await?.map(SealedConnection::try_from).transpose()
}

const IDS: &str = "SELECT conn_id FROM connection WHERE tenant = $1";

/// The ids of a tenant's connections, in no order.
pub async fn ids(db: &mut Session, tenant: &TenantId) -> Result<Vec<String>, StoreError> {
    Ok(on!(db, c => sqlx::query_scalar(IDS).bind(tenant.as_str()).fetch_all(&mut *c).await)?)
}

const COUNT: &str = "SELECT COUNT(*) FROM connection WHERE tenant = $1";

/// How many connections a tenant has.
pub async fn count(db: &mut Session, tenant: &TenantId) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar(COUNT).bind(tenant.as_str()).fetch_one(&mut *c).await?);
    column::count("connection", total)
}

/// The connections whose ids are among `names`, by id unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    names: Names<'_>,
    page: &PageRequest,
) -> Result<Page<SealedConnection>, StoreError> {
    Selection::of(CONNECTIONS, tenant).and_named("conn_id", names).page::<Row, _>(db, SELECT, ORDER, page).await
}

const INSERT: &str = "INSERT INTO connection (tenant, conn_id, conn_type, description, host, port, db_schema, login,
        password_sealed, extra_sealed, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) ON CONFLICT (tenant, conn_id) DO NOTHING";
const UPDATE: &str = "UPDATE connection SET conn_type = $3, description = $4, host = $5, port = $6, db_schema = $7,
        login = $8, password_sealed = $9, extra_sealed = $10, updated_at = $11
    WHERE tenant = $1 AND conn_id = $2";

/// Adds a connection; `false` if its id is taken.
pub async fn insert(
    db: &mut Session,
    tenant: &TenantId,
    connection: &SealedConnection,
    now: Millis,
) -> Result<bool, StoreError> {
    write(db, INSERT, tenant, connection, now).await
}

/// Replaces a connection; `false` if there is none of its id.
pub async fn update(
    db: &mut Session,
    tenant: &TenantId,
    connection: &SealedConnection,
    now: Millis,
) -> Result<bool, StoreError> {
    write(db, UPDATE, tenant, connection, now).await
}

async fn write(
    db: &mut Session,
    statement: &'static str,
    tenant: &TenantId,
    connection: &SealedConnection,
    now: Millis,
) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(connection.id.as_str())
            .bind(connection.conn_type.as_str())
            .bind(connection.description.as_deref())
            .bind(connection.host.as_deref())
            .bind(connection.port.map(i64::from))
            .bind(connection.schema.as_deref())
            .bind(connection.login.as_deref())
            .bind(connection.password.as_deref())
            .bind(connection.extra.as_deref())
            .bind(now.0)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const DELETE: &str = "DELETE FROM connection WHERE tenant = $1 AND conn_id = $2";

/// Removes a connection; `false` if there is none of its id.
pub async fn delete(db: &mut Session, tenant: &TenantId, id: &ConnectionId) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(DELETE).bind(tenant.as_str()).bind(id.as_str()).execute(&mut *c).await?.rows_affected()
    });
    Ok(rows == 1)
}
