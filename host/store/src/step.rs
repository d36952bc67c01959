//! What attempts are at, in the one look that whoever follows a step of theirs takes.

use flow_model::ids::{AttemptId, JobId, TenantId};
use flow_model::time::Millis;
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::run::{self, RunRow};
use crate::session::Session;
use crate::task_instance::{self, TaskRow};

/// An attempt at a task instance, or at a look for what one waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The attempt.
    pub attempt: AttemptId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is.
    pub kind: StepKind,
    /// Who holds it, and until when.
    pub lease: Option<(JobId, Millis)>,
    /// The task instance.
    pub task: TaskRow,
}

/// What an attempt at a task instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// One try.
    Task,
    /// A look of the module for what it waits for.
    Trigger,
    /// A look of the host itself, or the end of a wait for a person.
    Wait,
}

impl StepKind {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "task" => Some(Self::Task),
            "trigger" => Some(Self::Trigger),
            "wait" => Some(Self::Wait),
            _ => None,
        }
    }
}

const LOOK: Batch = batch!(
    "SELECT w.attempt AS step, w.tenant, w.kind, w.worker AS holder, w.lease_until, t.run_key, t.task_index, t.map_index, \
     t.state, t.attempt, t.due_at, t.try_number, t.max_tries, t.losses, t.seen, t.skips, t.length, t.wait, t.spent_ms, \
     t.map_label, t.queued_at, t.start_date, t.end_date, t.worker, t.error_class, t.error_message, t.cpu_us, t.wall_us, \
     t.peak_memory FROM ",
    rows(attempt text),
    " CROSS JOIN work AS w CROSS JOIN task_instance AS t WHERE w.attempt = r.attempt AND t.run_key = w.run_key \
     AND t.task_index = w.task_index AND t.map_index = w.map_index"
);

#[derive(Serialize)]
struct AttemptColumn {
    attempt: AttemptId,
}

#[derive(sqlx::FromRow)]
struct Columns {
    step: String,
    tenant: String,
    kind: String,
    holder: Option<String>,
    lease_until: Option<i64>,
    #[sqlx(flatten)]
    task: task_instance::Columns,
}

impl TryFrom<Columns> for Step {
    type Error = StoreError;

    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let holder: Option<JobId> = column::optional("work.worker", row.holder.as_deref())?;
        Ok(Self {
            attempt: column::text("work.attempt", &row.step)?,
            tenant: column::text("work.tenant", &row.tenant)?,
            kind: column::named("work.kind", &row.kind, StepKind::from_name)?,
            lease: holder.zip(column::instant(row.lease_until)),
            task: row.task.try_into()?,
        })
    }
}

/// Locks the runs that these attempts belong to, in the one order that everybody locks runs in, and answers where each
/// attempt is that still counts.
pub async fn lock(db: &mut Session, attempts: &[AttemptId]) -> Result<(Vec<RunRow>, Vec<Step>), StoreError> {
    look(db, run::LOCK_OF_ATTEMPTS, attempts).await
}

/// The same of those runs only that nobody else has locked, without waiting.
pub async fn lock_free(db: &mut Session, attempts: &[AttemptId]) -> Result<(Vec<RunRow>, Vec<Step>), StoreError> {
    look(db, run::LOCK_FREE_OF_ATTEMPTS, attempts).await
}

async fn look(db: &mut Session, lock: Batch, attempts: &[AttemptId]) -> Result<(Vec<RunRow>, Vec<Step>), StoreError> {
    let part: Vec<_> = attempts.iter().map(|&attempt| AttemptColumn { attempt }).collect();
    let (runs, steps): (Vec<run::Columns>, Vec<Columns>) = db.find_both((lock, &part), (LOOK, &part)).await?;
    let runs = runs.into_iter().map(RunRow::try_from).collect::<Result<_, _>>()?;
    Ok((runs, steps.into_iter().map(Step::try_from).collect::<Result<_, _>>()?))
}
