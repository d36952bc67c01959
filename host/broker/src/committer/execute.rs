//! Executing a batch within its transaction. Nothing is answered here: outcomes are kept until the commit.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use flow_model::advance::{Finish, Returned};
use flow_model::ids::{AttemptId, EntryKey, TenantId};
use flow_model::port::Report;
use flow_model::state::TaskEvent;
use flow_model::time::Millis;
use flow_model::waiting::{Look, Waiting};
use flow_model::work::{AttemptEnd, ErrorClass, Failure, Verdict};
use flow_store::task_instance::{TaskKey, TaskRow};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::xcom::{NewXcom, RETURN_VALUE};
use flow_store::{Session, StoreError, log, run};
use serde_json::value::RawValue;

use super::ask::Refusal;
use super::batch::Batch;
use super::{Cause, Push, Start};
use crate::create;
use crate::engine::Engine;
use crate::plan::{Holding, Plan, Written};
use crate::text::keep_message;
use crate::{admission, retries, waits};

impl Batch {
    pub(super) async fn execute(&mut self, db: &mut Session, engine: &Engine) -> Result<Written, StoreError> {
        let mut written = self.execute_creates(db, engine).await?;
        self.execute_logs(db).await?;
        if !self.returns.is_empty() {
            work::give_back(db, &self.returns).await?;
            written.offers = true;
        }
        written.merge(self.execute_steps(db, engine).await?);
        admission::settle(db, engine, &mut written).await?;
        Ok(written)
    }

    async fn execute_creates(&mut self, db: &mut Session, engine: &Engine) -> Result<Written, StoreError> {
        if self.creates.is_empty() {
            return Ok(Written::default());
        }
        let runs: Vec<_> = self.creates.iter().map(|ask| &ask.verb).collect();
        let (created, written) = create::create(db, engine, &runs).await?;
        for ask in &mut self.creates {
            let key = ask.verb.row.key;
            ask.outcome = if created.contains(&key) { Ok(key) } else { Err(Refusal::Taken) };
        }
        Ok(written)
    }

    async fn execute_logs(&mut self, db: &mut Session) -> Result<(), StoreError> {
        if self.logs.is_empty() {
            return Ok(());
        }
        let chunks: Vec<_> = self.logs.iter().map(|ask| ask.verb.clone()).collect();
        let accepted = log::append(db, &chunks).await?;
        for ask in &mut self.logs {
            ask.outcome = if accepted.contains(&ask.verb.attempt) { Ok(()) } else { Err(Refusal::Fenced) };
        }
        Ok(())
    }

    /// Starts, pushes and finishes: everything that an attempt does to its task instance.
    async fn execute_steps(&mut self, db: &mut Session, engine: &Engine) -> Result<Written, StoreError> {
        let attempts: Vec<AttemptId> = (self.starts.iter().map(|ask| ask.verb.attempt))
            .chain(self.pushes.iter().map(|ask| ask.verb.attempt))
            .chain(self.finishes.iter().map(|ask| ask.verb.attempt))
            .collect();
        if attempts.is_empty() {
            return Ok(Written::default());
        }
        let runs = run::lock_of_attempts(db, &attempts).await?;
        let holding = Holding::load(db, engine, runs).await?;
        let mut steps = Steps::load(db, engine, &holding, &attempts).await?;
        for ask in &mut self.starts {
            ask.outcome = steps.start(&ask.verb);
        }
        for ask in &mut self.pushes {
            ask.outcome = steps.push(&ask.verb);
        }
        for ask in &mut self.finishes {
            ask.outcome = steps.finish(&ask.verb);
        }
        steps.plan.settle(db).await?;
        let mut written = steps.plan.write(db).await?;
        if !steps.later.is_empty() {
            work::postpone(db, &steps.later).await?;
            written.delays = true;
        }
        Ok(written)
    }
}

/// The attempts of a batch, with the task instances that they are at.
struct Steps<'h> {
    plan: Plan<'h>,
    work: HashMap<AttemptId, WorkRow>,
    /// Looks that came to nothing, and when to look again.
    later: Vec<(AttemptId, Millis)>,
}

