//! The audit log: who did what, written in the transaction of what was done.

use flow_model::ids::TenantId;
use flow_model::rest::event_logs::{EventLog, EventLogFilter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Sort, by, by_nullable, page_of};
use crate::pool::Session;

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

const APPEND: &str = "INSERT INTO event_log
    (tenant, occurred_at, owner, event, dag_id, run_id, task_id, map_index, try_number, extra)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Adds an event.
pub async fn append(db: &mut Session, event: &Event<'_>) -> Result<(), StoreError> {
    on!(db, c => {
        sqlx::query(APPEND)
            .bind(event.tenant.map(TenantId::as_str))
            .bind(event.at.0)
            .bind(event.owner)
            .bind(event.event)
            .bind(event.dag_id)
            .bind(event.run_id)
            .bind(event.task_id)
            .bind(event.map_index)
            .bind(event.try_number.map(i64::from))
            .bind(event.extra.as_deref())
            .execute(&mut *c)
            .await?;
    });
    Ok(())
}

macro_rules! matching {
    ($select:literal, $whose:literal) => {
        concat!(
            $select,
            " FROM event_log WHERE ",
            $whose,
            "
            AND ($2 IS NULL OR dag_id = $2)
            AND ($3 IS NULL OR run_id = $3)
            AND ($4 IS NULL OR task_id = $4)
            AND ($5 IS NULL OR map_index = $5)
            AND ($6 IS NULL OR try_number = $6)
            AND ($7 IS NULL OR owner = $7)
            AND ($8 IS NULL OR event = $8)
            AND ($9 IS NULL OR REPLACE($9, '|' || event || '|', '') <> $9)
            AND ($10 IS NULL OR REPLACE($10, '|' || event || '|', '') = $10)
            AND ($11 IS NULL OR occurred_at < $11)
            AND ($12 IS NULL OR occurred_at > $12)"
        )
    };
}

const COUNT_OF: &str = matching!("SELECT COUNT(*)", "tenant = $1");
const COUNT_PLATFORM: &str = matching!("SELECT COUNT(*)", "tenant IS NULL AND $1 IS NULL");
const LIST_OF: &str = matching!(
    "SELECT id, occurred_at, event, owner, dag_id, run_id, task_id, map_index, try_number, extra",
    "tenant = $1"
);
const LIST_PLATFORM: &str = matching!(
    "SELECT id, occurred_at, event, owner, dag_id, run_id, task_id, map_index, try_number, extra",
    "tenant IS NULL AND $1 IS NULL"
);
const GET: &str = "SELECT id, occurred_at, event, owner, dag_id, run_id, task_id, map_index, try_number, extra
    FROM event_log WHERE tenant = $1 AND id = $2";
const SORTS: &[Sort] = &[
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
];

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
    let (count, list) = if tenant.is_some() { (COUNT_OF, LIST_OF) } else { (COUNT_PLATFORM, LIST_PLATFORM) };
    let list = page_of(list, page, SORTS)?;
    // One text per list of kinds, each kind between bars, so that the statement needs no list parameter.
    let kinds = |kinds: &[String]| (!kinds.is_empty()).then(|| format!("|{}|", kinds.join("||")));
    let (included, excluded) = (kinds(&filter.included_events), kinds(&filter.excluded_events));
    macro_rules! bound {
        ($query:expr) => {
            $query
                .bind(tenant.map(TenantId::as_str))
                .bind(filter.dag_id.as_deref())
                .bind(filter.run_id.as_deref())
                .bind(filter.task_id.as_deref())
                .bind(filter.map_index)
                .bind(filter.try_number.map(i64::from))
                .bind(filter.owner.as_deref())
                .bind(filter.event.as_deref())
                .bind(included.as_deref())
                .bind(excluded.as_deref())
                .bind(filter.before.map(|at| at.0))
                .bind(filter.after.map(|at| at.0))
        };
    }
    let total: i64 = on!(db, c => bound!(sqlx::query_scalar(count)).fetch_one(&mut *c).await?);
    let rows: Vec<Row> = on!(db, c => {
        bound!(sqlx::query_as(list))
            .bind(i64::from(page.limit))
            .bind(i64::from(page.offset))
            .fetch_all(&mut *c)
            .await?
    });
    let entries = rows.into_iter().map(EventLog::try_from).collect::<Result<_, _>>()?;
    Ok(Page { entries, total: column::count("event_log", total)? })
}

/// One event of a tenant.
pub async fn get(db: &mut Session, tenant: &TenantId, id: i64) -> Result<Option<EventLog>, StoreError> {
    let row: Option<Row> =
        on!(db, c => sqlx::query_as(GET).bind(tenant.as_str()).bind(id).fetch_optional(&mut *c).await?);
    row.map(EventLog::try_from).transpose()
}
