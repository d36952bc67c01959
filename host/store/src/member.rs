//! The members of tenants.

use flow_model::ids::{TenantId, Username};
use flow_model::rest::users::User;
use flow_model::rest::{Page, PageRequest};
use flow_model::roles::Role;
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;

/// A member and the hash of the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member.
    pub user: User,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    username: String,
    role: String,
    password_hash: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Member {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let user = User {
            username: column::text("member.username", &row.username)?,
            role: column::named("member.role", &row.role, Role::from_name)?,
            created_at: Millis(row.created_at),
            updated_at: Millis(row.updated_at),
        };
        Ok(Self { user, password_hash: row.password_hash })
    }
}

const INSERT: &str = "INSERT INTO member (tenant, username, role, password_hash, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (tenant, username) DO NOTHING";
const UPDATE: &str = "UPDATE member SET role = $3, password_hash = $4, updated_at = $5
    WHERE tenant = $1 AND username = $2";

/// Adds a member; `false` if the name is taken.
pub async fn insert(db: &mut Session, tenant: &TenantId, member: &Member) -> Result<bool, StoreError> {
    write(db, INSERT, tenant, member).await
}

/// Replaces a member; `false` if there is none of the name.
pub async fn update(db: &mut Session, tenant: &TenantId, member: &Member) -> Result<bool, StoreError> {
    write(db, UPDATE, tenant, member).await
}

async fn write(
    db: &mut Session,
    statement: &'static str,
    tenant: &TenantId,
    member: &Member,
) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(statement)
            .bind(tenant.as_str())
            .bind(member.user.username.as_str())
            .bind(member.user.role.as_str())
            .bind(member.password_hash.as_str())
            .bind(member.user.updated_at.0)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const GET: &str = "SELECT username, role, password_hash, created_at, updated_at FROM member
    WHERE tenant = $1 AND username = $2";

/// One member.
pub async fn get(db: &mut Session, tenant: &TenantId, username: &Username) -> Result<Option<Member>, StoreError> {
    let row: Option<Row> = on!(db, c => {
        sqlx::query_as(GET).bind(tenant.as_str()).bind(username.as_str()).fetch_optional(&mut *c).await?
    });
    row.map(Member::try_from).transpose()
}

const COUNT: &str = "SELECT COUNT(*) FROM member WHERE tenant = $1";
const SELECT: &str = "SELECT username, role, password_hash, created_at, updated_at";
const MEMBERS: Source = Source { from: "FROM member", beside: "", whose: "tenant = ?" };
const ORDER: Order =
    Order { sorts: &[by("username", "username"), by("role", "role"), by("created_at", "created_at")], tie: "username" };

/// How many members a tenant has.
pub async fn count(db: &mut Session, tenant: &TenantId) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar(COUNT).bind(tenant.as_str()).fetch_one(&mut *c).await?);
    column::count("member", total)
}

/// The members of a tenant, by name unless the page says otherwise.
pub async fn list(db: &mut Session, tenant: &TenantId, page: &PageRequest) -> Result<Page<User>, StoreError> {
    let members = Selection::of(MEMBERS, tenant).page::<Row, Member>(db, SELECT, ORDER, page).await?;
    Ok(members.map(|member| member.user))
}

const ADMINS: &str = "SELECT COUNT(*) FROM member WHERE tenant = $1 AND role = 'admin' AND username <> $2";

/// How many administrators a tenant has besides this member.
pub async fn other_admins(db: &mut Session, tenant: &TenantId, username: &Username) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => {
        sqlx::query_scalar(ADMINS).bind(tenant.as_str()).bind(username.as_str()).fetch_one(&mut *c).await?
    });
    column::count("member", total)
}

const DELETE: &str = "DELETE FROM member WHERE tenant = $1 AND username = $2";

/// Removes a member; `false` if there is none of the name.
pub async fn delete(db: &mut Session, tenant: &TenantId, username: &Username) -> Result<bool, StoreError> {
    let rows = on!(db, c => {
        sqlx::query(DELETE).bind(tenant.as_str()).bind(username.as_str()).execute(&mut *c).await?.rows_affected()
    });
    Ok(rows == 1)
}
