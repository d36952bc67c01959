//! The bytes of components, each stored once. A tenant reaches them only through a version of a module of its own.

use bytes::Bytes;
use flow_model::ids::{Digest, TenantId};
use flow_model::time::Millis;

use crate::error::StoreError;
use crate::session::Session;

// The update takes the row's lock, so that nobody removes the bytes before this transaction has its version refer to them.
const PUT: &str = "INSERT INTO blob (digest, size, bytes, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (digest) DO UPDATE SET size = excluded.size";

/// Stores bytes, unless they are there.
pub async fn put(db: &mut Session, digest: &Digest, bytes: &[u8], now: Millis) -> Result<(), StoreError> {
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    on!(db, c => {
        sqlx::query(PUT).bind(digest.to_string()).bind(size).bind(bytes).bind(now.0).execute(&mut *c).await?;
    });
    Ok(())
}

const GET: &str = "SELECT bytes FROM blob WHERE digest = $2
    AND EXISTS (SELECT 1 FROM module_version WHERE tenant = $1 AND digest = $2)";

/// The bytes of a digest, if a module of the tenant has a version of it.
pub async fn get(db: &mut Session, tenant: &TenantId, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
    let bytes: Option<Vec<u8>> = on!(db, c => {
        sqlx::query_scalar(GET).bind(tenant.as_str()).bind(digest.to_string()).fetch_optional(&mut *c).await?
    });
    Ok(bytes.map(Bytes::from))
}

const LOCK: &str = "UPDATE blob SET size = size WHERE digest = $1";
const SWEEP: &str = "DELETE FROM blob WHERE digest = $1
    AND NOT EXISTS (SELECT 1 FROM module_version WHERE module_version.digest = $1)";

/// Removes bytes that no version refers to any more. The lock comes first, in a statement of its own: the second one then
/// sees what whoever held the lock before has committed.
pub async fn sweep(db: &mut Session, digests: &[Digest]) -> Result<(), StoreError> {
    for digest in digests {
        let digest = digest.to_string();
        for statement in [LOCK, SWEEP] {
            on!(db, c => sqlx::query(statement).bind(digest.as_str()).execute(&mut *c).await.map(drop))?;
        }
    }
    Ok(())
}
