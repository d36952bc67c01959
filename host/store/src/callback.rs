//! Callbacks: what runs after something has happened, and how its tries went.

use flow_model::callback::CallbackState;
use flow_model::dag::CallbackEvent;
use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, CallbackId, DagVersionId, RunKey, TenantId};
use flow_model::time::Millis;
use flow_model::work::ErrorClass;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// A callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRow {
    /// Its id.
    pub id: CallbackId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The run that it is about.
    pub run: RunKey,
    /// The DAG version whose module runs it.
    pub version: DagVersionId,
    /// The task that it is about, if it is about one.
    pub task: Option<TaskIndex>,
    /// What it follows.
    pub event: CallbackEvent,
    /// Which of the module's callbacks.
    pub function: String,
    /// What the DAG hands to it: one JSON text.
    pub arguments: String,
    /// What happened: one JSON object.
    pub happening: String,
    /// How many more tries it has after the first one failed.
    pub retries: u32,
    /// Where it stands.
    pub state: CallbackState,
    /// Which try, from 1.
    pub try_number: u32,
    /// How often it was lost with its worker.
    pub losses: u32,
    /// Why its last try failed.
    pub error: Option<(ErrorClass, String)>,
    /// When what it follows happened.
    pub created_at: Millis,
    /// When it ran, or was given up.
    pub ended_at: Option<Millis>,
}

/// Read and written in this one shape.
#[derive(Serialize, sqlx::FromRow)]
struct Columns {
    id: String,
    tenant: String,
    run_key: String,
    version: String,
    task_index: Option<i64>,
    event: String,
    function: String,
    arguments: String,
    happening: String,
    retries: i64,
    state: String,
    try_number: i64,
    losses: i64,
    error_class: Option<String>,
    error_message: Option<String>,
    created_at: i64,
    ended_at: Option<i64>,
}

impl From<&CallbackRow> for Columns {
    fn from(row: &CallbackRow) -> Self {
        Self {
            id: row.id.to_string(),
            tenant: row.tenant.to_string(),
            run_key: row.run.to_string(),
            version: row.version.to_string(),
            task_index: row.task.map(|task| task.0.into()),
            event: row.event.to_string(),
            function: row.function.clone(),
            arguments: row.arguments.clone(),
            happening: row.happening.clone(),
            retries: row.retries.into(),
            state: row.state.to_string(),
            try_number: row.try_number.into(),
            losses: row.losses.into(),
            error_class: row.error.as_ref().map(|(class, _)| class.code().to_owned()),
            error_message: row.error.as_ref().map(|(_, message)| message.clone()),
            created_at: row.created_at.0,
            ended_at: row.ended_at.map(|at| at.0),
        }
    }
}

impl TryFrom<Columns> for CallbackRow {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let task = row.task_index.map(|task| column::count("callback.task_index", task).map(TaskIndex)).transpose()?;
        let class = column::class("callback.error_class", row.error_class.as_deref())?;
        Ok(Self {
            id: column::text("callback.id", &row.id)?,
            tenant: column::text("callback.tenant", &row.tenant)?,
            run: column::text("callback.run_key", &row.run_key)?,
            version: column::text("callback.version", &row.version)?,
            task,
            event: column::named("callback.event", &row.event, CallbackEvent::from_name)?,
            function: row.function,
            arguments: row.arguments,
            happening: row.happening,
            retries: column::count("callback.retries", row.retries)?,
            state: column::named("callback.state", &row.state, CallbackState::from_name)?,
            try_number: column::count("callback.try_number", row.try_number)?,
            losses: column::count("callback.losses", row.losses)?,
            error: class.zip(row.error_message),
            created_at: Millis(row.created_at),
            ended_at: column::instant(row.ended_at),
        })
    }
}

const INSERT: Batch = batch!(
    "INSERT INTO callback (id, tenant, run_key, version, task_index, event, function, arguments, happening, retries, \
     state, try_number, losses, created_at) SELECT r.id, r.tenant, r.run_key, r.version, r.task_index, r.event, \
     r.function, r.arguments, r.happening, r.retries, r.state, r.try_number, r.losses, r.created_at FROM ",
    rows(
        id text,
        tenant text,
        run_key text,
        version text,
        task_index bigint,
        event text,
        function text,
        arguments text,
        happening text,
        retries bigint,
        state text,
        try_number bigint,
        losses bigint,
        created_at bigint
    ),
    ""
);

/// Creates callbacks that have not run.
pub async fn insert(db: &mut Session, rows: &[CallbackRow]) -> Result<(), StoreError> {
    for part in rows.chunks(column::ROWS_PER_STATEMENT) {
        let part: Vec<Columns> = part.iter().map(Columns::from).collect();
        db.write(INSERT, &part).await?;
    }
    Ok(())
}

const FIND: &str = "SELECT id, tenant, run_key, version, task_index, event, function, arguments, happening, retries, \
     state, try_number, losses, error_class, error_message, created_at, ended_at FROM callback WHERE tenant = $1 \
     AND id = $2";

/// One callback.
pub async fn find(db: &mut Session, tenant: &TenantId, id: CallbackId) -> Result<Option<CallbackRow>, StoreError> {
    let id = id.to_string();
    let row: Option<Columns> =
        on!(db, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(&id).fetch_optional(&mut *c).await)?;
    row.map(CallbackRow::try_from).transpose()
}

const SAVE: &str = "UPDATE callback SET state = $3, try_number = $4, losses = $5, error_class = $6, error_message = $7, \
     ended_at = $8 WHERE tenant = $1 AND id = $2";

/// Writes back how a callback stands.
pub async fn save(db: &mut Session, row: &CallbackRow) -> Result<(), StoreError> {
    let columns = Columns::from(row);
    on!(db, c => {
        sqlx::query(SAVE)
            .bind(&columns.tenant)
            .bind(&columns.id)
            .bind(&columns.state)
            .bind(columns.try_number)
            .bind(columns.losses)
            .bind(columns.error_class.as_deref())
            .bind(columns.error_message.as_deref())
            .bind(columns.ended_at)
            .execute(&mut *c)
            .await
            .map(drop)
    })?;
    Ok(())
}

const OF_ATTEMPT: &str = "SELECT c.happening FROM work AS w JOIN callback AS c ON c.id = w.payload AND c.tenant = w.tenant \
     WHERE w.attempt = $1 AND w.tenant = $2 AND w.kind = 'callback'";

/// What the callback is told that an attempt runs.
pub async fn of_attempt(db: &mut Session, tenant: &TenantId, attempt: AttemptId) -> Result<Option<String>, StoreError> {
    let attempt = attempt.to_string();
    Ok(on!(db, c => {
        sqlx::query_scalar(OF_ATTEMPT).bind(&attempt).bind(tenant.as_str()).fetch_optional(&mut *c).await
    })?)
}
