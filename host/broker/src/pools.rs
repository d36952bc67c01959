//! Pools: how many slots a tenant's task instances share, and what takes them now.

use std::collections::HashMap;

use flow_model::admission::{LimitKey, Room, Standings, is_default_pool};
use flow_model::ids::{PoolName, TenantId};
use flow_model::quota;
use flow_model::rest::pools::{Pool, PoolBody, PoolPatch};
use flow_model::rest::{Names, Page, PageRequest};
use flow_store::slot_pool::{self, PoolRow};
use flow_store::{Session, lane};
use serde_json::json;

use crate::admission;
use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::variables::{check_team, checked_description};

impl LocalBroker {
    /// The pools of a tenant whose names are among `names`.
    pub async fn pools(
        &self,
        tenant: &TenantId,
        names: Names<'_>,
        page: &PageRequest,
    ) -> Result<Page<Pool>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = slot_pool::list(&mut db, tenant, names, page).await?;
        Ok(Page { entries: shown(&mut db, tenant, found.entries).await?, total: found.total })
    }

    /// One pool.
    pub async fn pool(&self, tenant: &TenantId, name: &PoolName) -> Result<Pool, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = slot_pool::get(&mut db, tenant, name).await?.ok_or_else(|| absent(name))?;
        shown_one(&mut db, tenant, found).await
    }

    /// Creates a pool; what waited for it begins.
    pub async fn create_pool(&self, actor: &Actor, body: PoolBody) -> Result<Pool, ServiceError> {
        check_team(body.team_name.as_deref())?;
        let (now, name) = (self.now(), body.name.clone());
        let new = PoolRow {
            name: body.name,
            slots: checked_slots(body.slots)?,
            description: checked_description(body.description)?,
            include_deferred: body.include_deferred,
            counted: true,
        };
        let mut tx = self.inner.store.begin("create pool").await?;
        let allowed = self.inner.locked_tenant(&mut tx, &actor.tenant).await?.quota.pools;
        if !slot_pool::insert(&mut tx, &actor.tenant, &new, now).await? {
            return Err(ServiceError::conflict(format!("pool {:?}", name.as_str()), "it exists already"));
        }
        quota::admit("pools", slot_pool::count(&mut tx, &actor.tenant).await? - 1, 1, allowed)?;
        audit::note(&mut tx, actor, now, "post_pool", &json!({"name": name, "slots": new.slots}))?;
        tx.commit().await?;
        self.readmit(&actor.tenant, [LimitKey::Pool(name.clone())]).await?;
        self.pool(&actor.tenant, &name).await
    }

    /// Changes a pool; what `patch` leaves out stays as it is. If there are more slots, what waited for them begins; what has
    /// begun stays, if there are fewer.
    pub async fn patch_pool(&self, actor: &Actor, name: &PoolName, patch: PoolPatch) -> Result<Pool, ServiceError> {
        check_team(patch.team_name.as_deref())?;
        if patch.name.as_ref().is_some_and(|given| given != name) {
            return Err(ServiceError::refused("name", "the name in the body differs from the one in the path"));
        }
        let now = self.now();
        let mut tx = self.inner.store.begin("patch pool").await?;
        let engine = &self.inner.engine;
        let begins_to_count = is_default_pool(name) && patch.slots.is_some_and(|slots| slots >= 0);
        let counted_anew =
            if begins_to_count { admission::begin_to_count(&mut tx, engine, &actor.tenant).await? } else { false };
        slot_pool::lock_default(&mut tx, &actor.tenant).await?;
        let mut row = slot_pool::get(&mut tx, &actor.tenant, name).await?.ok_or_else(|| absent(name))?;
        row.slots = patch.slots.map(checked_slots).transpose()?.unwrap_or(row.slots);
        let description = checked_description(patch.description.apply(row.description.clone()))?;
        if is_default_pool(name) && description != row.description {
            let reason = "only slots and include_deferred of the default pool can be changed; leave it out";
            return Err(ServiceError::refused("description", reason));
        }
        row.description = description;
        row.include_deferred = patch.include_deferred.unwrap_or(row.include_deferred);
        row.counted |= counted_anew;
        slot_pool::update(&mut tx, &actor.tenant, &row, now).await?;
        let after = json!({"name": name, "slots": row.slots, "include_deferred": row.include_deferred});
        audit::note(&mut tx, actor, now, "patch_pool", &after)?;
        tx.commit().await?;
        self.readmit(&actor.tenant, [LimitKey::Pool(name.clone())]).await?;
        self.pool(&actor.tenant, name).await
    }

    /// Deletes a pool. What has its slots goes on; what waits for them does so until there is a pool of this name again.
    pub async fn delete_pool(&self, actor: &Actor, name: &PoolName) -> Result<(), ServiceError> {
        if is_default_pool(name) {
            return Err(ServiceError::refused("pool \"default_pool\"", "the default pool cannot be deleted"));
        }
        let mut tx = self.inner.store.begin("delete pool").await?;
        slot_pool::lock_default(&mut tx, &actor.tenant).await?;
        if !slot_pool::delete(&mut tx, &actor.tenant, name).await? {
            return Err(absent(name));
        }
        audit::note(&mut tx, actor, self.now(), "delete_pool", &json!({"name": name}))?;
        Ok(tx.commit().await?)
    }
}

