//! Sharing an asset with another tenant: the owner offers it, the other accepts it under a name of its own.
//!
//! From then on each event of the asset is copied to the other tenant's asset, without what it says of its source. Neither
//! side sees anything else of the other's, and neither learns of tenants and assets that have nothing to do with it.

use flow_model::ids::{AssetId, AssetName, GrantId, TenantId};
use flow_model::rest::assets::{AcceptGrant, AssetGrant, IncomingGrant, OfferAsset};
use flow_model::rest::{Page, PageRequest};
use flow_store::asset::{self, Named, grant};
use flow_store::{Session, StoreError};
use serde_json::json;

use super::read::absent;
use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

impl LocalBroker {
    /// To whom an asset is offered.
    pub async fn asset_grants(
        &self,
        tenant: &TenantId,
        id: AssetId,
        page: &PageRequest,
    ) -> Result<Page<AssetGrant>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        asset::get(&mut db, tenant, id).await?.ok_or_else(|| absent(id))?;
        Ok(grant::offers(&mut db, tenant, id, page).await?)
    }

    /// Offers an asset to another tenant.
    pub async fn offer_asset(&self, actor: &Actor, id: AssetId, offer: OfferAsset) -> Result<AssetGrant, ServiceError> {
        let (tenant, to, now) = (&actor.tenant, offer.to_tenant, self.now());
        let mut tx = self.inner.store.begin("offer asset").await?;
        let known = asset::get(&mut tx, tenant, id).await?.ok_or_else(|| absent(id))?;
        if to == *tenant {
            return Err(ServiceError::invalid("to_tenant", "an asset is there for its own tenant anyway"));
        }
        if grant::is_foreign(&mut tx, tenant, id).await? {
            let reason = "another tenant shares it with this one; only its owner can offer it";
            return Err(ServiceError::conflict(format!("asset {:?}", known.name.as_str()), reason));
        }
        let offered = grant::offer(&mut tx, (tenant, id), &to, (now, &actor.name)).await?;
        let Some(number) = offered else {
            let reason = format!("it is offered to tenant {:?} already", to.as_str());
            return Err(ServiceError::conflict(format!("asset {:?}", known.name.as_str()), reason));
        };
        let extra = json!({"asset_id": id, "to_tenant": to});
        audit::note(&mut tx, actor, now, "post_asset_grant", &extra)?;
        tx.commit().await?;
        Ok(AssetGrant {
            id: number,
            asset_id: id,
            asset_name: known.name,
            to_tenant: to,
            offered_at: now,
            offered_by: actor.name.clone(),
            accepted_at: None,
        })
    }

    /// Takes an offer back; if it was accepted, no further event is shared.
    pub async fn withdraw_asset(&self, actor: &Actor, id: AssetId, number: GrantId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("withdraw asset").await?;
        let to = grant::withdraw(&mut tx, &actor.tenant, id, number).await?.ok_or_else(|| no_grant(number))?;
        asset::retire(&mut tx, &to).await?;
        let extra = json!({"asset_id": id, "to_tenant": to});
        audit::note(&mut tx, actor, self.now(), "delete_asset_grant", &extra)?;
        Ok(tx.commit().await?)
    }

    /// What other tenants offer.
    pub async fn incoming_grants(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<IncomingGrant>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(grant::incoming(&mut db, tenant, page).await?)
    }

    /// Accepts what another tenant offers.
    pub async fn accept_grant(
        &self,
        actor: &Actor,
        number: GrantId,
        body: AcceptGrant,
    ) -> Result<IncomingGrant, ServiceError> {
        let (tenant, now) = (&actor.tenant, self.now());
        let mut tx = self.inner.store.begin("accept asset").await?;
        let accepted = grant::lock_incoming(&mut tx, tenant, number).await?.ok_or_else(|| no_grant(number))?;
        if accepted.is_some() {
            return Err(ServiceError::conflict(format!("grant {number}"), "it is accepted already"));
        }
        let offer = one(&mut tx, tenant, number).await?;
        let name = match body.name {
            Some(name) => name,
            None => format!("{}/{}", offer.from_tenant, offer.asset_name).parse::<AssetName>()?,
        };
        let named = [Named { tenant, name: name.as_str() }];
        asset::mention(&mut tx, &named, now).await?;
        let local = asset::named(&mut tx, &named).await?.into_iter().next().ok_or(ServiceError::Internal)?;
        let taken = grant::is_foreign(&mut tx, tenant, local.id).await?;
        if taken || grant::is_claimed(&mut tx, tenant, local.id).await? {
            let reason = "the tenant has an asset of this name or URI already; choose another name";
            return Err(ServiceError::conflict(format!("asset {:?}", name.as_str()), reason));
        }
        grant::accept(&mut tx, tenant, (number, local.id), now).await?;
        asset::activate(&mut tx, tenant).await?;
        let extra = json!({"grant_id": number, "name": name});
        audit::note(&mut tx, actor, now, "accept_asset_grant", &extra)?;
        let shown = one(&mut tx, tenant, number).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// Declines what another tenant offers, also after it was accepted.
    pub async fn decline_grant(&self, actor: &Actor, number: GrantId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("decline asset").await?;
        if !grant::decline(&mut tx, &actor.tenant, number).await? {
            return Err(no_grant(number));
        }
        asset::retire(&mut tx, &actor.tenant).await?;
        audit::note(&mut tx, actor, self.now(), "decline_asset_grant", &json!({"grant_id": number}))?;
        Ok(tx.commit().await?)
    }
}

async fn one(db: &mut Session, tenant: &TenantId, number: GrantId) -> Result<IncomingGrant, ServiceError> {
    let found: Result<_, StoreError> = grant::incoming_one(db, tenant, number).await;
    found?.ok_or_else(|| no_grant(number))
}

fn no_grant(number: GrantId) -> ServiceError {
    ServiceError::not_found("asset grant", number)
}
