//! Questions to people as the API shows them.

use std::collections::BTreeMap;

use flow_model::human_input::Respondent;
use flow_model::ids::{TaskId, TenantId};
use flow_model::rest::human_input::{HitlDetail, HitlFilter, HitlQuestion, HitlTry};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_model::time::Millis;

use super::dag_runs::in_scope;
use super::dag_versions::with_version;
use super::task_instances;
use super::task_tries::{TryColumns, with_try};
use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;
use crate::task_instance::TaskKey;

#[derive(sqlx::FromRow)]
struct Columns {
    subject: String,
    body: Option<String>,
    options: String,
    defaults: Option<String>,
    multiple: bool,
    params: String,
    assigned_users: String,
    created_at: i64,
    response_until: Option<i64>,
    responded_at: Option<i64>,
    responded_by: Option<String>,
    chosen_options: Option<String>,
    params_input: Option<String>,
}

impl TryFrom<Columns> for HitlQuestion {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let assigned: Vec<String> = column::json("human_input.assigned_users", &row.assigned_users)?;
        let input = column::optional_json("human_input.params_input", row.params_input.as_deref())?;
        Ok(Self {
            subject: row.subject,
            body: row.body,
            options: column::json("human_input.options", &row.options)?,
            defaults: column::optional_json("human_input.defaults", row.defaults.as_deref())?,
            multiple: row.multiple,
            params: column::json("human_input.params", &row.params)?,
            assigned_users: assigned.iter().map(|name| Respondent::named(name)).collect(),
            created_at: Millis(row.created_at),
            response_timeout_at: column::instant(row.response_until),
            response_received: row.responded_at.is_some(),
            responded_by_user: row.responded_by.as_deref().map(Respondent::named),
            responded_at: column::instant(row.responded_at),
            chosen_options: column::optional_json("human_input.chosen_options", row.chosen_options.as_deref())?,
            params_input: input.unwrap_or_else(BTreeMap::new),
        })
    }
}

#[derive(sqlx::FromRow)]
struct DetailColumns {
    #[sqlx(flatten)]
    question: Columns,
    #[sqlx(flatten)]
    task_instance: task_instances::Columns,
}

impl TryFrom<DetailColumns> for HitlDetail {
    type Error = StoreError;

    fn try_from(row: DetailColumns) -> Result<Self, StoreError> {
        Ok(Self { question: row.question.try_into()?, task_instance: row.task_instance.try_into()? })
    }
}

#[derive(sqlx::FromRow)]
struct TryRow {
    #[sqlx(flatten)]
    question: Columns,
    #[sqlx(flatten)]
    task_try: TryColumns,
}

impl TryFrom<TryRow> for HitlTry {
    type Error = StoreError;

    fn try_from(row: TryRow) -> Result<Self, StoreError> {
        Ok(Self { question: row.question.try_into()?, task_instance: row.task_try.try_into()? })
    }
}

/// What [`Columns`] holds, and beside it a try `p`, or a task instance where `$more` says so.
macro_rules! question {
    ($more:literal, $task:literal) => {
        with_version!(concat!(
            "SELECT h.subject, h.body, h.options, h.defaults, h.multiple, h.params, h.assigned_users, h.created_at, ",
            "h.response_until, h.responded_at, h.responded_by, h.chosen_options, h.params_input, ",
            $more,
            with_try!(@columns $task)
        ))
    };
}

const DETAIL: &str =
    question!("p.run_key, p.task_index, r.logical_date, r.run_after, p.progress, p.note, p.map_label,", "p");
const TRY: &str = question!("", "t");

/// Of each task instance the last question of its present try.
const QUESTIONS: Source = Source {
    from: "FROM human_input AS h JOIN dag_run AS r ON r.run_key = h.run_key JOIN task_instance AS p \
     ON p.run_key = h.run_key AND p.task_index = h.task_index AND p.map_index = h.map_index \
     AND p.try_number = h.try_number",
    beside: "LEFT JOIN dag_version AS v ON v.id = r.version LEFT JOIN job AS j ON j.id = p.worker",
    whose: "h.tenant = ? AND NOT EXISTS (SELECT 1 FROM human_input AS n WHERE n.run_key = h.run_key \
     AND n.task_index = h.task_index AND n.map_index = h.map_index AND n.try_number = h.try_number \
     AND n.attempt > h.attempt)",
};
const ORDER: Order = Order {
    sorts: &[
        by("created_at", "h.created_at"),
        by("subject", "h.subject"),
        by("dag_id", "r.dag_id"),
        by("run_id", "r.run_id"),
        by("run_after", "r.run_after"),
        by("task_id", "p.task_id"),
        by("map_index", "p.map_index"),
        by("task_instance_state", "p.state"),
        by_nullable("responded_at", "h.responded_at"),
        by_nullable("responded_by_user_id", "h.responded_by"),
        by_nullable("responded_by_user_name", "h.responded_by"),
        by_nullable("rendered_map_index", "p.map_label"),
    ],
    tie: "h.created_at, p.run_key, p.task_index, p.map_index",
};