impl<'h> Steps<'h> {
    async fn load(
        db: &mut Session,
        engine: &'h Engine,
        holding: &'h Holding,
        attempts: &[AttemptId],
    ) -> Result<Self, StoreError> {
        let mut plan = Plan::new(engine, engine.now(), holding);
        let work = work::load(db, attempts).await?;
        let keys: Vec<TaskKey> = work.iter().filter_map(|work| work.kind.task()).collect();
        plan.load(db, &keys).await?;
        Ok(Self { plan, work: work.into_iter().map(|work| (work.attempt, work)).collect(), later: Vec::new() })
    }

    /// The leased work item of an attempt that counts, and its task instance.
    fn leased(&self, attempt: AttemptId, tenant: Option<&TenantId>) -> Result<(WorkRow, TaskKey), Refusal> {
        let work = self.work.get(&attempt).ok_or(Refusal::Fenced)?;
        let mine = tenant.is_none_or(|tenant| *tenant == work.tenant);
        match work.kind.task() {
            Some(key) if mine && work.lease.is_some() => Ok((work.clone(), key)),
            Some(_) | None => Err(Refusal::Fenced),
        }
    }

    fn start(&mut self, start: &Start) -> Result<(), Refusal> {
        let (work, key) = self.leased(start.attempt, Some(&start.tenant))?;
        if !matches!(work.kind, WorkKind::Task { .. }) {
            // A look at what is waited for changes nothing by itself.
            return Ok(());
        }
        let worker = work.lease.map(|(worker, _)| worker);
        let row = self.plan.row(key).ok_or(Refusal::Fenced)?;
        let (losses, goes_on) = (row.node.status.losses, row.wait.is_some());
        self.plan.happen(key, &TaskEvent::Started(start.attempt)).map_err(|_| Refusal::Fenced)?;
        // An earlier try, or one that was lost, may have stored values that this one does not.
        let tries = row_try(&self.plan, key);
        if !goes_on && (tries > 1 || losses > 0) {
            self.plan.drop_xcoms(key);
        }
        self.plan.change_row(key, |row| row.worker = worker);
        Ok(())
    }

    fn push(&mut self, push: &Push) -> Result<(), Refusal> {
        let (work, task) = self.leased(push.attempt, Some(&push.tenant))?;
        let tenant = work.tenant;
        self.plan.put_xcom(NewXcom { tenant, task, key: push.key.clone(), value: push.value.clone() });
        Ok(())
    }

    fn finish(&mut self, finish: &super::Finish) -> Result<(), Refusal> {
        let tenant = match &finish.cause {
            Cause::Reported(tenant) => Some(tenant),
            Cause::Expired => None,
        };
        let (work, key) = self.leased(finish.attempt, tenant)?;
        if matches!(finish.cause, Cause::Expired) && work.lease.is_some_and(|(_, until)| until > self.plan.now) {
            return Err(Refusal::Fenced);
        }
        match &work.kind {
            WorkKind::Trigger { .. } => self.finish_look(&work, key, &finish.report.end),
            WorkKind::Task { .. } => return self.finish_task(&work, key, &finish.report),
            WorkKind::Wait { .. } | WorkKind::Parse { .. } | WorkKind::Timetable { .. } | WorkKind::Callback { .. } => {
                return Err(Refusal::Fenced);
            }
        }
        Ok(())
    }

    /// A worker has looked for what a deferred task waits for.
    fn finish_look(&mut self, work: &WorkRow, key: TaskKey, end: &AttemptEnd) {
        let until = self.plan.row(key).and_then(|row| row.wait.as_ref()).and_then(Waiting::until);
        let over = until.is_some_and(|until| until <= self.plan.now);
        let found = match end {
            AttemptEnd::Fired { event } => Look::Done(event.clone()),
            _ if over => Look::GivenUp,
            AttemptEnd::Pending { until: at } => Look::Again((*at).max(self.plan.now.after(LEAST_PAUSE))),
            AttemptEnd::Failed(failure) => match failure.class.verdict() {
                Verdict::Requeue => Look::Again(self.plan.now),
                Verdict::Retry | Verdict::Fail => Look::Failed(failure.message.clone()),
            },
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
            Look::Again(at) => self.later.push((work.attempt, until.map_or(at, |until| at.min(until)))),
            Look::Done(_) | Look::Failed(_) | Look::GivenUp => waits::conclude(&mut self.plan, work, key, found),
        }
    }

