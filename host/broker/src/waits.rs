//! Waits: what the host looks at itself, and what comes of a look.
//!
//! A wait has a row in the queue. One that user code looks at, or a worker's HTTP client, is claimed like any work; the
//! others the timekeeper looks at when they are due.

use std::collections::BTreeMap;

use flow_model::advance::{Finish, Returned};
use flow_model::dag::{ExternalRun, WaitFor};
use flow_model::state::{Admission, TaskEvent};
use flow_model::time::Millis;
use flow_model::timetable::DataInterval;
use flow_model::waiting::{Look, Sight, Waiting, look};
use flow_model::work::{AttemptEnd, ErrorClass, Failure, Resume};
use flow_store::asset::event;
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, TaskKey};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError};

use crate::local::LocalBroker;
use crate::plan::{Holding, Plan, Written};
use crate::retries;

/// How many waits one transaction looks at.
pub(crate) const ROUND: u32 = 256;
/// When a wait is looked at that nothing but an answer ends.
const NEVER: Millis = Millis(i64::MAX);

/// How a wait that begins now stands in the queue, and when it is looked at first.
pub(crate) fn first_look(
    wait: &Waiting,
    (key, try_number): (TaskKey, u32),
    interval: Option<DataInterval>,
    now: Millis,
) -> (WorkKind, Millis) {
    match wait {
        Waiting::Trigger { .. } => (WorkKind::Trigger { key, try_number }, now),
        Waiting::Host { wait: spec, since, until, .. } => match &spec.until {
            WaitFor::Http(_) => (WorkKind::Trigger { key, try_number }, now),
            WaitFor::Instant(_) | WaitFor::Duration(_) | WaitFor::AfterInterval(_) => {
                let end = interval.map(|interval| interval.end);
                let at = match look(spec, (*since, *until), end, &Sight::Time, now) {
                    Look::Again(at) => at,
                    Look::Done(_) | Look::Failed(_) | Look::GivenUp => now,
                };
                (WorkKind::Wait { key, try_number }, at)
            }
            WaitFor::Run(_) | WaitFor::Asset(_) => (WorkKind::Wait { key, try_number }, now),
        },
        Waiting::Human { until, .. } => (WorkKind::Wait { key, try_number }, until.unwrap_or(NEVER)),
        Waiting::Sensor { .. } | Waiting::Over { .. } => (WorkKind::Wait { key, try_number }, NEVER),
    }
}

/// Whether a worker looks.
pub(crate) fn is_claimed(kind: &WorkKind) -> bool {
    match kind {
        WorkKind::Task { .. }
        | WorkKind::Trigger { .. }
        | WorkKind::Parse { .. }
        | WorkKind::Timetable { .. }
        | WorkKind::Callback { .. } => true,
        WorkKind::Wait { .. } => false,
    }
}

impl LocalBroker {
    /// Looks at the waits that are due.
    pub(crate) async fn look_at_waits(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let mut tx = self.inner.store.begin("look at waits").await?;
            let (looked, written) = look_round(&mut tx, self, now).await?;
            self.conclude(tx, written).await?;
            if looked < ROUND as usize {
                return Ok(());
            }
        }
    }
}

async fn look_round(db: &mut Session, broker: &LocalBroker, now: Millis) -> Result<(usize, Written), StoreError> {
    let engine = &broker.inner.engine;
    let due = work::due_waits(db, now, ROUND).await?;
    if due.is_empty() {
        return Ok((0, Written::default()));
    }
    let attempts: Vec<_> = due.iter().map(|row| row.attempt).collect();
    let runs = run::lock_of_attempts(db, &attempts).await?;
    let holding = Holding::load(db, engine, runs).await?;
    let mut plan = Plan::new(engine, now, &holding);
    // Somebody may have ended them before their runs were locked.
    let due = work::load(db, &attempts).await?;
    let keys: Vec<TaskKey> = due.iter().filter_map(|row| row.kind.task()).collect();
    plan.load(db, &keys).await?;
    let mut later = BTreeMap::new();
    for row in &due {
        let Some(key) = row.kind.task() else { continue };
        if let Some(at) = look_at(db, &mut plan, row, key).await? {
            later.insert(row.attempt, at);
        }
    }
    if !later.is_empty() {
        work::postpone(db, &later.into_iter().collect::<Vec<_>>()).await?;
    }
    plan.settle(db).await?;
    Ok((due.len(), plan.write(db).await?))
}

/// Looks at one wait; if nothing came of it, when to look again.
async fn look_at(
    db: &mut Session,
    plan: &mut Plan<'_>,
    row: &WorkRow,
    key: TaskKey,
) -> Result<Option<Millis>, StoreError> {
    let (Some(task), Some((run, _))) = (plan.row(key), plan.run(key.run)) else { return Ok(None) };
    let (now, wait, run) = (plan.now, task.wait.clone(), run.clone());
    let found = match &wait {
        Some(Waiting::Host { wait: spec, since, until, .. }) => {
            let sight = see(db, &run, &spec.until).await?;
            look(spec, (*since, *until), run.interval.map(|interval| interval.end), &sight, now)
        }
        Some(Waiting::Trigger { until, .. } | Waiting::Human { until, .. }) => match until {
            Some(until) if *until <= now => Look::GivenUp,
            Some(_) | None => Look::Again(until.unwrap_or(NEVER)),
        },
        Some(Waiting::Sensor { .. } | Waiting::Over { .. }) | None => return Ok(Some(NEVER)),
    };
    if let Look::Again(at) = found {
        return Ok(Some(at));
    }
    conclude(plan, row, key, found);
    Ok(None)
}