/// The questions of the runs in `scope` that match `filter`, oldest first unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    scope: &Scope,
    filter: &HitlFilter,
    page: &PageRequest,
) -> Result<Page<HitlDetail>, StoreError> {
    in_scope(Selection::of(QUESTIONS, tenant), scope)
        .and("p.task_id = ?", scope.task.as_ref().map(TaskId::as_str))
        .and_like("r.dag_id", filter.dag_id_pattern.as_deref())
        .and_prefix("r.dag_id", filter.dag_id_prefix_pattern.as_deref())
        .and("p.task_id = ?", filter.task_id.as_deref())
        .and_like("p.task_id", filter.task_id_pattern.as_deref())
        .and_prefix("p.task_id", filter.task_id_prefix_pattern.as_deref())
        .and("p.map_index IN (?)", filter.map_index.iter().copied())
        .and("p.state IN (?)", filter.state.iter().map(|state| state.as_str()))
        .and_if(filter.response_received == Some(true), "h.responded_at IS NOT NULL")
        .and_if(filter.response_received == Some(false), "h.responded_at IS NULL")
        .and("h.responded_by IN (?)", &filter.responded_by_user_id)
        .and("h.responded_by IN (?)", &filter.responded_by_user_name)
        .and_like("h.subject", filter.subject_search.as_deref())
        .and_like("h.body", filter.body_search.as_deref())
        .and("h.created_at >= ?", filter.created_at_gte)
        .and("h.created_at > ?", filter.created_at_gt)
        .and("h.created_at <= ?", filter.created_at_lte)
        .and("h.created_at < ?", filter.created_at_lt)
        .page::<DetailColumns, _>(db, DETAIL, ORDER, page)
        .await
}

/// The last question of a task instance's present try.
pub async fn get(db: &mut Session, tenant: &TenantId, task: TaskKey) -> Result<Option<HitlDetail>, StoreError> {
    let question = of_task(QUESTIONS, tenant, task);
    question.optional::<DetailColumns>(db, DETAIL).await?.map(HitlDetail::try_from).transpose()
}

/// The same as tries are shown, for one before the present.
const PAST: Source = Source {
    from: "FROM human_input AS h JOIN dag_run AS r ON r.run_key = h.run_key JOIN task_try AS p \
     ON p.run_key = h.run_key AND p.task_index = h.task_index AND p.map_index = h.map_index \
     AND p.try_number = h.try_number JOIN task_instance AS t ON t.run_key = h.run_key AND t.task_index = h.task_index \
     AND t.map_index = h.map_index",
    beside: "LEFT JOIN dag_version AS v ON v.id = r.version LEFT JOIN job AS j ON j.id = p.worker",
    whose: QUESTIONS.whose,
};

/// The last question of one of a task instance's tries, present or past.
pub async fn at_try(
    db: &mut Session,
    tenant: &TenantId,
    task: TaskKey,
    try_number: u32,
) -> Result<Option<HitlTry>, StoreError> {
    let past = of_task(PAST, tenant, task).and("h.try_number = ?", [try_number]);
    if let Some(found) = past.optional::<TryRow>(db, TRY).await? {
        return found.try_into().map(Some);
    }
    let present = of_task(QUESTIONS, tenant, task).and("h.try_number = ?", [try_number]);
    let found = present.optional::<DetailColumns>(db, DETAIL).await?.map(HitlDetail::try_from).transpose()?;
    Ok(found.map(|detail| HitlTry { question: detail.question, task_instance: detail.task_instance.last_try }))
}

fn of_task(source: Source, tenant: &TenantId, task: TaskKey) -> Selection {
    Selection::of(source, tenant)
        .and("h.run_key = ?", [task.run.to_string()])
        .and("h.task_index = ?", [task.task.0])
        .and("h.map_index = ?", [column::map_index(task.map_index)])
}
