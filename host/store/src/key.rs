//! Keys at rest: signing keys and the tenants' data keys, all sealed under a master key that is kept elsewhere.

use flow_model::ids::TenantId;
use flow_model::time::Millis;

use crate::error::StoreError;
use crate::session::Session;

/// A key pair that tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SigningKey {
    /// Its id, the `kid` of the tokens.
    pub kid: String,
    /// Which master key seals it.
    pub master_kid: String,
    /// The private half, sealed.
    pub private_sealed: Vec<u8>,
    /// The public half.
    pub public_key: Vec<u8>,
    /// When it was made, in milliseconds.
    pub created_at: i64,
    /// When it ceased to sign, in milliseconds; what it signed before stays valid.
    pub retired_at: Option<i64>,
}

const SIGNING: &str = "SELECT kid, master_kid, private_sealed, public_key, created_at, retired_at FROM signing_key
    ORDER BY created_at DESC, kid";
const INSERT_SIGNING: &str = "INSERT INTO signing_key (kid, master_kid, private_sealed, public_key, created_at)
    VALUES ($1, $2, $3, $4, $5)";
const RETIRE: &str = "UPDATE signing_key SET retired_at = $1 WHERE retired_at IS NULL";
const RESEAL: &str = "UPDATE signing_key SET master_kid = $2, private_sealed = $3 WHERE kid = $1";
const FORGET: &str = "DELETE FROM signing_key WHERE retired_at < $1";

/// Every signing key, newest first.
pub async fn signing_keys(db: &mut Session) -> Result<Vec<SigningKey>, StoreError> {
    Ok(on!(db, c => sqlx::query_as(SIGNING).fetch_all(&mut *c).await?))
}

/// Adds a signing key.
pub async fn insert_signing_key(db: &mut Session, key: &SigningKey) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(INSERT_SIGNING)
            .bind(key.kid.as_str())
            .bind(key.master_kid.as_str())
            .bind(key.private_sealed.as_slice())
            .bind(key.public_key.as_slice())
            .bind(key.created_at)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// Takes every key that signs out of service.
pub async fn retire_signing_keys(db: &mut Session, now: Millis) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(RETIRE).bind(now.0).execute(&mut *c).await?;
    });
    Ok(())
}

/// Forgets keys that were taken out of service before the instant; what they signed is no longer valid.
pub async fn forget_signing_keys(db: &mut Session, before: Millis) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(FORGET).bind(before.0).execute(&mut *c).await?;
    });
    Ok(())
}

/// Stores a signing key's private half under another master key.
pub async fn reseal_signing_key(
    db: &mut Session,
    kid: &str,
    master_kid: &str,
    private_sealed: &[u8],
) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(RESEAL).bind(kid).bind(master_kid).bind(private_sealed).execute(&mut *c).await?;
    });
    Ok(())
}

/// A tenant's data key, wrapped.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct WrappedKey {
    /// Whose.
    pub tenant: String,
    /// Which master key wraps it.
    pub master_kid: String,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
}

const DATA: &str = "SELECT tenant, master_kid, wrapped FROM data_key WHERE tenant = $1";
const DATA_OTHERS: &str = "SELECT tenant, master_kid, wrapped FROM data_key WHERE master_kid <> $1";
const INSERT_DATA: &str = "INSERT INTO data_key (tenant, master_kid, wrapped, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant) DO NOTHING";
const REWRAP: &str = "UPDATE data_key SET master_kid = $2, wrapped = $3 WHERE tenant = $1";

/// A tenant's data key.
pub async fn data_key(db: &mut Session, tenant: &TenantId) -> Result<Option<WrappedKey>, StoreError> {
    Ok(on!(db, c => sqlx::query_as(DATA).bind(tenant.as_str()).fetch_optional(&mut *c).await?))
}

/// The data keys that are wrapped under another master key than this one.
pub async fn data_keys_not_under(db: &mut Session, master_kid: &str) -> Result<Vec<WrappedKey>, StoreError> {
    Ok(on!(db, c => sqlx::query_as(DATA_OTHERS).bind(master_kid).fetch_all(&mut *c).await?))
}

/// Adds a tenant's data key, unless it has one.
pub async fn insert_data_key(db: &mut Session, key: &WrappedKey, now: Millis) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(INSERT_DATA)
            .bind(key.tenant.as_str())
            .bind(key.master_kid.as_str())
            .bind(key.wrapped.as_slice())
            .bind(now.0)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

/// Stores a tenant's data key under another master key.
pub async fn rewrap_data_key(db: &mut Session, key: &WrappedKey) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(REWRAP)
            .bind(key.tenant.as_str())
            .bind(key.master_kid.as_str())
            .bind(key.wrapped.as_slice())
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}
