//! Issued tokens. A tenant's are addressed by (tenant, id); the platform's and the workers' have no tenant.

use flow_model::ids::{TenantId, TokenId};
use flow_model::port::TenantScope;
use flow_model::rest::{Page, PageRequest};
use flow_model::roles::Role;
use flow_model::time::Millis;
use flow_model::token::{Holder, IssuedToken};

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Row {
    jti: String,
    tenant: Option<String>,
    subject: String,
    role: Option<String>,
    scope: Option<String>,
    note: Option<String>,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<Row> for IssuedToken {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let holder = match (row.tenant, row.role, row.scope) {
            (Some(tenant), Some(role), None) => Holder::Tenant {
                tenant: column::text("token.tenant", &tenant)?,
                role: column::named("token.role", &role, Role::from_name)?,
            },
            (None, Some(_), None) => Holder::Platform,
            (None, None, Some(scope)) => Holder::Worker(column::json("token.scope", &scope)?),
            (Some(_), _, _) | (None, Some(_), Some(_)) | (None, None, None) => {
                return Err(StoreError::Inconsistent { column: "token.role", reason: "nobody can hold this".into() });
            }
        };
        Ok(Self {
            id: column::text("token.jti", &row.jti)?,
            subject: row.subject,
            holder,
            note: row.note,
            created_at: Millis(row.created_at),
            expires_at: Millis(row.expires_at),
            revoked_at: row.revoked_at.map(Millis),
        })
    }
}

const INSERT: &str = "INSERT INTO token (jti, audience, tenant, subject, role, scope, note, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Remembers a token that is being issued.
pub async fn insert(db: &mut Session, token: &IssuedToken) -> Result<(), StoreError> {
    let (audience, tenant, role, scope) = match &token.holder {
        Holder::Tenant { tenant, role } => ("api", Some(tenant.as_str()), Some(role.as_str()), None),
        Holder::Platform => ("api", None, Some(Role::PlatformAdmin.as_str()), None),
        Holder::Worker(scope) => ("worker", None, None, Some(column::to_json::<TenantScope>(scope)?)),
    };
    on!(db, c => {
        sqlx::query(INSERT)
            .bind(token.id.to_string())
            .bind(audience)
            .bind(tenant)
            .bind(token.subject.as_str())
            .bind(role)
            .bind(scope)
            .bind(token.note.as_deref())
            .bind(token.created_at.0)
            .bind(token.expires_at.0)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

const SELECT: &str = "SELECT jti, tenant, subject, role, scope, note, created_at, expires_at, revoked_at";
const ANYBODYS: Source = Source { from: "FROM token", beside: "", whose: "true" };
const TENANTS: Source = Source { whose: "tenant = ?", ..ANYBODYS };
const PLATFORMS: Source = Source { whose: "tenant IS NULL", ..ANYBODYS };
const ORDER: Order = Order {
    sorts: &[
        by("id", "jti"),
        by("subject", "subject"),
        by("audience", "audience"),
        by("created_at", "created_at"),
        by("expires_at", "expires_at"),
        by_nullable("role", "role"),
        by_nullable("revoked_at", "revoked_at"),
    ],
    tie: "jti",
};

/// The token of this id, whoever's it is: for the door, which does not know yet on whose behalf it is knocked at.
pub async fn find(db: &mut Session, id: TokenId) -> Result<Option<IssuedToken>, StoreError> {
    let token = Selection::all(ANYBODYS).and("jti = ?", [id.to_string()]);
    token.optional::<Row>(db, SELECT).await?.map(IssuedToken::try_from).transpose()
}

const LIVE: &str = "SELECT COUNT(*) FROM token WHERE tenant = $1 AND revoked_at IS NULL AND expires_at > $2";

/// How many of a tenant's tokens still open anything.
pub async fn count_live(db: &mut Session, tenant: &TenantId, now: Millis) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar(LIVE).bind(tenant.as_str()).bind(now.0).fetch_one(&mut *c).await?);
    column::count("token", total)
}

/// The tokens of a tenant, or those that have none, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: Option<&TenantId>,
    page: &PageRequest,
) -> Result<Page<IssuedToken>, StoreError> {
    let tokens = tenant.map_or_else(|| Selection::all(PLATFORMS), |tenant| Selection::of(TENANTS, tenant));
    tokens.page::<Row, _>(db, SELECT, ORDER, page).await
}

const REVOKE_OF: &str = "UPDATE token SET revoked_at = COALESCE(revoked_at, $3) WHERE tenant = $1 AND jti = $2";
const REVOKE_PLATFORM: &str = "UPDATE token SET revoked_at = COALESCE(revoked_at, $3)
    WHERE tenant IS NULL AND $1 IS NULL AND jti = $2";

/// Revokes a token of a tenant, or one that has none; `false` if there is no such token.
pub async fn revoke(db: &mut Session, tenant: Option<&TenantId>, id: TokenId, now: Millis) -> Result<bool, StoreError> {
    let statement = if tenant.is_some() { REVOKE_OF } else { REVOKE_PLATFORM };
    let rows = on!(db, c => {
        sqlx::query(statement)
            .bind(tenant.map(TenantId::as_str))
            .bind(id.to_string())
            .bind(now.0)
            .execute(&mut *c)
            .await?
            .rows_affected()
    });
    Ok(rows == 1)
}

const REVOKE_SUBJECT: &str = "UPDATE token SET revoked_at = $3
    WHERE tenant = $1 AND subject = $2 AND revoked_at IS NULL";

/// Revokes every token that a tenant's member or program of this name holds.
pub async fn revoke_subject(db: &mut Session, tenant: &TenantId, subject: &str, now: Millis) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(REVOKE_SUBJECT).bind(tenant.as_str()).bind(subject).bind(now.0).execute(&mut *c).await?;
    });
    Ok(())
}

const FORGET: &str = "DELETE FROM token WHERE expires_at < $1";

/// Forgets tokens that expired before the instant.
pub async fn forget_expired(db: &mut Session, before: Millis) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(FORGET).bind(before.0).execute(&mut *c).await?;
    });
    Ok(())
}