    fn finish_task(&mut self, work: &WorkRow, key: TaskKey, report: &Report) -> Result<(), Refusal> {
        let end = self.within_patience(key, &report.end);
        let retry = retries::policy(&self.plan, key, report.retry.as_ref());
        let next = self.plan.engine.mint_attempt(self.plan.now);
        let attempt = work.attempt;
        let finish = Finish { attempt, end: &end, returned: returned(&end), retry, next };
        let refused = self.plan.finish(key, &finish).map_err(|_| Refusal::Fenced)?;
        let (now, failure) = (self.plan.now, refused.as_ref().or(end.failure()).cloned());
        self.plan.change_row(key, |row| {
            row.usage = Some(report.usage);
            row.error = failure.map(|failure| (failure.class, keep_message(&failure.message)));
            row.map_label = report.map_label.clone().or(row.map_label.take());
            let spent = row.start_date.map_or(0, |start| millis(now.since(start)));
            park(row, &end, spent, now);
        });
        if let (None, Some(value), Ok(name)) = (refused, end.value(), RETURN_VALUE.parse::<EntryKey>()) {
            self.plan.put_xcom(NewXcom { tenant: work.tenant.clone(), task: key, key: name, value: value.clone() });
        }
        Ok(())
    }

    /// A sensor that has looked for long enough gives up (Airflow's `timeout` and `soft_fail`).
    fn within_patience(&self, key: TaskKey, end: &AttemptEnd) -> AttemptEnd {
        let AttemptEnd::Reschedule { at } = end else { return end.clone() };
        let (Some((_, version)), Some(row)) = (self.plan.run(key.run), self.plan.row(key)) else { return end.clone() };
        let Some(sensor) = &version.graph.task(key.task).sensor else { return end.clone() };
        let first = first_poke(row).or(row.start_date).unwrap_or(self.plan.now);
        let until = first.after_ms(sensor.timeout_ms);
        if self.plan.now < until {
            return AttemptEnd::Reschedule { at: (*at).min(until) };
        }
        if sensor.soft_fail {
            return AttemptEnd::Skipped { reason: "what it looked for did not appear in time".to_owned() };
        }
        let message = format!("what it looked for did not appear within {} ms", sensor.timeout_ms);
        AttemptEnd::Failed(Failure { class: ErrorClass::Fatal, message, location: None })
    }
}

/// The least pause between two looks of a trigger.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

fn row_try(plan: &Plan<'_>, key: TaskKey) -> u32 {
    plan.status(key).map_or(0, |status| status.try_number)
}

fn first_poke(row: &TaskRow) -> Option<Millis> {
    match &row.wait {
        Some(Waiting::Sensor { first_poke }) => Some(*first_poke),
        Some(Waiting::Trigger { .. } | Waiting::Host { .. } | Waiting::Human { .. } | Waiting::Over { .. }) | None => {
            None
        }
    }
}

/// What is kept beside a task instance that waits from now on.
fn park(row: &mut TaskRow, end: &AttemptEnd, spent_ms: u64, now: Millis) {
    let wait = match end {
        AttemptEnd::Deferred(deferral) => Waiting::deferred(deferral.clone(), now),
        AttemptEnd::AwaitingInput { form, resume_key } => Waiting::asked((**form).clone(), resume_key.clone(), now),
        AttemptEnd::Reschedule { .. } => {
            Waiting::Sensor { first_poke: first_poke(row).or(row.start_date).unwrap_or(now) }
        }
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

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What a task returned, as far as something can be mapped over it.
pub(crate) fn returned(end: &AttemptEnd) -> Returned {
    let Some(text) = end.value() else { return Returned::Nothing };
    // Read no further than is needed to count.
    match text.trim_start().as_bytes().first() {
        Some(b'[') => {
            serde_json::from_str(text).map_or(Returned::Value, |list: Vec<&RawValue>| Returned::Elements(list.len()))
        }
        Some(b'{') => serde_json::from_str(text)
            .map_or(Returned::Value, |members: BTreeMap<String, &RawValue>| Returned::Elements(members.len())),
        Some(_) if text.trim() == "null" => Returned::Nothing,
        Some(_) | None => Returned::Value,
    }
}
