//! Counting runs anew: where a limit comes into being while task instances are under way, nobody has counted them yet.

use flow_model::admission::{DEFAULT_POOL, Standings, limits_of};
use flow_model::ids::{PoolName, TenantId};
use flow_store::lane::{self, Entry};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError, slot_pool};

use crate::engine::Engine;

/// Puts everything that the instances of these runs are under the limits that their versions give them now. The caller
/// holds the runs' locks.
pub(crate) async fn recount(
    db: &mut Session,
    engine: &Engine,
    tenant: &TenantId,
    runs: &[RunRow],
) -> Result<(), StoreError> {
    let counted = engine.limits.counts(db, tenant, engine.now()).await?;
    count_under(db, engine, (tenant, counted), runs).await
}

async fn count_under(
    db: &mut Session,
    engine: &Engine,
    (tenant, counted): (&TenantId, bool),
    runs: &[RunRow],
) -> Result<(), StoreError> {
    let keys: Vec<_> = runs.iter().map(|run| run.key).collect();
    lane::forget(db, tenant, &keys).await?;
    let present = lane::present(db, tenant, &keys).await?;
    let mut entries = Vec::new();
    for run in runs {
        let version = engine.versions.get(db, tenant, run.version).await?;
        for (&lane, &count) in present.iter().filter(|(lane, _)| lane.run == run.key) {
            let limits = limits_of(&version.graph, lane.task, run.key, counted);
            let rank = version.rank(run, lane.task);
            if !limits.is_empty() && count != Standings::default() {
                entries.push(Entry { tenant: tenant.clone(), lane, limits, rank, count });
            }
        }
    }
    lane::enter(db, &entries).await
}

/// Begins to count what takes slots of a tenant's default pool; `false` if that was done before. The caller gives the pool
/// its end in the same transaction.
pub(crate) async fn begin_to_count(db: &mut Session, engine: &Engine, tenant: &TenantId) -> Result<bool, StoreError> {
    let pool: PoolName = match DEFAULT_POOL.parse() {
        Ok(pool) => pool,
        Err(_) => return Ok(false),
    };
    if slot_pool::get(db, tenant, &pool).await?.is_none_or(|pool| pool.counted) {
        return Ok(false);
    }
    let runs = run::lock_active(db, tenant).await?;
    if slot_pool::lock_default(db, tenant).await?.is_none_or(|pool| pool.counted) {
        return Ok(false);
    }
    count_under(db, engine, (tenant, true), &runs).await?;
    // Before the commit: who takes runs up after it must find them counted. If it fails, too much is counted, to no effect.
    engine.limits.begin_to_count(tenant, engine.now());
    Ok(true)
}
