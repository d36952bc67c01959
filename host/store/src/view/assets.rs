//! Assets, aliases and queues as the API shows them.

use std::collections::HashMap;

use flow_model::asset::ReferenceKind;
use flow_model::ids::{AliasId, AssetEventId, AssetId, DagId, TenantId};
use flow_model::rest::assets::{
    Asset, AssetAlias, AssetFilter, DagReference, LastAssetEvent, QueuedEvent, TaskReference,
};
use flow_model::rest::{JsonText, Names, Page, PageRequest};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Columns {
    id: i64,
    name: String,
    uri: String,
    asset_group: String,
    extra: String,
    created_at: i64,
    updated_at: i64,
    last_event: Option<i64>,
    last_event_at: Option<i64>,
}

impl TryFrom<Columns> for Asset {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let last = row.last_event.zip(row.last_event_at);
        Ok(Self {
            id: AssetId(row.id),
            name: column::text("asset.name", &row.name)?,
            uri: column::text("asset.uri", &row.uri)?,
            group: row.asset_group,
            extra: json_text("asset.extra", row.extra)?,
            created_at: Millis(row.created_at),
            updated_at: Millis(row.updated_at),
            scheduled_dags: Vec::new(),
            producing_tasks: Vec::new(),
            consuming_tasks: Vec::new(),
            aliases: Vec::new(),
            watchers: Vec::new(),
            last_asset_event: last.map(|(id, at)| LastAssetEvent { id: AssetEventId(id), timestamp: Millis(at) }),
        })
    }
}

pub(super) fn json_text(column: &'static str, text: String) -> Result<JsonText, StoreError> {
    JsonText::new(text).map_err(|error| StoreError::Inconsistent { column, reason: error.to_string() })
}

const SELECT: &str = "SELECT a.id, a.name, a.uri, a.asset_group, a.extra, a.created_at, a.updated_at, e.id AS last_event, \
     e.occurred_at AS last_event_at";
const ASSETS: Source = Source {
    from: "FROM asset AS a",
    beside: "LEFT JOIN asset_event AS e ON e.id = (SELECT MAX(n.id) FROM asset_event AS n WHERE n.asset_id = a.id)",
    whose: "a.tenant = ?",
};
const ORDER: Order = Order {
    sorts: &[
        by("id", "a.id"),
        by("name", "a.name"),
        by("uri", "a.uri"),
        by("group", "a.asset_group"),
        by("created_at", "a.created_at"),
        by("updated_at", "a.updated_at"),
    ],
    tie: "a.id",
};

/// The assets that match `filter`, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    filter: &AssetFilter,
    page: &PageRequest,
) -> Result<Page<Asset>, StoreError> {
    let assets = Selection::of(ASSETS, tenant)
        .and_if(filter.only_active, "a.is_active")
        .and_like("a.name", filter.name_pattern.as_deref())
        .and_like("a.uri", filter.uri_pattern.as_deref())
        .and_prefix("a.name", filter.name_prefix_pattern.as_deref())
        .and_prefix("a.uri", filter.uri_prefix_pattern.as_deref())
        .and(
            "EXISTS (SELECT 1 FROM asset_reference AS x WHERE x.tenant = a.tenant AND (x.target = a.name \
             OR x.target = a.uri) AND x.dag_id IN (?))",
            &filter.dag_ids,
        );
    let mut found: Page<Asset> = assets.page::<Columns, _>(db, SELECT, ORDER, page).await?;
    complete(db, tenant, &mut found.entries).await?;
    Ok(found)
}

/// One asset.
pub async fn get(db: &mut Session, tenant: &TenantId, id: AssetId) -> Result<Option<Asset>, StoreError> {
    let one = Selection::of(ASSETS, tenant).and("a.id = ?", [id.0]);
    let Some(found) = one.optional::<Columns>(db, SELECT).await? else { return Ok(None) };
    let mut found = [Asset::try_from(found)?];
    complete(db, tenant, &mut found).await?;
    Ok(found.into_iter().next())
}

#[derive(Serialize)]
struct IdColumn {
    id: AssetId,
}

const REFERENCES: Batch = batch!(
    "SELECT r.id, x.kind, x.dag_id, x.task_id, x.created_at FROM ",
    rows(id bigint),
    " CROSS JOIN asset AS a JOIN asset_reference AS x ON x.tenant = a.tenant \
     AND ((x.target = a.name AND x.kind IN ('schedule_name', 'outlet', 'inlet')) \
     OR (x.target = a.uri AND x.kind = 'schedule_uri')) WHERE a.id = r.id AND a.tenant = $2 \
     ORDER BY x.dag_id, x.task_id, x.kind"
);
const ALIASES_OF: Batch = batch!(
    "SELECT r.id AS asset, l.id, l.name, l.alias_group FROM ",
    rows(id bigint),
    " CROSS JOIN asset_alias_member AS m JOIN asset_alias AS l ON l.id = m.alias_id \
     WHERE m.asset_id = r.id AND l.tenant = $2 ORDER BY l.name"
);

