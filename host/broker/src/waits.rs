//! Waits: what the host looks at itself, and what comes of a look.
//!
//! A wait has a row in the queue. One that user code looks at, or a worker's HTTP client, is claimed like any work; the
//! others the timekeeper looks at when they are due. What is the host's own work also pauses here between two tries.

use flow_model::advance::{Finish, Refusal};
use flow_model::dag::{ExternalRun, WaitFor};
use flow_model::ids::AttemptId;
use flow_model::state::{Admission, Phase, TaskEvent, TaskInstanceState};
use flow_model::time::Millis;
use flow_model::timetable::DataInterval;
use flow_model::waiting::{Conclusion, Look, Sight, Waiting, look};
use flow_model::work::{AttemptEnd, Resume};
use flow_store::asset::event;
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, TaskKey};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError};

use crate::committer::returned;
use crate::engine::{Thing, Written};
use crate::local::LocalBroker;
use crate::plan::{Holding, Plan};
use crate::{human_input as answers, retries};

/// How many waits one transaction looks at.
const ROUND: u8 = 128;
/// When a wait is looked at that nothing but an answer ends.
const NEVER: Millis = Millis(i64::MAX);

/// How a wait that begins now stands in the queue, and when it is looked at first.
pub(crate) fn first_look(
    wait: &Waiting,
    (key, try_number): (TaskKey, u32),
    interval: Option<DataInterval>,
    now: Millis,
) -> (WorkKind, Millis) {
    let by_host = WorkKind::Wait { key, try_number };
    match wait {
        Waiting::Trigger { .. } => (WorkKind::Trigger { key, try_number }, now),
        Waiting::Host { wait: spec, since, until, .. } => match &spec.until {
            WaitFor::Http(_) | WaitFor::Trigger(_) => (WorkKind::Trigger { key, try_number }, now),
            WaitFor::Instant(_) | WaitFor::Duration(_) | WaitFor::AfterInterval(_) => {
                let end = interval.map(|interval| interval.end);
                let at = match look(spec, (*since, *until), end, &Sight::Time, now) {
                    Look::Again(at) => at,
                    Look::Done(_) | Look::Failed(_) | Look::GivenUp => now,
                };
                (by_host, at)
            }
            WaitFor::Run(_) | WaitFor::Asset(_) => (by_host, now),
        },
        Waiting::Human { until, .. } => (by_host, until.unwrap_or(NEVER)),
        Waiting::Sensor { .. } | Waiting::Over { .. } => (by_host, NEVER),
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
    /// Looks at the waits that are due, and at those for which something has happened.
    pub(crate) async fn look_at_waits(&self, now: Millis) -> Result<(), StoreError> {
        for woken in self.inner.engine.awaited.take_woken().chunks(ROUND.into()) {
            self.look_round(woken, now).await?;
        }
        loop {
            let due = work::due_waits(&mut self.inner.store.read().await?, now, ROUND.into()).await?;
            let attempts: Vec<AttemptId> = due.iter().map(|row| row.attempt).collect();
            if !attempts.is_empty() {
                self.look_round(&attempts, now).await?;
            }
            if attempts.len() < usize::from(ROUND) {
                return Ok(());
            }
        }
    }

    async fn look_round(&self, attempts: &[AttemptId], now: Millis) -> Result<(), StoreError> {
        let mut tx = self.inner.store.begin("look at waits").await?;
        let written = look_at_all(&mut tx, self, attempts, now).await?;
        self.conclude(tx, written).await
    }
}

async fn look_at_all(
    db: &mut Session,
    broker: &LocalBroker,
    attempts: &[AttemptId],
    now: Millis,
) -> Result<Written, StoreError> {
    let engine = &broker.inner.engine;
    let runs = run::lock_of_attempts(db, attempts).await?;
    let holding = Holding::load(db, engine, runs).await?;
    let mut plan = Plan::new(engine, now, &holding);
    // Somebody may have ended them before their runs were locked.
    let waits = work::load(db, attempts).await?;
    let keys: Vec<TaskKey> = waits.iter().filter_map(|row| row.kind.task()).collect();
    plan.load(db, &keys).await?;
    let mut later = Vec::new();
    for row in &waits {
        if let WorkKind::Wait { key, .. } = row.kind
            && let Some(at) = look_at(db, &mut plan, row, key).await?
        {
            later.push((row.attempt, at));
        }
    }
    if !later.is_empty() {
        work::postpone(db, &later).await?;
    }
    plan.settle(db).await?;
    let mut written = plan.write(db).await?;
    written.delays |= !later.is_empty();
    Ok(written)
}

/// Looks at one wait; if nothing came of it, when to look again.
async fn look_at(
    db: &mut Session,
    plan: &mut Plan<'_>,
    row: &WorkRow,
    key: TaskKey,
) -> Result<Option<Millis>, StoreError> {
    let (Some(task), Some((run, _))) = (plan.row(key), plan.run(key.run)) else { return Ok(Some(NEVER)) };
    let (phase, now, wait, run) = (task.node.status.phase, plan.now, task.wait.clone(), run.clone());
    if let Phase::UpForRetry(..) = phase {
        if let Err(refused) = plan.try_again(key) {
            tracing::error!(%refused, "a task instance refused to be tried again");
        }
        return Ok(None);
    }
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
        remember(plan, row, wait.as_ref());
        return Ok(Some(at));
    }
    conclude(plan, row.attempt, key, found);
    Ok(None)
}

