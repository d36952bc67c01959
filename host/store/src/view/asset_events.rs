//! Asset events as the API shows them, each with the runs that were made for it.

use std::collections::HashMap;

use flow_model::ids::{AssetEventId, AssetId, RunKey, TenantId};
use flow_model::rest::assets::{AssetEvent, AssetEventFilter, CreatedDagRun};
use flow_model::rest::{Page, PageRequest};
use flow_model::state::RunState;
use flow_model::time::Millis;
use serde::Serialize;

use super::assets::json_text;
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Columns {
    id: i64,
    asset_id: i64,
    name: String,
    uri: String,
    asset_group: String,
    extra: String,
    source_dag_id: Option<String>,
    source_task_id: Option<String>,
    source_run_id: Option<String>,
    source_map_index: i64,
    occurred_at: i64,
    partition_key: Option<String>,
}

impl TryFrom<Columns> for AssetEvent {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: AssetEventId(row.id),
            asset_id: AssetId(row.asset_id),
            uri: column::text("asset.uri", &row.uri)?,
            name: column::text("asset.name", &row.name)?,
            group: row.asset_group,
            extra: json_text("asset_event.extra", row.extra)?,
            source_task_id: row.source_task_id,
            source_dag_id: row.source_dag_id,
            source_run_id: row.source_run_id,
            source_map_index: row.source_map_index,
            created_dagruns: Vec::new(),
            timestamp: Millis(row.occurred_at),
            partition_key: column::optional("asset_event.partition_key", row.partition_key.as_deref())?,
        })
    }
}

const SELECT: &str = "SELECT e.id, e.asset_id, a.name, a.uri, a.asset_group, e.extra, e.source_dag_id, e.source_task_id, \
     e.source_run_id, e.source_map_index, e.occurred_at, e.partition_key";
const EVENTS: Source =
    Source { from: "FROM asset_event AS e JOIN asset AS a ON a.id = e.asset_id", beside: "", whose: "e.tenant = ?" };
const ORDER: Order = Order {
    sorts: &[
        by("timestamp", "e.occurred_at"),
        by("id", "e.id"),
        by_nullable("source_dag_id", "e.source_dag_id"),
        by_nullable("source_task_id", "e.source_task_id"),
        by_nullable("source_run_id", "e.source_run_id"),
        by("source_map_index", "e.source_map_index"),
    ],
    tie: "e.id",
};

/// The events that match `filter`, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    filter: &AssetEventFilter,
    page: &PageRequest,
) -> Result<Page<AssetEvent>, StoreError> {
    let events = Selection::of(EVENTS, tenant)
        .and("e.asset_id = ?", filter.asset_id)
        .and("e.source_dag_id = ?", filter.source_dag_id.as_deref())
        .and("e.source_task_id = ?", filter.source_task_id.as_deref())
        .and("e.source_run_id = ?", filter.source_run_id.as_deref())
        .and("e.source_map_index = ?", filter.source_map_index)
        .and("e.partition_key = ?", filter.partition_key.as_deref())
        .and_like("a.name", filter.name_pattern.as_deref())
        .and_prefix("a.name", filter.name_prefix_pattern.as_deref())
        .and("e.occurred_at >= ?", filter.timestamp_gte)
        .and("e.occurred_at > ?", filter.timestamp_gt)
        .and("e.occurred_at <= ?", filter.timestamp_lte)
        .and("e.occurred_at < ?", filter.timestamp_lt);
    let mut found: Page<AssetEvent> = events.page::<Columns, _>(db, SELECT, ORDER, page).await?;
    complete(db, tenant, &mut found.entries).await?;
    Ok(found)
}

/// One event.
pub async fn get(db: &mut Session, tenant: &TenantId, id: AssetEventId) -> Result<Option<AssetEvent>, StoreError> {
    let one = Selection::of(EVENTS, tenant).and("e.id = ?", [id.0]);
    let Some(found) = one.optional::<Columns>(db, SELECT).await? else { return Ok(None) };
    let mut found = [AssetEvent::try_from(found)?];
    complete(db, tenant, &mut found).await?;
    Ok(found.into_iter().next())
}

/// The events that a run was made for, oldest first.
pub async fn upstream(db: &mut Session, tenant: &TenantId, run: RunKey) -> Result<Vec<AssetEvent>, StoreError> {
    let of_run = Selection::of(EVENTS, tenant)
        .and("e.id IN (SELECT t.event_id FROM dag_run_asset_event AS t WHERE t.run_key = ?)", [run.to_string()]);
    let rows: Vec<Columns> = of_run.rows(db, SELECT, "ORDER BY e.id").await?;
    let mut found: Vec<AssetEvent> = rows.into_iter().map(AssetEvent::try_from).collect::<Result<_, _>>()?;
    complete(db, tenant, &mut found).await?;
    Ok(found)
}

#[derive(Serialize)]
struct IdColumn {
    id: AssetEventId,
}

const CREATED: Batch = batch!(
    "SELECT r.id, d.run_id, d.dag_id, d.logical_date, d.start_date, d.end_date, d.state, d.data_interval_start, \
     d.data_interval_end, d.partition_key FROM ",
    rows(id bigint),
    " CROSS JOIN dag_run_asset_event AS t JOIN dag_run AS d ON d.run_key = t.run_key \
     WHERE t.event_id = r.id AND d.tenant = $2 ORDER BY d.run_key"
);

#[derive(sqlx::FromRow)]
struct CreatedColumns {
    id: i64,
    run_id: String,
    dag_id: String,
    logical_date: Option<i64>,
    start_date: Option<i64>,
    end_date: Option<i64>,
    state: String,
    data_interval_start: Option<i64>,
    data_interval_end: Option<i64>,
    partition_key: Option<String>,
}

impl TryFrom<CreatedColumns> for CreatedDagRun {
    type Error = StoreError;

    fn try_from(row: CreatedColumns) -> Result<Self, StoreError> {
        Ok(Self {
            run_id: column::text("dag_run.run_id", &row.run_id)?,
            dag_id: column::text("dag_run.dag_id", &row.dag_id)?,
            logical_date: column::instant(row.logical_date),
            start_date: column::instant(row.start_date),
            end_date: column::instant(row.end_date),
            state: column::named("dag_run.state", &row.state, RunState::from_name)?,
            data_interval_start: column::instant(row.data_interval_start),
            data_interval_end: column::instant(row.data_interval_end),
            partition_key: column::optional("dag_run.partition_key", row.partition_key.as_deref())?,
        })
    }
}

/// Adds the runs that were made for the events.
async fn complete(db: &mut Session, tenant: &TenantId, events: &mut [AssetEvent]) -> Result<(), StoreError> {
    let ids: Vec<IdColumn> = events.iter().map(|event| IdColumn { id: event.id }).collect();
    let (text, rows) = (db.text(CREATED), column::rows(&ids)?);
    let created: Vec<CreatedColumns> =
        on!(db, c => sqlx::query_as(text).bind(&rows).bind(tenant.as_str()).fetch_all(&mut *c).await)?;
    let mut by_id: HashMap<i64, &mut AssetEvent> = events.iter_mut().map(|event| (event.id.0, event)).collect();
    for row in created {
        if let Some(event) = by_id.get_mut(&row.id) {
            event.created_dagruns.push(row.try_into()?);
        }
    }
    Ok(())
}
