//! Assets that one tenant shares with another: offered by the one, accepted by the other.

use flow_model::ids::{AssetId, GrantId, TenantId};
use flow_model::rest::assets::{AssetGrant, IncomingGrant};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;
use serde::Serialize;

use super::AssetRow;
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

const OFFER: &str = "INSERT INTO asset_grant (tenant, asset_id, to_tenant, offered_at, offered_by) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id";

/// Offers an asset of a tenant to another; `None` if it is offered already.
pub async fn offer(
    db: &mut Session,
    (tenant, asset): (&TenantId, AssetId),
    to: &TenantId,
    (now, by): (Millis, &str),
) -> Result<Option<GrantId>, StoreError> {
    let id: Option<i64> = on!(db, c => {
        sqlx::query_scalar(OFFER)
            .bind(tenant.as_str())
            .bind(asset.0)
            .bind(to.as_str())
            .bind(now.0)
            .bind(by)
            .fetch_optional(&mut *c)
            .await?
    });
    Ok(id.map(GrantId))
}

const WITHDRAW: &str =
    "DELETE FROM asset_grant WHERE tenant = $1 AND asset_id = $2 AND id = $3 RETURNING to_tenant, local_asset_id";

/// Takes an offer back, accepted or not. Answers to whom it was made; `None` if there is no such offer.
pub async fn withdraw(
    db: &mut Session,
    tenant: &TenantId,
    asset: AssetId,
    grant: GrantId,
) -> Result<Option<TenantId>, StoreError> {
    let gone: Option<(String, Option<i64>)> = on!(db, c => {
        sqlx::query_as(WITHDRAW).bind(tenant.as_str()).bind(asset.0).bind(grant.0).fetch_optional(&mut *c).await?
    });
    gone.map(|(to, _)| column::text("asset_grant.to_tenant", &to)).transpose()
}

const LOCK_INCOMING: Batch = locking!("SELECT local_asset_id FROM asset_grant WHERE to_tenant = $1 AND id = $2");

/// Locks an offer that was made to a tenant. Answers the asset under which it was accepted, if it was; `None` if there is
/// no such offer.
pub async fn lock_incoming(
    db: &mut Session,
    to: &TenantId,
    grant: GrantId,
) -> Result<Option<Option<AssetId>>, StoreError> {
    let text = db.text(LOCK_INCOMING);
    let found: Option<Option<i64>> =
        on!(db, c => sqlx::query_scalar(text).bind(to.as_str()).bind(grant.0).fetch_optional(&mut *c).await)?;
    Ok(found.map(|local| local.map(AssetId)))
}

const ACCEPT: &str = "UPDATE asset_grant SET accepted_at = $4, local_asset_id = $3 WHERE to_tenant = $1 AND id = $2";

/// Accepts an offer that was made to a tenant, as an asset of its own.
pub async fn accept(
    db: &mut Session,
    to: &TenantId,
    (grant, local): (GrantId, AssetId),
    now: Millis,
) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(ACCEPT).bind(to.as_str()).bind(grant.0).bind(local.0).bind(now.0).execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

const DECLINE: &str = "DELETE FROM asset_grant WHERE to_tenant = $1 AND id = $2";

/// Declines an offer that was made to a tenant, also one that it has accepted; `false` if there is none.
pub async fn decline(db: &mut Session, to: &TenantId, grant: GrantId) -> Result<bool, StoreError> {
    let gone = on!(db, c => {
        sqlx::query(DECLINE).bind(to.as_str()).bind(grant.0).execute(&mut *c).await?.rows_affected()
    });
    Ok(gone == 1)
}

const IS_FOREIGN: &str = "SELECT EXISTS (SELECT 1 FROM asset_grant WHERE to_tenant = $1 AND local_asset_id = $2)";

/// Whether an asset of a tenant is one that another shares with it.
pub async fn is_foreign(db: &mut Session, tenant: &TenantId, asset: AssetId) -> Result<bool, StoreError> {
    Ok(on!(db, c => sqlx::query_scalar(IS_FOREIGN).bind(tenant.as_str()).bind(asset.0).fetch_one(&mut *c).await)?)
}

const IS_CLAIMED: &str = "SELECT EXISTS (SELECT 1 FROM asset AS a JOIN asset_reference AS x ON x.tenant = a.tenant \
     AND x.target = a.name AND x.kind IN ('declared', 'outlet') WHERE a.tenant = $1 AND a.id = $2) \
     OR EXISTS (SELECT 1 FROM asset AS a JOIN asset AS o ON o.tenant = a.tenant AND o.uri = a.uri AND o.id <> a.id \
     AND o.is_active WHERE a.tenant = $1 AND a.id = $2)";

/// Whether DAGs of the tenant declare or update an asset, or know another one by its URI.
pub async fn is_claimed(db: &mut Session, tenant: &TenantId, asset: AssetId) -> Result<bool, StoreError> {
    Ok(on!(db, c => sqlx::query_scalar(IS_CLAIMED).bind(tenant.as_str()).bind(asset.0).fetch_one(&mut *c).await)?)
}

#[derive(Serialize)]
struct IdColumns<'a> {
    n: usize,
    tenant: &'a str,
    id: AssetId,
}

