//! Looking again at who waits: after a pool has changed, for those who were passed over, and now and then at everybody.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::admission::LimitKey;
use flow_model::ids::TenantId;
use flow_store::{StoreError, lane};

use super::admit;
use crate::local::LocalBroker;

impl LocalBroker {
    /// Lets begin who may, of those who wait for these limits.
    pub(crate) async fn readmit(
        &self,
        tenant: &TenantId,
        keys: impl IntoIterator<Item = LimitKey>,
    ) -> Result<(), StoreError> {
        let mut tx = self.inner.store.begin("admit").await?;
        let written = admit(&mut tx, &self.inner.engine, tenant, keys.into_iter().collect()).await?;
        self.conclude(tx, written).await
    }

    /// Looks at those who were passed over; at everybody who waits, if `all`. If somebody is passed over again, it is to be
    /// called again in a moment: see [`crate::engine::Limits::has_overlooked`].
    pub(crate) async fn readmit_waiting(&self, all: bool) -> Result<(), StoreError> {
        let overlooked = self.inner.engine.limits.take_overlooked();
        if overlooked.is_empty() && !all {
            return Ok(());
        }
        let mut waiting: BTreeMap<TenantId, BTreeSet<LimitKey>> = BTreeMap::new();
        for (tenant, key) in lane::tenants_waiting(&mut self.inner.store.read().await?).await? {
            if all || overlooked.contains(&tenant) {
                waiting.entry(tenant).or_default().insert(key);
            }
        }
        for (tenant, keys) in waiting {
            let mut tx = self.inner.store.begin("admit").await?;
            let mut written = admit(&mut tx, &self.inner.engine, &tenant, keys).await?;
            // The timekeeper is the one who calls, and needs no hint.
            written.delays = false;
            self.conclude(tx, written).await?;
        }
        Ok(())
    }
}