#[derive(sqlx::FromRow)]
struct ReferenceColumns {
    id: i64,
    kind: String,
    dag_id: String,
    task_id: String,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct OfAssetColumns {
    asset: i64,
    #[sqlx(flatten)]
    alias: AliasColumns,
}

/// Adds who refers to the assets, and their aliases.
async fn complete(db: &mut Session, tenant: &TenantId, assets: &mut [Asset]) -> Result<(), StoreError> {
    let ids: Vec<IdColumn> = assets.iter().map(|asset| IdColumn { id: asset.id }).collect();
    let rows = column::rows(&ids)?;
    let text = db.text(REFERENCES);
    let references: Vec<ReferenceColumns> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    let text = db.text(ALIASES_OF);
    let aliases: Vec<OfAssetColumns> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    let mut by_id: HashMap<i64, &mut Asset> = assets.iter_mut().map(|asset| (asset.id.0, asset)).collect();
    for row in references {
        if let Some(asset) = by_id.get_mut(&row.id) {
            refer(asset, &row)?;
        }
    }
    for row in aliases {
        if let Some(asset) = by_id.get_mut(&row.asset) {
            asset.aliases.push(row.alias.try_into()?);
        }
    }
    Ok(())
}

fn refer(asset: &mut Asset, row: &ReferenceColumns) -> Result<(), StoreError> {
    let dag_id: DagId = column::text("asset_reference.dag_id", &row.dag_id)?;
    let at = Millis(row.created_at);
    let task = |dag_id| {
        let task_id = column::text("asset_reference.task_id", &row.task_id)?;
        Ok::<_, StoreError>(TaskReference { dag_id, task_id, created_at: at, updated_at: at })
    };
    match column::named("asset_reference.kind", &row.kind, ReferenceKind::from_name)? {
        ReferenceKind::ScheduleName | ReferenceKind::ScheduleUri => {
            asset.scheduled_dags.push(DagReference { dag_id, created_at: at, updated_at: at });
        }
        ReferenceKind::Outlet => asset.producing_tasks.push(task(dag_id)?),
        ReferenceKind::Inlet => asset.consuming_tasks.push(task(dag_id)?),
        ReferenceKind::Declared
        | ReferenceKind::ScheduleAlias
        | ReferenceKind::OutletAlias
        | ReferenceKind::InletAlias => {}
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct AliasColumns {
    id: i64,
    name: String,
    alias_group: String,
}

impl TryFrom<AliasColumns> for AssetAlias {
    type Error = StoreError;

    fn try_from(row: AliasColumns) -> Result<Self, StoreError> {
        Ok(Self { id: AliasId(row.id), name: column::text("asset_alias.name", &row.name)?, group: row.alias_group })
    }
}

const ALIASES: Source = Source { from: "FROM asset_alias AS l", beside: "", whose: "l.tenant = ?" };
const SELECT_ALIAS: &str = "SELECT l.id, l.name, l.alias_group";
const ALIAS_ORDER: Order = Order { sorts: &[by("id", "l.id"), by("name", "l.name")], tie: "l.id" };

/// The aliases whose names are among `names`.
pub async fn aliases(
    db: &mut Session,
    tenant: &TenantId,
    names: Names<'_>,
    page: &PageRequest,
) -> Result<Page<AssetAlias>, StoreError> {
    Selection::of(ALIASES, tenant)
        .and_named("l.name", names)
        .page::<AliasColumns, _>(db, SELECT_ALIAS, ALIAS_ORDER, page)
        .await
}

/// One alias.
pub async fn alias(db: &mut Session, tenant: &TenantId, id: AliasId) -> Result<Option<AssetAlias>, StoreError> {
    let one = Selection::of(ALIASES, tenant).and("l.id = ?", [id.0]);
    one.optional::<AliasColumns>(db, SELECT_ALIAS).await?.map(AssetAlias::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct QueuedColumns {
    dag_id: String,
    asset_id: i64,
    queued_at: i64,
}

impl TryFrom<QueuedColumns> for QueuedEvent {
    type Error = StoreError;

    fn try_from(row: QueuedColumns) -> Result<Self, StoreError> {
        Ok(Self {
            dag_id: column::text("asset_queue.dag_id", &row.dag_id)?,
            dag_display_name: row.dag_id,
            asset_id: AssetId(row.asset_id),
            created_at: Millis(row.queued_at),
        })
    }
}

/// What is queued: for a DAG, of an asset, from before an instant.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueueScope<'a> {
    /// Only for this DAG.
    pub dag: Option<&'a DagId>,
    /// Only of this asset.
    pub asset: Option<AssetId>,
    /// Only what was updated before.
    pub before: Option<Millis>,
}

const QUEUE: Source = Source { from: "FROM asset_queue AS q", beside: "", whose: "q.tenant = ?" };

/// What is queued, oldest first.
pub async fn queued(
    db: &mut Session,
    tenant: &TenantId,
    scope: QueueScope<'_>,
) -> Result<Vec<QueuedEvent>, StoreError> {
    let queue = Selection::of(QUEUE, tenant)
        .and("q.dag_id = ?", scope.dag.map(DagId::as_str))
        .and("q.asset_id = ?", scope.asset.map(|id| id.0))
        .and("q.queued_at < ?", scope.before);
    let select = "SELECT q.dag_id, q.asset_id, q.queued_at";
    let rows: Vec<QueuedColumns> = queue.rows(db, select, "ORDER BY q.queued_at, q.dag_id, q.asset_id").await?;
    rows.into_iter().map(QueuedEvent::try_from).collect()
}

const UNQUEUE: &str = "DELETE FROM asset_queue WHERE tenant = $1 AND ($2 IS NULL OR dag_id = $2) \
     AND ($3 IS NULL OR asset_id = $3) AND ($4 IS NULL OR queued_at < $4)";

/// Takes from the queue; answers how many.
pub async fn unqueue(db: &mut Session, tenant: &TenantId, scope: QueueScope<'_>) -> Result<u64, StoreError> {
    Ok(on!(db, c => {
        sqlx::query(UNQUEUE)
            .bind(tenant.as_str())
            .bind(scope.dag.map(DagId::as_str))
            .bind(scope.asset.map(|id| id.0))
            .bind(scope.before.map(|at| at.0))
            .execute(&mut *c)
            .await?
            .rows_affected()
    }))
}
