//! Removing what nobody needs any more: runs and jobs that ended long ago, old events of assets, tokens and what tasks
//! remember that have expired.

use std::collections::BTreeMap;

use flow_model::ids::{RunKey, TenantId};
use flow_model::time::Millis;
use flow_store::{Store, StoreError, asset, job, run, task_state, token};

/// Runs that go in one transaction, so that a live host never waits long for its turn.
const ROUND: u32 = 256;

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// Runs, each with its task instances, results and logs.
    pub runs: u64,
}

/// Removes runs that ended before an instant, of all tenants, jobs that did, tokens, what tasks remember, and events of
/// assets from before it. It needs no keys, and a live host may go on meanwhile.
pub async fn clean(store: &Store, before: Millis) -> Result<Cleaned, StoreError> {
    let mut cleaned = Cleaned::default();
    let mut after = None;
    loop {
        let mut tx = store.begin("clean runs").await?;
        let ended = run::lock_ended(&mut tx, after, before, ROUND).await?;
        let Some((_, last)) = ended.last() else { break };
        after = Some(*last);
        cleaned.runs += u64::try_from(ended.len()).unwrap_or(0);
        let mut of_tenant: BTreeMap<TenantId, Vec<RunKey>> = BTreeMap::new();
        for (tenant, key) in ended {
            of_tenant.entry(tenant).or_default().push(key);
        }
        for (tenant, keys) in of_tenant {
            run::delete(&mut tx, &tenant, &keys).await?;
        }
        tx.commit().await?;
    }
    loop {
        let mut tx = store.begin("clean asset events").await?;
        let gone = asset::event::forget(&mut tx, before, ROUND).await?;
        tx.commit().await?;
        if gone < u64::from(ROUND) {
            break;
        }
    }
    let mut tx = store.begin("clean what has expired").await?;
    task_state::forget_expired(&mut tx, before).await?;
    token::forget_expired(&mut tx, before).await?;
    job::forget_ended(&mut tx, before).await?;
    tx.commit().await?;
    Ok(cleaned)
}
