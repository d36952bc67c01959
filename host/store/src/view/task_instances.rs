//! Task instances as the API shows them.

use flow_model::ids::{DagId, DagVersionId, RunId, TaskId, TenantId};
use flow_model::rest::task_instances::{TaskInstance, TaskInstanceFilter, TaskTry};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_model::time::Millis;
use serde_json::Map;

use super::dag_runs::{OF_VERSIONS, due, in_scope, updated, within};
use super::dag_versions::with_version;
use super::task_tries::{TryColumns, with_try};
use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;
use crate::task_instance::TaskKey;

#[derive(sqlx::FromRow)]
pub(super) struct Columns {
    run_key: String,
    task_index: i64,
    logical_date: Option<i64>,
    run_after: i64,
    progress: Option<f64>,
    note: Option<String>,
    map_label: Option<String>,
    #[sqlx(flatten)]
    last_try: TryColumns,
}

impl TryFrom<Columns> for TaskInstance {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let last_try: TaskTry = row.last_try.try_into()?;
        let label = column::read_map_index(last_try.map_index).map(|index| index.to_string());
        Ok(Self {
            id: format!("{}/{}/{}", row.run_key, row.task_index, last_try.map_index),
            last_try,
            logical_date: column::instant(row.logical_date),
            run_after: Millis(row.run_after),
            note: row.note,
            rendered_map_index: row.map_label.or(label),
            rendered_fields: Map::new(),
            trigger: None,
            triggerer_job: None,
            progress: row.progress,
        })
    }
}

const SELECT: &str =
    with_try!("SELECT p.run_key, p.task_index, r.logical_date, r.run_after, p.progress, p.note, p.map_label,", "p");
const TASKS: Source = Source {
    from: "FROM dag_run AS r JOIN task_instance AS p ON p.run_key = r.run_key AND p.tenant = r.tenant",
    beside: "LEFT JOIN dag_version AS v ON v.id = r.version LEFT JOIN job AS j ON j.id = p.worker",
    whose: "r.tenant = ?",
};
const ORDER: Order = Order {
    sorts: &[
        by("id", "r.run_key"),
        by("task_id", "p.task_id"),
        by("dag_id", "r.dag_id"),
        by("run_id", "r.run_id"),
        by("dag_run_id", "r.run_id"),
        by("map_index", "p.map_index"),
        by("state", "p.state"),
        by("try_number", "p.try_number"),
        by("run_after", "r.run_after"),
        by_nullable("rendered_map_index", "p.map_label"),
        by_nullable("logical_date", "r.logical_date"),
        by_nullable("data_interval_start", "r.data_interval_start"),
        by_nullable("data_interval_end", "r.data_interval_end"),
        by_nullable("queued_when", "p.queued_at"),
        by_nullable("start_date", "p.start_date"),
        by_nullable("end_date", "p.end_date"),
        by_nullable("duration", "(p.end_date - p.start_date)"),
    ],
    tie: "r.run_key, p.task_index, p.map_index",
};

/// Of these tasks, each given as a version of its DAG and its id.
const OF_TASKS: Batch = elements!("(r.version || ' ' || p.task_id) IN (SELECT element.value FROM ", "?", ")");

/// How a mapped instance is called.
const CALLED: &str = "COALESCE(p.map_label, CAST(p.map_index AS TEXT))";

/// The task instances in `scope` that match `filter`, in the order of their runs and DAGs unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    scope: &Scope,
    filter: &TaskInstanceFilter,
    page: &PageRequest,
) -> Result<Page<TaskInstance>, StoreError> {
    let (alike, of_tasks) = (filter.alike.as_deref().map(listed).transpose()?, db.text(OF_TASKS));
    let by_name = filter.rendered_map_index_pattern.is_some() || filter.rendered_map_index_prefix_pattern.is_some();
    let tasks = in_scope(Selection::of(TASKS, tenant), scope)
        .and("p.task_id = ?", scope.task.as_ref().map(TaskId::as_str))
        .and("p.state IN (?)", filter.state.iter().map(|state| state.as_str()))
        .and("p.task_id = ?", filter.task_id.as_deref())
        .and("r.dag_id IN (?)", filter.dag_ids.iter().map(DagId::as_str))
        .and("r.run_id IN (?)", filter.run_ids.iter().map(RunId::as_str))
        .and("p.task_id IN (?)", filter.task_ids.iter().map(TaskId::as_str))
        .and_like("p.task_id", filter.task_display_name_pattern.as_deref())
        .and_like("r.dag_id", filter.dag_id_pattern.as_deref())
        .and_like("r.run_id", filter.run_id_pattern.as_deref())
        .and_prefix("p.task_id", filter.task_display_name_prefix_pattern.as_deref())
        .and_prefix("r.dag_id", filter.dag_id_prefix_pattern.as_deref())
        .and_prefix("r.run_id", filter.run_id_prefix_pattern.as_deref())
        .and("p.map_index IN (?)", filter.map_index.iter().copied())
        .and_if(filter.is_mapped, "p.map_index >= 0")
        .and_like(CALLED, filter.rendered_map_index_pattern.as_deref())
        .and_prefix(CALLED, filter.rendered_map_index_prefix_pattern.as_deref())
        .and_if(by_name, "p.map_index >= 0")
        .and("p.try_number IN (?)", filter.try_number.iter().copied())
        .and(OF_VERSIONS, filter.version_number.iter().copied())
        .and(of_tasks, alike);
    within!(due(tasks, &filter.dates), &filter.dates, "p").page::<Columns, _>(db, SELECT, ORDER, page).await
}

/// These tasks as one parameter.
fn listed(tasks: &[(DagVersionId, TaskId)]) -> Result<String, StoreError> {
    column::rows(&tasks.iter().map(|(version, task)| format!("{version} {task}")).collect::<Vec<_>>())
}

/// One task instance.
pub async fn get(db: &mut Session, tenant: &TenantId, task: TaskKey) -> Result<Option<TaskInstance>, StoreError> {
    let task = Selection::of(TASKS, tenant)
        .and("p.run_key = ?", [task.run.to_string()])
        .and("p.task_index = ?", [task.task.0])
        .and("p.map_index = ?", [column::map_index(task.map_index)]);
    task.optional::<Columns>(db, SELECT).await?.map(TaskInstance::try_from).transpose()
}