/// What the host knows of the thing that is waited for.
async fn see(db: &mut Session, run: &RunRow, until: &WaitFor) -> Result<Sight, StoreError> {
    match until {
        WaitFor::Run(external) => Ok(Sight::Run(state_of(db, run, external).await?)),
        WaitFor::Asset(name) => {
            let since = run.start_date.unwrap_or(run.queued_at);
            Ok(Sight::Asset(match name.parse() {
                Ok(name) => event::any_since(db, &run.tenant, &name, since).await?,
                Err(_) => false,
            }))
        }
        WaitFor::Instant(_) | WaitFor::Duration(_) | WaitFor::AfterInterval(_) | WaitFor::Http(_) => Ok(Sight::Time),
    }
}

/// The state of the run, or of the task, that a run of another DAG is waited for with.
async fn state_of(
    db: &mut Session,
    run: &RunRow,
    external: &ExternalRun,
) -> Result<Option<flow_model::state::TaskInstanceState>, StoreError> {
    let date = run.logical_date.map(|date| Millis(date.0.saturating_sub(external.execution_delta_ms)));
    let Some(date) = date else { return Ok(None) };
    let Some((other, state)) = run::at(db, &run.tenant, &external.dag_id, date).await? else { return Ok(None) };
    match &external.task_id {
        None => Ok(Some(state.as_task_state())),
        Some(task) => task_instance::state_of(db, (&run.tenant, &external.dag_id), (&other, task)).await,
    }
}

/// Carries out what a look came to. It is shared by the host's own looks, by triggers and by answers.
pub(crate) fn conclude(plan: &mut Plan<'_>, row: &WorkRow, key: TaskKey, found: Look) {
    let outcome = match found {
        Look::Again(_) => return,
        Look::Done(event) => Ok(event),
        Look::Failed(reason) => Err(reason),
        Look::GivenUp => return give_up(plan, row, key),
    };
    go_on(plan, row, key, outcome);
}

/// The wait is over: the task goes on where it said, or ends if it was nothing but a wait.
fn go_on(plan: &mut Plan<'_>, row: &WorkRow, key: TaskKey, event: Result<String, String>) {
    let Some(wait) = plan.row(key).and_then(|task| task.wait.clone()) else { return };
    let attempt = row.attempt;
    match (wait.resume_key(), event) {
        (Some(resume), event) => {
            let resume = Resume { key: resume.to_owned(), event };
            plan.change_row(key, |task| task.wait = Some(Waiting::Over { resume }));
            let admission =
                if plan.admits(key) { Admission::Offered(plan.engine.mint_attempt(plan.now)) } else { Admission::Held };
            if let Err(refused) = plan.happen(key, &TaskEvent::Resumed { attempt, admission }) {
                tracing::error!(%refused, "a task instance refused to go on after its wait");
            }
        }
        (None, Ok(_)) => end(plan, row, key, AttemptEnd::Success { value: None }),
        (None, Err(reason)) => end(plan, row, key, failed(reason)),
    }
}

/// The wait took too long: a person's default answer counts, a sensor that is soft is skipped, anything else has failed.
fn give_up(plan: &mut Plan<'_>, row: &WorkRow, key: TaskKey) {
    let Some(wait) = plan.row(key).and_then(|task| task.wait.clone()) else { return };
    let reason = "what it waited for did not happen in time".to_owned();
    match &wait {
        Waiting::Host { wait, .. } if wait.soft_fail => end(plan, row, key, AttemptEnd::Skipped { reason }),
        Waiting::Human { form, .. } if form.defaults.is_some() => {
            crate::human_input::take_defaults(plan, row, key, form);
        }
        Waiting::Trigger { .. } | Waiting::Host { .. } | Waiting::Human { .. } => match wait.resume_key() {
            Some(_) => go_on(plan, row, key, Err(reason)),
            None => end(plan, row, key, failed(reason)),
        },
        Waiting::Sensor { .. } | Waiting::Over { .. } => {}
    }
}

fn failed(message: String) -> AttemptEnd {
    AttemptEnd::Failed(Failure { class: ErrorClass::Error, message, location: None })
}

/// What was waited for, or that it did not happen, is the task's end.
fn end(plan: &mut Plan<'_>, row: &WorkRow, key: TaskKey, end: AttemptEnd) {
    let retry = retries::policy(plan, key, None);
    let next = plan.engine.mint_attempt(plan.now);
    if let Some(failure) = end.failure() {
        let error = (failure.class, failure.message.clone());
        plan.change_row(key, |task| task.error = Some(error));
    }
    let finish = Finish { attempt: row.attempt, end: &end, returned: Returned::Nothing, retry, next };
    if let Err(refused) = plan.finish(key, &finish) {
        tracing::error!(%refused, "a task instance refused what its wait came to");
    }
}
