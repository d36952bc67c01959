//! How much work there is, of all tenants together.

use crate::column;
use crate::error::StoreError;
use crate::session::Session;

/// How much work there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// It awaits a worker.
    pub claimable: u64,
    /// It awaits its time.
    pub delayed: u64,
    /// A worker has it.
    pub leased: u64,
}

const CENSUS: &str = "SELECT (SELECT COUNT(*) FROM work WHERE worker IS NULL AND turn IS NOT NULL), \
     (SELECT COUNT(*) FROM work WHERE turn IS NULL), (SELECT COUNT(*) FROM work WHERE worker IS NOT NULL)";

/// Counts the work of all tenants.
pub async fn census(db: &mut Session) -> Result<Census, StoreError> {
    let (claimable, delayed, leased): (i64, i64, i64) = on!(db, c => sqlx::query_as(CENSUS).fetch_one(&mut *c).await?);
    Ok(Census {
        claimable: column::count("work", claimable)?,
        delayed: column::count("work", delayed)?,
        leased: column::count("work", leased)?,
    })
}
