//! The audit log: who did what, written in the transaction of what was done.

use flow_model::ids::TenantId;
use flow_model::rest::event_logs::{EventLog, EventLogFilter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

/// One thing that somebody did.
#[derive(Debug, Clone, Default)]
pub struct Event<'a> {
    /// In which tenant; `None` for the platform's own administration.
    pub tenant: Option<&'a TenantId>,
    /// When.
    pub at: Millis,
    /// Who.
    pub owner: &'a str,
    /// What, such as `post_variable`.
    pub event: &'a str,
    /// To which DAG.
    pub dag_id: Option<&'a str>,
    /// To which run.
    pub run_id: Option<&'a str>,
    /// To which task.
    pub task_id: Option<&'a str>,
    /// To which mapped instance.
    pub map_index: Option<i64>,
    /// To which try.
    pub try_number: Option<u32>,
    /// What else belongs to it: a JSON object without secrets.
    pub extra: Option<String>,
}

const APPEND: Batch = batch!(
    "INSERT INTO event_log (tenant, occurred_at, owner, event, dag_id, run_id, task_id, map_index, try_number, extra) \
     SELECT r.tenant, r.occurred_at, r.owner, r.event, r.dag_id, r.run_id, r.task_id, r.map_index, r.try_number, r.extra FROM ",
    rows(
        tenant text,
        occurred_at bigint,
        owner text,
        event text,
        dag_id text,
        run_id text,
        task_id text,
        map_index bigint,
        try_number bigint,
        extra text
    ),
    ""
);

#[derive(Serialize)]
struct Columns<'a> {
    tenant: Option<&'a str>,
    occurred_at: i64,
    owner: &'a str,
    event: &'a str,
    dag_id: Option<&'a str>,
    run_id: Option<&'a str>,
    task_id: Option<&'a str>,
    map_index: Option<i64>,
    try_number: Option<u32>,
    extra: Option<&'a str>,
}

/// Adds events.
pub fn append(db: &mut Session, events: &[Event<'_>]) -> Result<(), StoreError> {
    db.post(APPEND, &events.iter().map(Columns::from).collect::<Vec<_>>())
}

impl<'a> From<&'a Event<'_>> for Columns<'a> {
    fn from(event: &'a Event<'_>) -> Self {
        Self {
            tenant: event.tenant.map(TenantId::as_str),
            occurred_at: event.at.0,
            owner: event.owner,
            event: event.event,
            dag_id: event.dag_id,
            run_id: event.run_id,
            task_id: event.task_id,
            map_index: event.map_index,
            try_number: event.try_number,
            extra: event.extra.as_deref(),
        }
    }
}

const SELECT: &str = "SELECT id, occurred_at, event, owner, dag_id, run_id, task_id, map_index, try_number, extra";
const OF_TENANT: Source = Source { from: "FROM event_log", beside: "", whose: "tenant = ?" };
const OF_PLATFORM: Source = Source { whose: "tenant IS NULL", ..OF_TENANT };
const ORDER: Order = Order {
    sorts: &[
        by("event_log_id", "id"),
        by("id", "id"),
        by("when", "occurred_at"),
        by("dttm", "occurred_at"),
        by("event", "event"),
        by("owner", "owner"),
        by_nullable("dag_id", "dag_id"),
        by_nullable("run_id", "run_id"),
        by_nullable("task_id", "task_id"),
        by_nullable("map_index", "map_index"),
        by_nullable("try_number", "try_number"),
        by_nullable("extra", "extra"),
    ],
    tie: "id",
};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    occurred_at: i64,
    event: String,
    owner: String,
    dag_id: Option<String>,
    run_id: Option<String>,
    task_id: Option<String>,
    map_index: Option<i64>,
    try_number: Option<i64>,
    extra: Option<String>,
}

impl TryFrom<Row> for EventLog {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let try_number = row.try_number.map(|number| column::count("event_log.try_number", number)).transpose()?;
        Ok(Self {
            event_log_id: row.id,
            when: Millis(row.occurred_at),
            event: row.event,
            owner: row.owner,
            dag_display_name: row.dag_id.clone(),
            dag_id: row.dag_id,
            run_id: row.run_id,
            task_display_name: row.task_id.clone(),
            task_id: row.task_id,
            map_index: row.map_index,
            try_number,
            logical_date: None,
            extra: row.extra,
        })
    }
}

/// The events of a tenant, or of the platform, that match `filter`, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: Option<&TenantId>,
    filter: &EventLogFilter,
    page: &PageRequest,
) -> Result<Page<EventLog>, StoreError> {
    tenant
        .map_or_else(|| Selection::all(OF_PLATFORM), |tenant| Selection::of(OF_TENANT, tenant))
        .and("dag_id = ?", filter.dag_id.as_deref())
        .and("run_id = ?", filter.run_id.as_deref())
        .and("task_id = ?", filter.task_id.as_deref())
        .and("map_index = ?", filter.map_index)
        .and("try_number = ?", filter.try_number)
        .and("owner = ?", filter.owner.as_deref())
        .and("event = ?", filter.event.as_deref())
        .and("event IN (?)", &filter.included_events)
        .and("event NOT IN (?)", &filter.excluded_events)
        .and_like("dag_id", filter.dag_id_pattern.as_deref())
        .and_prefix("dag_id", filter.dag_id_prefix_pattern.as_deref())
        .and_like("run_id", filter.run_id_pattern.as_deref())
        .and_prefix("run_id", filter.run_id_prefix_pattern.as_deref())
        .and_like("task_id", filter.task_id_pattern.as_deref())
        .and_prefix("task_id", filter.task_id_prefix_pattern.as_deref())
        .and_like("owner", filter.owner_pattern.as_deref())
        .and_prefix("owner", filter.owner_prefix_pattern.as_deref())
        .and_like("event", filter.event_pattern.as_deref())
        .and_prefix("event", filter.event_prefix_pattern.as_deref())
        .and("occurred_at < ?", filter.before)
        .and("occurred_at > ?", filter.after)
        .page::<Row, _>(db, SELECT, ORDER, page)
        .await
}

/// One event of a tenant.
pub async fn get(db: &mut Session, tenant: &TenantId, id: i64) -> Result<Option<EventLog>, StoreError> {
    let event = Selection::of(OF_TENANT, tenant).and("id = ?", [id]);
    event.optional::<Row>(db, SELECT).await?.map(EventLog::try_from).transpose()
}
