//! Assets and aliases: those that a tenant's DAGs declare, name or find while they run.

use flow_model::asset::{DEFAULT_GROUP, Identity};
use flow_model::ids::{AliasId, AssetId, AssetName, AssetUri, DagId, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

pub mod consumer;
pub mod emission;
pub mod event;
pub mod grant;
pub mod partition;
pub mod reference;
pub mod state;

/// An asset by everything that it is called.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Columns {
    id: i64,
    tenant: String,
    name: String,
    uri: String,
}

/// An asset by everything that it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow {
    /// Its number.
    pub id: AssetId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: AssetName,
    /// Its URI.
    pub uri: AssetUri,
}

impl TryFrom<Columns> for AssetRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: AssetId(row.id),
            tenant: column::text("asset.tenant", &row.tenant)?,
            name: column::text("asset.name", &row.name)?,
            uri: column::text("asset.uri", &row.uri)?,
        })
    }
}

/// A name within a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Named<'a> {
    /// Whose it is.
    #[serde(serialize_with = "as_text")]
    pub tenant: &'a TenantId,
    /// The name of an asset or of an alias.
    pub name: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls takes a reference")]
fn as_text<S: serde::Serializer>(tenant: &&TenantId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(tenant.as_str())
}

const NAMED: Batch = batch!(
    "SELECT a.id, a.tenant, a.name, a.uri FROM ",
    rows(tenant text, name text),
    " CROSS JOIN asset AS a WHERE a.tenant = r.tenant AND a.name = r.name"
);

