//! Callbacks and deadlines of runs as the API shows them.

use flow_model::callback::CallbackState;
use flow_model::dag::CallbackEvent;
use flow_model::ids::TenantId;
use flow_model::rest::callbacks::{Callback, Deadline};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_model::time::Millis;

use super::dag_runs::{in_scope, json_text};
use crate::column;
use crate::deadline::Subject;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by, by_nullable};
use crate::session::Session;

#[derive(sqlx::FromRow)]
struct Columns {
    id: String,
    event: String,
    function: String,
    happening: String,
    state: String,
    try_number: i64,
    retries: i64,
    error_class: Option<String>,
    error_message: Option<String>,
    created_at: i64,
    ended_at: Option<i64>,
}

impl TryFrom<Columns> for Callback {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        Ok(Self {
            id: column::text("callback.id", &row.id)?,
            event: column::named("callback.event", &row.event, CallbackEvent::from_name)?,
            function: row.function,
            happening: json_text("callback.happening", row.happening)?,
            state: column::named("callback.state", &row.state, CallbackState::from_name)?,
            try_number: column::count("callback.try_number", row.try_number)?,
            max_tries: column::count("callback.retries", row.retries + 1)?,
            error_class: column::class("callback.error_class", row.error_class.as_deref())?,
            error_message: row.error_message,
            created_at: Millis(row.created_at),
            ended_at: column::instant(row.ended_at),
        })
    }
}

const CALLBACK: &str = "SELECT c.id, c.event, c.function, c.happening, c.state, c.try_number, c.retries, c.error_class, \
     c.error_message, c.created_at, c.ended_at";
const CALLBACKS: Source =
    Source { from: "FROM callback AS c JOIN dag_run AS r ON r.run_key = c.run_key", beside: "", whose: "c.tenant = ?" };
const CALLBACK_ORDER: Order = Order {
    sorts: &[
        by("id", "c.id"),
        by("created_at", "c.created_at"),
        by("state", "c.state"),
        by("event", "c.event"),
        by_nullable("ended_at", "c.ended_at"),
    ],
    tie: "c.id",
};

/// The callbacks of the runs in `scope`, oldest first unless the page says otherwise.
pub async fn callbacks(
    db: &mut Session,
    tenant: &TenantId,
    scope: &Scope,
    page: &PageRequest,
) -> Result<Page<Callback>, StoreError> {
    let callbacks = in_scope(Selection::of(CALLBACKS, tenant), scope);
    callbacks.page::<Columns, _>(db, CALLBACK, CALLBACK_ORDER, page).await
}

#[derive(sqlx::FromRow)]
struct DeadlineColumns {
    dag_id: String,
    run_id: String,
    subject: String,
    name: String,
    due_at: i64,
    missed_at: Option<i64>,
}

impl TryFrom<DeadlineColumns> for Deadline {
    type Error = StoreError;

    fn try_from(row: DeadlineColumns) -> Result<Self, StoreError> {
        let (task_id, group_id) = match column::text("deadline.subject", &row.subject)? {
            Subject::Run => (None, None),
            Subject::Task(task) => (Some(task), None),
            Subject::Group(group) => (None, Some(group)),
        };
        Ok(Self {
            dag_id: column::text("dag_run.dag_id", &row.dag_id)?,
            dag_run_id: column::text("dag_run.run_id", &row.run_id)?,
            task_id,
            group_id,
            name: Some(row.name).filter(|name| !name.is_empty()),
            deadline_time: Millis(row.due_at),
            missed: row.missed_at.is_some(),
            missed_at: column::instant(row.missed_at),
        })
    }
}

const DEADLINE: &str = "SELECT r.dag_id, r.run_id, l.subject, l.name, l.due_at, l.missed_at";
const DEADLINES: Source =
    Source { from: "FROM deadline AS l JOIN dag_run AS r ON r.run_key = l.run_key", beside: "", whose: "l.tenant = ?" };
const DEADLINE_ORDER: Order = Order {
    sorts: &[
        by("deadline_time", "l.due_at"),
        by("name", "l.name"),
        by("dag_id", "r.dag_id"),
        by("dag_run_id", "r.run_id"),
        by_nullable("missed_at", "l.missed_at"),
    ],
    tie: "l.due_at, l.run_key, l.subject, l.ordinal",
};

/// The deadlines of the runs in `scope`, the earliest first unless the page says otherwise.
pub async fn deadlines(
    db: &mut Session,
    tenant: &TenantId,
    scope: &Scope,
    page: &PageRequest,
) -> Result<Page<Deadline>, StoreError> {
    let deadlines = in_scope(Selection::of(DEADLINES, tenant), scope);
    deadlines.page::<DeadlineColumns, _>(db, DEADLINE, DEADLINE_ORDER, page).await
}
