//! What this process remembers of limits, so that task instances under none of them cost nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flow_model::admission::DEFAULT_POOL;
use flow_model::ids::TenantId;
use flow_model::time::Millis;
use flow_store::{Session, StoreError, slot_pool};

/// For how long it is taken for granted that another node has not given a default pool its end.
const FRESH: Duration = Duration::from_secs(1);
/// How many tenants are remembered before those that nobody asked for lately are forgotten.
const SWEEP_AT: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(crate) struct Limits {
    /// Whose default pool is counted, and when that was last looked up.
    counted: Mutex<HashMap<TenantId, (bool, Millis)>>,
    /// Who may have to be admitted although nothing is freed for them.
    overlooked: Mutex<BTreeSet<TenantId>>,
}

impl Limits {
    /// Whether the default pool of a tenant is counted. Once it is, it stays so.
    pub(crate) async fn counts(&self, db: &mut Session, tenant: &TenantId, now: Millis) -> Result<bool, StoreError> {
        let known = self.counted.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).copied();
        if let Some((counted, at)) = known
            && (counted || now.since(at) < FRESH)
        {
            return Ok(counted);
        }
        let counted = match DEFAULT_POOL.parse() {
            Ok(name) => slot_pool::get(db, tenant, &name).await?.is_some_and(|pool| pool.counted),
            Err(_) => false,
        };
        let mut all = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SWEEP_AT {
            all.retain(|_, (_, at)| now.since(*at) < FRESH);
        }
        all.insert(tenant.clone(), (counted, now));
        Ok(counted)
    }

    /// From now on the default pool of the tenant is counted.
    pub(crate) fn begin_to_count(&self, tenant: &TenantId, now: Millis) {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), (true, now));
    }

    /// Somebody of this tenant could perhaps begin and was passed over.
    pub(crate) fn overlook(&self, tenant: &TenantId) {
        self.overlooked.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone());
    }

    /// Whether somebody was passed over.
    pub(crate) fn has_overlooked(&self) -> bool {
        !self.overlooked.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Those who were passed over since the last call.
    pub(crate) fn take_overlooked(&self) -> BTreeSet<TenantId> {
        std::mem::take(&mut *self.overlooked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
