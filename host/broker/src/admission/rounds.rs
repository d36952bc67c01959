//! Looking again at who waits: after a pool has changed, for those who were passed over, and now and then at everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flow_model::admission::LimitKey;
use flow_model::ids::TenantId;
use flow_model::time::Millis;
use flow_store::{StoreError, lane};

use super::admit;
use crate::local::LocalBroker;

/// How often everybody who waits is looked at, so that whatever was missed costs time and nothing more.
const SLOW: Duration = Duration::from_secs(30);

impl LocalBroker {
    /// Lets begin who may, of those who wait for these limits.
    pub(crate) async fn readmit(
        &self,
        tenant: &TenantId,
        keys: impl IntoIterator<Item = LimitKey>,
    ) -> Result<(), StoreError> {
        let mut tx = self.inner.store.begin("admit").await?;
        let written = admit(&mut tx, &self.inner.engine, tenant, keys.into_iter().collect()).await?;
        tx.commit().await?;
        self.written(written);
        Ok(())
    }

    /// Looks at those who were passed over and, every half minute, at everybody who waits. Whether it is to be called again
    /// at once is for [`super::Memory::has_overlooked`] to say.
    pub(crate) async fn readmit_waiting(&self, now: Millis) -> Result<(), StoreError> {
        let limits = &self.inner.engine.limits;
        let overlooked = limits.take_overlooked();
        let everybody = limits.is_due(now, SLOW);
        if overlooked.is_empty() && !everybody {
            return Ok(());
        }
        let mut waiting: BTreeMap<TenantId, BTreeSet<LimitKey>> = BTreeMap::new();
        for (tenant, key) in lane::tenants_waiting(&mut self.inner.store.read().await?).await? {
            if everybody || overlooked.contains(&tenant) {
                waiting.entry(tenant).or_default().insert(key);
            }
        }
        for (tenant, keys) in waiting {
            self.readmit(&tenant, keys).await?;
        }
        Ok(())
    }
}
