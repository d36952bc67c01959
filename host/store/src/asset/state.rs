//! What is kept of assets besides their events.

use flow_model::ids::{AssetId, EntryKey, TenantId};
use flow_model::rest::asset_states::{AssetState, AssetStateWriter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;
use crate::view::dag_runs::json_text;

#[derive(sqlx::FromRow)]
struct Columns {
    key: String,
    value: String,
    updated_at: i64,
}

impl TryFrom<Columns> for AssetState {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            key: column::text("asset_state.key", &row.key)?,
            value: json_text("asset_state.value", row.value)?,
            updated_at: Millis(row.updated_at),
            last_updated_by: Some(AssetStateWriter::api()),
        })
    }
}

const SELECT: &str = "SELECT s.key, s.value, s.updated_at";
const STATES: Source = Source { from: "FROM asset_state AS s", beside: "", whose: "s.tenant = ?" };
const ORDER: Order = Order { sorts: &[by("key", "s.key"), by("updated_at", "s.updated_at")], tie: "s.key" };

/// What is kept of an asset, by key unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    asset: AssetId,
    page: &PageRequest,
) -> Result<Page<AssetState>, StoreError> {
    let states = Selection::of(STATES, tenant).and("s.asset_id = ?", [asset.0]);
    states.page::<Columns, _>(db, SELECT, ORDER, page).await
}

/// What is kept of an asset under `key`.
pub async fn get(
    db: &mut Session,
    tenant: &TenantId,
    asset: AssetId,
    key: &EntryKey,
) -> Result<Option<AssetState>, StoreError> {
    let state = Selection::of(STATES, tenant).and("s.asset_id = ?", [asset.0]).and("s.key = ?", [key.as_str()]);
    state.optional::<Columns>(db, SELECT).await?.map(AssetState::try_from).transpose()
}

const COUNT_OTHERS: &str = "SELECT COUNT(*) FROM asset_state WHERE tenant = $1 AND asset_id = $2 AND key <> $3";

/// How much is kept of an asset besides `key`.
pub async fn count_others(
    db: &mut Session,
    tenant: &TenantId,
    asset: AssetId,
    key: &EntryKey,
) -> Result<u64, StoreError> {
    let total: i64 = on!(db, c => sqlx::query_scalar(COUNT_OTHERS)
        .bind(tenant.as_str()).bind(asset.0).bind(key.as_str()).fetch_one(&mut *c).await)?;
    column::count("asset_state", total)
}

const PUT: &str = "INSERT INTO asset_state (tenant, asset_id, key, value, updated_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (asset_id, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";

/// Keeps something of an asset, in place of what was kept under `key`.
pub async fn put(
    db: &mut Session,
    (tenant, asset): (&TenantId, AssetId),
    key: &EntryKey,
    value: &str,
    now: Millis,
) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(PUT)
            .bind(tenant.as_str())
            .bind(asset.0)
            .bind(key.as_str())
            .bind(value)
            .bind(now.0)
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

const REMOVE: &str = "DELETE FROM asset_state WHERE tenant = $1 AND asset_id = $2 AND ($3 IS NULL OR key = $3)";

/// Forgets one entry of an asset, or all without a `key`.
pub async fn remove(
    db: &mut Session,
    tenant: &TenantId,
    asset: AssetId,
    key: Option<&EntryKey>,
) -> Result<(), StoreError> {
    let key = key.map(EntryKey::as_str);
    on!(db, c => sqlx::query(REMOVE)
        .bind(tenant.as_str()).bind(asset.0).bind(key).execute(&mut *c).await.map(drop))?;
    Ok(())
}