const COPIES: Batch = batch!(
    "SELECT r.n, a.id, a.tenant, a.name, a.uri FROM ",
    rows(n bigint, tenant text, id bigint),
    " CROSS JOIN asset_grant AS g JOIN asset AS a ON a.id = g.local_asset_id AND a.tenant = g.to_tenant \
     WHERE g.tenant = r.tenant AND g.asset_id = r.id ORDER BY r.n, a.id"
);

#[derive(sqlx::FromRow)]
struct CopyColumns {
    n: i64,
    #[sqlx(flatten)]
    asset: super::Columns,
}

/// The assets of other tenants that get a copy of the events of these, each with the place of the original.
pub async fn copies(db: &mut Session, assets: &[(&TenantId, AssetId)]) -> Result<Vec<(usize, AssetRow)>, StoreError> {
    let part: Vec<IdColumns<'_>> =
        assets.iter().enumerate().map(|(n, &(tenant, id))| IdColumns { n, tenant: tenant.as_str(), id }).collect();
    let found: Vec<CopyColumns> = db.find(COPIES, &part).await?;
    found.into_iter().map(|row| Ok((column::count("n", row.n)?, row.asset.try_into()?))).collect()
}

const OFFERS: Source =
    Source { from: "FROM asset_grant AS g JOIN asset AS a ON a.id = g.asset_id", beside: "", whose: "g.tenant = ?" };
const OFFERS_ORDER: Order = Order {
    sorts: &[
        by("id", "g.id"),
        by("to_tenant", "g.to_tenant"),
        by("offered_at", "g.offered_at"),
        by_nullable("accepted_at", "g.accepted_at"),
    ],
    tie: "g.id",
};

#[derive(sqlx::FromRow)]
struct OfferColumns {
    id: i64,
    asset_id: i64,
    name: String,
    to_tenant: String,
    offered_at: i64,
    offered_by: String,
    accepted_at: Option<i64>,
}

impl TryFrom<OfferColumns> for AssetGrant {
    type Error = StoreError;

    fn try_from(row: OfferColumns) -> Result<Self, StoreError> {
        Ok(Self {
            id: GrantId(row.id),
            asset_id: AssetId(row.asset_id),
            asset_name: column::text("asset.name", &row.name)?,
            to_tenant: column::text("asset_grant.to_tenant", &row.to_tenant)?,
            offered_at: Millis(row.offered_at),
            offered_by: row.offered_by,
            accepted_at: column::instant(row.accepted_at),
        })
    }
}

/// To whom an asset of a tenant is offered.
pub async fn offers(
    db: &mut Session,
    tenant: &TenantId,
    asset: AssetId,
    page: &PageRequest,
) -> Result<Page<AssetGrant>, StoreError> {
    let select = "SELECT g.id, g.asset_id, a.name, g.to_tenant, g.offered_at, g.offered_by, g.accepted_at";
    let of_asset = Selection::of(OFFERS, tenant).and("g.asset_id = ?", [asset.0]);
    of_asset.page::<OfferColumns, _>(db, select, OFFERS_ORDER, page).await
}

const INCOMING: Source = Source {
    from: "FROM asset_grant AS g JOIN asset AS a ON a.id = g.asset_id",
    beside: "LEFT JOIN asset AS l ON l.id = g.local_asset_id AND l.tenant = g.to_tenant",
    whose: "g.to_tenant = ?",
};
const INCOMING_ORDER: Order = Order {
    sorts: &[
        by("id", "g.id"),
        by("from_tenant", "g.tenant"),
        by("offered_at", "g.offered_at"),
        by_nullable("accepted_at", "g.accepted_at"),
    ],
    tie: "g.id",
};

#[derive(sqlx::FromRow)]
struct IncomingColumns {
    id: i64,
    tenant: String,
    name: String,
    offered_at: i64,
    accepted_at: Option<i64>,
    local_asset_id: Option<i64>,
    local_name: Option<String>,
}

impl TryFrom<IncomingColumns> for IncomingGrant {
    type Error = StoreError;

    fn try_from(row: IncomingColumns) -> Result<Self, StoreError> {
        Ok(Self {
            id: GrantId(row.id),
            from_tenant: column::text("asset_grant.tenant", &row.tenant)?,
            asset_name: column::text("asset.name", &row.name)?,
            offered_at: Millis(row.offered_at),
            accepted_at: column::instant(row.accepted_at),
            local_asset_id: row.local_asset_id.map(AssetId),
            local_name: column::optional("asset.name", row.local_name.as_deref())?,
        })
    }
}

const SELECT_INCOMING: &str =
    "SELECT g.id, g.tenant, a.name, g.offered_at, g.accepted_at, g.local_asset_id, l.name AS local_name";

/// What other tenants offer to a tenant.
pub async fn incoming(
    db: &mut Session,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<IncomingGrant>, StoreError> {
    Selection::of(INCOMING, tenant).page::<IncomingColumns, _>(db, SELECT_INCOMING, INCOMING_ORDER, page).await
}

/// One offer of another tenant to a tenant.
pub async fn incoming_one(
    db: &mut Session,
    tenant: &TenantId,
    grant: GrantId,
) -> Result<Option<IncomingGrant>, StoreError> {
    let one = Selection::of(INCOMING, tenant).and("g.id = ?", [grant.0]);
    one.optional::<IncomingColumns>(db, SELECT_INCOMING).await?.map(IncomingGrant::try_from).transpose()
}