fn absent(name: &PoolName) -> ServiceError {
    ServiceError::not_found("pool", name)
}

fn checked_slots(slots: i64) -> Result<i64, ServiceError> {
    // Slots are summed with what waits for them, so that they must leave room in the sum.
    const MOST: i64 = i32::MAX as i64;
    if (-1..=MOST).contains(&slots) {
        return Ok(slots);
    }
    Err(ServiceError::invalid("slots", format!("use 0 to {MOST}, or -1 for as many as anybody wants")))
}

async fn shown_one(db: &mut Session, tenant: &TenantId, row: PoolRow) -> Result<Pool, ServiceError> {
    let name = row.name.clone();
    shown(db, tenant, vec![row]).await?.pop().ok_or_else(|| absent(&name))
}

/// Pools with what takes their slots and what waits for them.
async fn shown(db: &mut Session, tenant: &TenantId, rows: Vec<PoolRow>) -> Result<Vec<Pool>, ServiceError> {
    let keys: Vec<LimitKey> = rows.iter().map(|row| LimitKey::Pool(row.name.clone())).collect();
    let mut counts: HashMap<LimitKey, Standings> = lane::taken(db, tenant, &keys).await?.into_iter().collect();
    for (key, waiting) in lane::waiting(db, tenant, &keys).await? {
        counts.entry(key).or_default().waiting = waiting;
    }
    let mut pools = Vec::with_capacity(rows.len());
    for (row, key) in rows.into_iter().zip(keys) {
        let count = if row.counted {
            counts.get(&key).copied().unwrap_or_default()
        } else {
            let (queued, running) = slot_pool::uncounted(db, tenant).await?;
            Standings { queued, running, ..Standings::default() }
        };
        pools.push(pool(row, &key, count));
    }
    Ok(pools)
}

fn pool(row: PoolRow, key: &LimitKey, count: Standings) -> Pool {
    let occupied = count.taken(key, row.include_deferred);
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    let open_slots = match row.room() {
        Room::Endless | Room::Missing => -1,
        Room::Slots(slots) => i64::try_from(slots.saturating_sub(occupied)).unwrap_or(i64::MAX),
    };
    Pool {
        name: row.name,
        slots: row.slots,
        description: row.description,
        include_deferred: row.include_deferred,
        occupied_slots: occupied,
        running_slots: number(count.running),
        queued_slots: number(count.queued),
        scheduled_slots: number(count.waiting),
        open_slots,
        deferred_slots: number(count.deferred),
        team_name: None,
    }
}
