//! What attempts do to their task instances: they start, store values and end.

use std::collections::HashMap;
use std::time::Duration;

use flow_model::advance::Finish;
use flow_model::fairness::FreeHands;
use flow_model::ids::{AttemptId, JobId, TenantId};
use flow_model::port::Report;
use flow_model::time::Millis;
use flow_model::waiting::{Look, Waiting};
use flow_model::work::{AttemptEnd, Verdict};
use flow_store::step::{Step, StepKind};
use flow_store::task_instance::{TaskKey, TaskRow};
use flow_store::work;
use flow_store::xcom::NewXcom;
use flow_store::{Session, StoreError};

use super::ask::Refusal;
use super::ends::{accepted, first_poke, returned};
use super::{Cause, Push, Start};
use crate::engine::{Engine, Written};
use crate::plan::{Holding, Plan};
use crate::text::keep_message;
use crate::{retries, waits};

/// The least pause between two looks of a trigger.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Where an attempt is.
#[derive(Clone)]
struct Found {
    tenant: TenantId,
    kind: StepKind,
    lease: Option<(JobId, Millis)>,
    key: TaskKey,
}

/// The attempts of a batch, with the task instances that they are at.
pub(super) struct Steps<'h> {
    plan: Plan<'h>,
    /// Where they are, without the task instances themselves, which the plan has.
    found: HashMap<AttemptId, Found>,
    /// Looks that came to nothing, and when to look again.
    later: Vec<(AttemptId, Millis)>,
}

impl<'h> Steps<'h> {
    pub(super) async fn take_up(
        db: &mut Session,
        engine: &'h Engine,
        holding: &'h Holding,
        steps: Vec<Step>,
    ) -> Result<Self, StoreError> {
        let mut plan = Plan::new(engine, engine.now(), holding);
        let mut found = HashMap::with_capacity(steps.len());
        let mut rows = Vec::with_capacity(steps.len());
        for Step { attempt, tenant, kind, lease, task } in steps {
            found.insert(attempt, Found { tenant, kind, lease, key: task.key });
            rows.push(task);
        }
        plan.take_up(db, rows).await?;
        Ok(Self { plan, found, later: Vec::new() })
    }

    /// Follows what they did, lets begin what these hands take of it, and writes it.
    pub(super) async fn write(mut self, db: &mut Session, hands: &mut FreeHands) -> Result<Written, StoreError> {
        self.plan.settle(db).await?;
        self.plan.hand_over(hands);
        let mut written = self.plan.write(db).await?;
        if !self.later.is_empty() {
            work::postpone(db, &self.later).await?;
            written.delays = true;
        }
        Ok(written)
    }

    /// Where an attempt is that counts and is leased.
    fn leased(&self, attempt: AttemptId, tenant: Option<&TenantId>) -> Result<Found, Refusal> {
        let found = self.found.get(&attempt).ok_or(Refusal::Fenced)?;
        let is_its = tenant.is_none_or(|tenant| *tenant == found.tenant);
        if is_its && found.lease.is_some() { Ok(found.clone()) } else { Err(Refusal::Fenced) }
    }

    pub(super) fn start(&mut self, start: &Start) -> Result<(), Refusal> {
        let Found { kind, lease, key, .. } = self.leased(start.attempt, Some(&start.tenant))?;
        if kind != StepKind::Task {
            // A look at what is waited for changes nothing by itself.
            return Ok(());
        }
        self.plan.start(key, start.attempt, lease.map(|(worker, _)| worker)).map_err(|_| Refusal::Fenced)
    }

    /// A task that is being handed to a worker begins.
    pub(super) fn begin(&mut self, attempt: AttemptId, worker: JobId) -> Result<(), Refusal> {
        let key = self.found.get(&attempt).ok_or(Refusal::Fenced)?.key;
        self.plan.start(key, attempt, Some(worker)).map_err(|_| Refusal::Fenced)
    }

    pub(super) fn push(&mut self, push: &Push) -> Result<(), Refusal> {
        let Found { tenant, key: task, .. } = self.leased(push.attempt, Some(&push.tenant))?;
        self.plan.put_xcom(NewXcom { tenant, task, key: push.key.clone(), value: push.value.clone() });
        Ok(())
    }

