//! `XComs` as the API shows them.

use flow_model::ids::{EntryKey, TaskId, TenantId};
use flow_model::rest::xcoms::{Xcom, XcomEntry, XcomFilter};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_model::time::Millis;

use super::dag_runs::{dated, in_scope, json_text};
use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;
use crate::task_instance::TaskKey;

#[derive(sqlx::FromRow)]
struct Columns {
    key: String,
    created_at: i64,
    map_index: i64,
    task_id: String,
    dag_id: String,
    run_id: String,
    logical_date: Option<i64>,
    run_after: i64,
}

#[derive(sqlx::FromRow)]
struct EntryColumns {
    #[sqlx(flatten)]
    xcom: Columns,
    value: String,
}

impl TryFrom<Columns> for Xcom {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            key: column::text("xcom.key", &row.key)?,
            timestamp: Millis(row.created_at),
            logical_date: column::instant(row.logical_date),
            map_index: row.map_index,
            task_id: column::text("task_instance.task_id", &row.task_id)?,
            task_display_name: row.task_id,
            dag_id: column::text("dag_run.dag_id", &row.dag_id)?,
            dag_display_name: row.dag_id,
            run_id: column::text("dag_run.run_id", &row.run_id)?,
            run_after: Millis(row.run_after),
        })
    }
}

impl TryFrom<EntryColumns> for XcomEntry {
    type Error = StoreError;

    fn try_from(row: EntryColumns) -> Result<Self, StoreError> {
        Ok(Self { xcom: row.xcom.try_into()?, value: json_text("xcom.value", row.value)? })
    }
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT x.key, x.created_at, x.map_index, t.task_id, r.dag_id, r.run_id, r.logical_date, r.run_after",
            $rest
        )
    };
}

const MANY: &str = columns!("");
const ONE: &str = columns!(", x.value");
const XCOMS: Source = Source {
    from: "FROM dag_run AS r JOIN xcom AS x ON x.run_key = r.run_key AND x.tenant = r.tenant \
     JOIN task_instance AS t ON t.run_key = x.run_key AND t.task_index = x.task_index AND t.map_index = x.map_index",
    beside: "",
    whose: "r.tenant = ?",
};
const ORDER: Order = Order {
    sorts: &[
        by("key", "x.key"),
        by("timestamp", "x.created_at"),
        by("map_index", "x.map_index"),
        by("task_id", "t.task_id"),
        by("dag_id", "r.dag_id"),
        by("run_id", "r.run_id"),
        by("run_after", "r.run_after"),
        by_nullable("logical_date", "r.logical_date"),
    ],
    tie: "r.run_key, x.task_index, x.map_index, x.key",
};

/// The `XComs` in `scope` that match `filter`, in the order of their runs and DAGs unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    scope: &Scope,
    filter: &XcomFilter,
    page: &PageRequest,
) -> Result<Page<Xcom>, StoreError> {
    let xcoms = in_scope(Selection::of(XCOMS, tenant), scope)
        .and("t.task_id = ?", scope.task.as_ref().map(TaskId::as_str))
        .and("x.key = ?", filter.xcom_key.as_deref())
        .and_like("x.key", filter.xcom_key_pattern.as_deref())
        .and_prefix("x.key", filter.xcom_key_prefix_pattern.as_deref())
        .and_like("r.dag_id", filter.dag_display_name_pattern.as_deref())
        .and_prefix("r.dag_id", filter.dag_display_name_prefix_pattern.as_deref())
        .and_like("r.run_id", filter.run_id_pattern.as_deref())
        .and_prefix("r.run_id", filter.run_id_prefix_pattern.as_deref())
        .and_like("t.task_id", filter.task_id_pattern.as_deref())
        .and_prefix("t.task_id", filter.task_id_prefix_pattern.as_deref())
        .and("x.map_index = ?", filter.map_index)
        .and("x.map_index = ?", filter.map_index_filter);
    dated(xcoms, &filter.dates).page::<Columns, _>(db, MANY, ORDER, page).await
}

/// One `XCom` with its value.
pub async fn get(
    db: &mut Session,
    tenant: &TenantId,
    task: TaskKey,
    key: &EntryKey,
) -> Result<Option<XcomEntry>, StoreError> {
    let xcom = Selection::of(XCOMS, tenant)
        .and("x.run_key = ?", [task.run.to_string()])
        .and("x.task_index = ?", [task.task.0])
        .and("x.map_index = ?", [column::map_index(task.map_index)])
        .and("x.key = ?", [key.as_str()]);
    xcom.optional::<EntryColumns>(db, ONE).await?.map(XcomEntry::try_from).transpose()
}