/// Notes what a wait is for, so that it is looked at as soon as that has happened.
fn remember(plan: &Plan<'_>, row: &WorkRow, wait: Option<&Waiting>) {
    let Some(Waiting::Host { wait, .. }) = wait else { return };
    let thing = match &wait.until {
        WaitFor::Run(external) => Some(Thing::Dag(external.dag_id.clone())),
        WaitFor::Asset(name) => name.parse().ok().map(Thing::Asset),
        WaitFor::Instant(_)
        | WaitFor::Duration(_)
        | WaitFor::AfterInterval(_)
        | WaitFor::Http(_)
        | WaitFor::Trigger(_) => None,
    };
    if let Some(thing) = thing {
        plan.engine.awaited.remember(&row.tenant, thing, row.attempt);
    }
}

/// What the host knows of the thing that is waited for.
async fn see(db: &mut Session, run: &RunRow, until: &WaitFor) -> Result<Sight, StoreError> {
    match until {
        WaitFor::Run(external) => Ok(Sight::Run(states_of(db, run, external).await?)),
        WaitFor::Asset(name) => {
            let since = run.start_date.unwrap_or(run.queued_at);
            Ok(Sight::Asset(match name.parse() {
                Ok(name) => event::any_since(db, &run.tenant, &name, since).await?,
                Err(_) => false,
            }))
        }
        WaitFor::Instant(_)
        | WaitFor::Duration(_)
        | WaitFor::AfterInterval(_)
        | WaitFor::Http(_)
        | WaitFor::Trigger(_) => Ok(Sight::Time),
    }
}

/// The state of the run, or those of the task's instances, that a run of another DAG is waited for with. A run without a
/// logical date stands for when it was due, as in Airflow.
async fn states_of(
    db: &mut Session,
    run: &RunRow,
    external: &ExternalRun,
) -> Result<Vec<TaskInstanceState>, StoreError> {
    let (tenant, dag) = (&run.tenant, &external.dag_id);
    let found = if let Some(id) = &external.run_id {
        run::find(db, tenant, dag, id).await?.map(|found| (found.run_id, found.state))
    } else {
        let date = run.logical_date.unwrap_or(run.run_after);
        run::at(db, tenant, dag, Millis(date.0.saturating_sub(external.execution_delta_ms))).await?
    };
    let Some((other, state)) = found else { return Ok(Vec::new()) };
    match &external.task_id {
        None => Ok(vec![state.as_task_state()]),
        Some(task) => task_instance::states_of(db, (tenant, dag), (&other, task)).await,
    }
}

/// Carries out what a look came to, whoever looked.
pub(crate) fn conclude(plan: &mut Plan<'_>, attempt: AttemptId, key: TaskKey, found: Look) {
    let Some(wait) = plan.row(key).and_then(|task| task.wait.clone()) else { return };
    let outcome = match wait.conclude(found) {
        Conclusion::Again(_) | Conclusion::Nothing => return,
        Conclusion::GoesOn(resume) => go_on(plan, attempt, key, resume),
        Conclusion::Ends(how) => end(plan, attempt, key, &how),
        Conclusion::Defaults => answers::take_defaults(plan, attempt, key),
    };
    if let Err(refused) = outcome {
        tracing::error!(%refused, "a task instance refused what its wait came to");
    }
}

/// The wait is over: the task goes on where it said, as the same try.
pub(crate) fn go_on(plan: &mut Plan<'_>, attempt: AttemptId, key: TaskKey, resume: Resume) -> Result<(), Refusal> {
    let admission =
        if plan.admits(key) { Admission::Offered(plan.engine.mint_attempt(plan.now)) } else { Admission::Held };
    plan.happen(key, &TaskEvent::Resumed { attempt, admission })?;
    plan.change_row(key, |task| task.wait = Some(Waiting::Over { resume }));
    Ok(())
}

/// The wait was the task, and ends like this.
pub(crate) fn end(plan: &mut Plan<'_>, attempt: AttemptId, key: TaskKey, end: &AttemptEnd) -> Result<(), Refusal> {
    let retry = retries::policy(plan, key, None);
    let next = plan.engine.mint_attempt(plan.now);
    let refused = plan.finish(key, &Finish { attempt, end, returned: returned(end), retry, next })?;
    let failure = refused.as_ref().or(end.failure()).cloned();
    plan.change_row(key, |task| task.error = failure.map(|failure| (failure.class, failure.message)));
    if refused.is_none() {
        plan.put_result(key, end);
    }
    Ok(())
}