    pub(super) fn finish(&mut self, finish: &super::Finish) -> Result<(), Refusal> {
        let tenant = match &finish.cause {
            Cause::Reported(tenant) => Some(tenant),
            Cause::Expired => None,
        };
        let Found { kind, lease, key, .. } = self.leased(finish.attempt, tenant)?;
        if matches!(finish.cause, Cause::Expired) && lease.is_some_and(|(_, until)| until > self.plan.now) {
            return Err(Refusal::Fenced);
        }
        match kind {
            StepKind::Trigger => {
                self.finish_look(finish.attempt, key, &finish.report.end);
                Ok(())
            }
            StepKind::Task => self.finish_task(finish.attempt, key, &finish.report),
            StepKind::Wait => Err(Refusal::Fenced),
        }
    }

    /// A worker has looked for what a deferred task waits for.
    fn finish_look(&mut self, attempt: AttemptId, key: TaskKey, end: &AttemptEnd) {
        let until = self.plan.row(key).and_then(|row| row.wait.as_ref()).and_then(Waiting::until);
        let soonest = self.plan.now.after(LEAST_PAUSE);
        let found = match end {
            AttemptEnd::Fired { event } => Look::Done(event.clone()),
            AttemptEnd::Failed(failure) if failure.class.verdict() != Verdict::Requeue => {
                Look::Failed(failure.message.clone())
            }
            AttemptEnd::Pending { .. } | AttemptEnd::Failed(_) if until.is_some_and(|until| until <= self.plan.now) => {
                Look::GivenUp
            }
            AttemptEnd::Pending { until: at } => Look::Again((*at).max(soonest)),
            // Nobody has looked.
            AttemptEnd::Failed(_) => Look::Again(soonest),
            AttemptEnd::Success { .. }
            | AttemptEnd::Branch { .. }
            | AttemptEnd::ShortCircuit { .. }
            | AttemptEnd::Skipped { .. }
            | AttemptEnd::Deferred(_)
            | AttemptEnd::Reschedule { .. }
            | AttemptEnd::AwaitingInput { .. }
            | AttemptEnd::NextRun(_)
            | AttemptEnd::Parsed { .. } => Look::Failed("the trigger ended as nothing that a trigger can".to_owned()),
        };
        match found {
            Look::Again(at) => self.later.push((attempt, until.map_or(at, |until| at.min(until)))),
            Look::Done(_) | Look::Failed(_) | Look::GivenUp => {
                waits::conclude(&mut self.plan, attempt, key, found);
            }
        }
    }

    fn finish_task(&mut self, attempt: AttemptId, key: TaskKey, report: &Report) -> Result<(), Refusal> {
        let end = accepted(&self.plan, key, &report.end);
        let retry = retries::policy(&self.plan, key, report.retry.as_ref());
        let next = self.plan.engine.mint_attempt(self.plan.now);
        let finish = Finish { attempt, end: &end, returned: returned(&end), retry, next };
        let refused = self.plan.finish(key, &finish).map_err(|_| Refusal::Fenced)?;
        let (now, failure) = (self.plan.now, refused.as_ref().or(end.failure()).cloned());
        self.plan.change_row(key, |row| {
            row.usage = Some(report.usage);
            row.error = failure.map(|failure| (failure.class, keep_message(&failure.message)));
            row.map_label = report.map_label.clone().or(row.map_label.take());
            park(row, &end, report.usage.wall_us.div_ceil(1_000), now);
        });
        if refused.is_none() {
            self.plan.put_result(key, &end);
        }
        Ok(())
    }
}

/// What is kept beside a task instance that waits from now on. What it has used up of its execution timeout is gone for the
/// whole try; only a sensor has all of it for each look.
fn park(row: &mut TaskRow, end: &AttemptEnd, spent_ms: u64, now: Millis) {
    let (wait, spent_ms) = match end {
        AttemptEnd::Deferred(deferral) => (Waiting::deferred(deferral.clone(), now), spent_ms),
        AttemptEnd::AwaitingInput { form, resume_key } => {
            (Waiting::asked((**form).clone(), resume_key.clone(), now), spent_ms)
        }
        AttemptEnd::Reschedule { .. } => (Waiting::Sensor { first_poke: first_poke(row).unwrap_or(now) }, 0),
        AttemptEnd::Success { .. }
        | AttemptEnd::Branch { .. }
        | AttemptEnd::ShortCircuit { .. }
        | AttemptEnd::Skipped { .. }
        | AttemptEnd::Pending { .. }
        | AttemptEnd::Fired { .. }
        | AttemptEnd::NextRun(_)
        | AttemptEnd::Parsed { .. }
        | AttemptEnd::Failed(_) => return,
    };
    row.wait = Some(wait);
    row.spent_ms = row.spent_ms.saturating_add(spent_ms);
}