/// The assets of these names.
pub async fn named(db: &mut Session, names: &[Named<'_>]) -> Result<Vec<AssetRow>, StoreError> {
    let found: Vec<Columns> = db.find(NAMED, names).await?;
    found.into_iter().map(AssetRow::try_from).collect()
}

const GET: &str = "SELECT id, tenant, name, uri FROM asset WHERE tenant = $1 AND id = $2";

/// One asset.
pub async fn get(db: &mut Session, tenant: &TenantId, id: AssetId) -> Result<Option<AssetRow>, StoreError> {
    let found: Option<Columns> =
        on!(db, c => sqlx::query_as(GET).bind(tenant.as_str()).bind(id.0).fetch_optional(&mut *c).await)?;
    found.map(AssetRow::try_from).transpose()
}

const MENTION: Batch = batch!(
    "INSERT INTO asset (tenant, name, uri, asset_group, extra, is_active, created_at, updated_at) \
     SELECT DISTINCT r.tenant, r.name, r.name, $2, '{}', false, $3, $3 FROM ",
    rows(tenant text, name text),
    " WHERE true ON CONFLICT (tenant, name) DO NOTHING"
);

/// Makes assets of names that are none yet; the name is the URI. They become active when somebody refers to them.
pub async fn mention(db: &mut Session, names: &[Named<'_>], now: Millis) -> Result<(), StoreError> {
    let (text, rows) = (db.text(MENTION), column::rows(names)?);
    let cast = now.0;
    on!(db, c => sqlx::query(text).bind(&rows).bind(DEFAULT_GROUP).bind(cast).execute(&mut *c).await.map(drop))?;
    Ok(())
}

/// An asset as a DAG declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// Its name.
    pub name: AssetName,
    /// Its URI.
    pub uri: AssetUri,
    /// Its group.
    #[serde(rename = "asset_group")]
    pub group: String,
    /// One JSON object.
    pub extra: String,
}

const DECLARE: Batch = batch!(
    "INSERT INTO asset (tenant, name, uri, asset_group, extra, is_active, created_at, updated_at) \
     SELECT $2, r.name, r.uri, r.asset_group, r.extra, false, $3, $3 FROM ",
    rows(name text, uri text, asset_group text, extra text),
    " WHERE true ON CONFLICT (tenant, name) DO UPDATE SET uri = excluded.uri, asset_group = excluded.asset_group, \
     extra = excluded.extra, is_active = false, updated_at = excluded.updated_at \
     WHERE (asset.uri, asset.asset_group, asset.extra) <> (excluded.uri, excluded.asset_group, excluded.extra)"
);

/// Creates assets or makes them what is declared; what changed is not active until [`activate`] finds it in use.
pub async fn declare(db: &mut Session, tenant: &TenantId, assets: &[Declared], now: Millis) -> Result<(), StoreError> {
    let (text, rows) = (db.text(DECLARE), column::rows(assets)?);
    on!(db, c => {
        sqlx::query(text).bind(&rows).bind(tenant.as_str()).bind(now.0).execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

/// Whether anything of the tenant refers to the asset `a`: a DAG, a reference to an alias that it is a member of, or an
/// accepted offer of another tenant.
macro_rules! in_use {
    () => {
        "(EXISTS (SELECT 1 FROM asset_reference AS x WHERE x.tenant = asset.tenant AND x.target = asset.name \
         AND x.kind IN ('declared', 'schedule_name', 'outlet', 'inlet')) \
         OR EXISTS (SELECT 1 FROM asset_reference AS x WHERE x.tenant = asset.tenant AND x.target = asset.uri \
         AND x.kind = 'schedule_uri') \
         OR EXISTS (SELECT 1 FROM asset_alias_member AS m JOIN asset_alias AS l ON l.id = m.alias_id \
         JOIN asset_reference AS x ON x.tenant = l.tenant AND x.target = l.name \
         AND x.kind IN ('schedule_alias', 'outlet_alias', 'inlet_alias') WHERE m.asset_id = asset.id) \
         OR EXISTS (SELECT 1 FROM asset_grant AS g WHERE g.local_asset_id = asset.id))"
    };
}

const RETIRE: &str = concat!("UPDATE asset SET is_active = false WHERE tenant = $1 AND is_active AND NOT ", in_use!());

/// Makes assets inactive that nobody refers to any more.
pub async fn retire(db: &mut Session, tenant: &TenantId) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(RETIRE).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    Ok(())
}

const ACTIVATE: &str = concat!(
    "UPDATE asset SET is_active = true WHERE tenant = $1 AND NOT is_active AND NOT EXISTS (SELECT 1 FROM asset AS o \
     WHERE o.tenant = asset.tenant AND o.uri = asset.uri AND o.id <> asset.id AND o.is_active) AND ",
    in_use!()
);

/// Makes assets active that somebody refers to. Of two with the same URI the one that is active stays it.
pub async fn activate(db: &mut Session, tenant: &TenantId) -> Result<(), StoreError> {
    on!(db, c => sqlx::query(ACTIVATE).bind(tenant.as_str()).execute(&mut *c).await.map(drop))?;
    Ok(())
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRow {
    /// Its number.
    pub id: AliasId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub name: AssetName,
}

#[derive(Serialize)]
struct AliasColumns<'a> {
    tenant: &'a str,
    name: &'a str,
    alias_group: &'a str,
}

const MENTION_ALIASES: Batch = batch!(
    "INSERT INTO asset_alias (tenant, name, alias_group) SELECT DISTINCT r.tenant, r.name, r.alias_group FROM ",
    rows(tenant text, name text, alias_group text),
    " WHERE true ON CONFLICT (tenant, name) DO NOTHING"
);
const ALIASES_NAMED: Batch = batch!(
    "SELECT l.id, l.tenant, l.name FROM ",
    rows(tenant text, name text),
    " CROSS JOIN asset_alias AS l WHERE l.tenant = r.tenant AND l.name = r.name"
);

/// The aliases of these names, each with its group; those that are not there yet are made.
pub async fn aliases(db: &mut Session, names: &[(Named<'_>, &str)]) -> Result<Vec<AliasRow>, StoreError> {
    let part: Vec<AliasColumns<'_>> = names
        .iter()
        .map(|(named, group)| AliasColumns { tenant: named.tenant.as_str(), name: named.name, alias_group: group })
        .collect();
    let rows = column::rows(&part)?;
    let text = db.text(MENTION_ALIASES);
    on!(db, c => sqlx::query(text).bind(&rows).execute(&mut *c).await.map(drop))?;
    let text = db.text(ALIASES_NAMED);
    let found: Vec<(i64, String, String)> = on!(db, c => sqlx::query_as(text).bind(&rows).fetch_all(&mut *c).await)?;
    let parse = |(id, tenant, name): (i64, String, String)| {
        Ok(AliasRow {
            id: AliasId(id),
            tenant: column::text("asset_alias.tenant", &tenant)?,
            name: column::text("asset_alias.name", &name)?,
        })
    };
    found.into_iter().map(parse).collect()
}

#[derive(Serialize)]
struct MemberColumns<'a> {
    alias_id: AliasId,
    asset_id: AssetId,
    tenant: &'a str,
}

const ADD_MEMBERS: Batch = batch!(
    "INSERT INTO asset_alias_member (alias_id, asset_id, tenant) SELECT r.alias_id, r.asset_id, r.tenant FROM ",
    rows(alias_id bigint, asset_id bigint, tenant text),
    " WHERE true ON CONFLICT DO NOTHING"
);

/// Notes that assets were updated under aliases.
pub async fn add_members(db: &mut Session, members: &[(&TenantId, AliasId, AssetId)]) -> Result<(), StoreError> {
    let part: Vec<MemberColumns<'_>> = members
        .iter()
        .map(|&(tenant, alias_id, asset_id)| MemberColumns { alias_id, asset_id, tenant: tenant.as_str() })
        .collect();
    db.write(ADD_MEMBERS, &part).await?;
    Ok(())
}

const SCHEDULED: &str = "SELECT DISTINCT a.name, a.uri, a.asset_group FROM asset_reference AS x \
     JOIN asset AS a ON a.tenant = x.tenant AND ((x.kind = 'schedule_name' AND a.name = x.target) \
     OR (x.kind = 'schedule_uri' AND a.uri = x.target AND a.is_active)) WHERE x.tenant = $1 AND x.dag_id = $2";

/// The assets that a DAG's schedule names, as far as they are there.
pub async fn scheduled(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Vec<Identity>, StoreError> {
    let found: Vec<(String, String, String)> =
        on!(db, c => sqlx::query_as(SCHEDULED).bind(tenant.as_str()).bind(dag.as_str()).fetch_all(&mut *c).await)?;
    let parse = |(name, uri, group): (String, String, String)| {
        Ok(Identity { name: column::text("asset.name", &name)?, uri: column::text("asset.uri", &uri)?, group })
    };
    found.into_iter().map(parse).collect()
}
