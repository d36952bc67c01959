//! What is kept of assets besides their events, as people and programs see and change it.

use flow_model::call::limit;
use flow_model::ids::{AssetId, EntryKey, TenantId};
use flow_model::quota;
use flow_model::rest::asset_states::{AssetState, AssetStateBody};
use flow_model::rest::{Page, PageRequest};
use flow_store::asset::{self, state};
use flow_store::{Session, Tx};
use serde_json::json;

use super::read::absent;
use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::task_states::check_value;

impl LocalBroker {
    /// What is kept of an asset.
    pub async fn asset_states(
        &self,
        tenant: &TenantId,
        id: AssetId,
        page: &PageRequest,
    ) -> Result<Page<AssetState>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        known(&mut db, tenant, id).await?;
        Ok(state::list(&mut db, tenant, id, page).await?)
    }

    /// What is kept of an asset under `key`.
    pub async fn asset_state(
        &self,
        tenant: &TenantId,
        id: AssetId,
        key: &EntryKey,
    ) -> Result<AssetState, ServiceError> {
        let mut db = self.inner.store.read().await?;
        known(&mut db, tenant, id).await?;
        let found = state::get(&mut db, tenant, id, key).await?;
        found.ok_or_else(|| ServiceError::not_found("asset state", key))
    }

    /// Keeps something of an asset, in place of what was kept under `key`.
    pub async fn put_asset_state(
        &self,
        actor: &Actor,
        id: AssetId,
        key: &EntryKey,
        body: AssetStateBody,
    ) -> Result<(), ServiceError> {
        check_value(&body.value)?;
        let mut tx = self.locked_asset(actor, id).await?;
        let others = state::count_others(&mut tx, &actor.tenant, id, key).await?;
        quota::admit("asset state keys", others, 1, limit::STATE_KEYS)?;
        state::put(&mut tx, (&actor.tenant, id), key, body.value.as_str(), self.now()).await?;
        audit::note(&mut tx, actor, self.now(), "put_asset_state", &json!({"asset_id": id, "key": key}))?;
        Ok(tx.commit().await?)
    }

    /// Forgets what is kept of an asset under `key`, if something is, or everything without a key.
    pub async fn delete_asset_state(
        &self,
        actor: &Actor,
        id: AssetId,
        key: Option<&EntryKey>,
    ) -> Result<(), ServiceError> {
        let mut tx = self.locked_asset(actor, id).await?;
        state::remove(&mut tx, &actor.tenant, id, key).await?;
        audit::note(&mut tx, actor, self.now(), "delete_asset_state", &json!({"asset_id": id, "key": key}))?;
        Ok(tx.commit().await?)
    }

    /// A transaction in which the tenant is locked, so that nobody else adds to what is counted.
    async fn locked_asset(&self, actor: &Actor, id: AssetId) -> Result<Tx, ServiceError> {
        let mut tx = self.inner.store.begin("change asset state").await?;
        self.inner.locked_tenant(&mut tx, &actor.tenant).await?;
        known(&mut tx, &actor.tenant, id).await?;
        Ok(tx)
    }
}

async fn known(db: &mut Session, tenant: &TenantId, id: AssetId) -> Result<(), ServiceError> {
    asset::get(db, tenant, id).await?.map(drop).ok_or_else(|| absent(id))
}
