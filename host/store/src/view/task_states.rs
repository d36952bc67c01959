//! What task instances remember, as the API shows it.

use flow_model::ids::{EntryKey, TenantId};
use flow_model::rest::task_states::TaskState;
use flow_model::rest::{JsonText, Page, PageRequest};
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::listing::{Order, Selection, Source, by};
use crate::session::Session;
use crate::task_instance::TaskKey;

#[derive(sqlx::FromRow)]
struct Columns {
    key: String,
    value: String,
    updated_at: i64,
    expires_at: Option<i64>,
}

impl TryFrom<Columns> for TaskState {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        // Guests may store any text.
        let value = match JsonText::new(row.value.clone()) {
            Ok(value) => value,
            Err(_) => super::dag_runs::json_text("task_state.value", column::to_json(&row.value)?)?,
        };
        Ok(Self {
            key: column::text("task_state.key", &row.key)?,
            value,
            updated_at: Millis(row.updated_at),
            expires_at: column::instant(row.expires_at),
        })
    }
}

const SELECT: &str = "SELECT s.key, s.value, s.updated_at, s.expires_at";
const STATES: Source = Source { from: "FROM task_state AS s", beside: "", whose: "s.tenant = ?" };
const ORDER: Order = Order { sorts: &[by("key", "s.key"), by("updated_at", "s.updated_at")], tie: "s.key" };

fn of_task(tenant: &TenantId, task: TaskKey) -> Selection {
    Selection::of(STATES, tenant)
        .and("s.run_key = ?", [task.run.to_string()])
        .and("s.task_index = ?", [task.task.0])
        .and("s.map_index = ?", [column::map_index(task.map_index)])
}

/// What a task instance remembers, by key unless the page says otherwise.
pub async fn list(
    db: &mut Session,
    tenant: &TenantId,
    task: TaskKey,
    page: &PageRequest,
) -> Result<Page<TaskState>, StoreError> {
    of_task(tenant, task).page::<Columns, _>(db, SELECT, ORDER, page).await
}

/// What a task instance remembers under `key`.
pub async fn get(
    db: &mut Session,
    tenant: &TenantId,
    task: TaskKey,
    key: &EntryKey,
) -> Result<Option<TaskState>, StoreError> {
    let state = of_task(tenant, task).and("s.key = ?", [key.as_str()]);
    state.optional::<Columns>(db, SELECT).await?.map(TaskState::try_from).transpose()
}
