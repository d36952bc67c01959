//! Executing a batch within its transaction. Nothing is answered here: outcomes are kept until the commit.

use std::collections::HashMap;

use flow_model::ids::{AttemptId, EntryKey, TenantId};
use flow_model::state::{RetryPolicy, TaskEvent, decide};
use flow_model::work::{AttemptEnd, ErrorClass};
use flow_store::task_instance::{self, TaskKey};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::xcom::{NewXcom, RETURN_VALUE};
use flow_store::{Session, StoreError, log, run};

use super::ask::Refusal;
use super::batch::Batch;
use super::{Cause, Finish, Push, Start};
use crate::create;
use crate::engine::Engine;
use crate::plan::{Plan, Written};
use crate::text::keep_message;

impl Batch {
    pub(super) async fn execute(&mut self, db: &mut Session, engine: &Engine) -> Result<Written, StoreError> {
        let mut written = self.execute_creates(db, engine).await?;
        self.execute_logs(db).await?;
        if !self.returns.is_empty() {
            work::give_back(db, &self.returns).await?;
            written.offers = true;
        }
        written.merge(self.execute_steps(db, engine).await?);
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
        let mut steps = Steps::load(db, engine, &attempts).await?;
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
        steps.plan.write(db).await
    }
}

/// The attempts of a batch, with the task instances that they are at.
struct Steps<'e> {
    plan: Plan<'e>,
    work: HashMap<AttemptId, WorkRow>,
}

impl<'e> Steps<'e> {
    async fn load(db: &mut Session, engine: &'e Engine, attempts: &[AttemptId]) -> Result<Self, StoreError> {
        let mut plan = Plan::new(engine, engine.now());
        let runs = run::lock_of_attempts(db, attempts).await?;
        plan.adopt_runs(db, runs).await?;
        let work = work::load(db, attempts).await?;
        let keys: Vec<TaskKey> = work.iter().filter_map(task_key).collect();
        plan.adopt_tasks(task_instance::load(db, &keys).await?);
        Ok(Self { plan, work: work.into_iter().map(|work| (work.attempt, work)).collect() })
    }

    /// The leased work item of an attempt that counts, and its task instance.
    fn leased(&self, attempt: AttemptId, tenant: Option<&TenantId>) -> Result<(&WorkRow, TaskKey), Refusal> {
        let work = self.work.get(&attempt).ok_or(Refusal::Fenced)?;
        let mine = tenant.is_none_or(|tenant| *tenant == work.tenant);
        match task_key(work) {
            Some(key) if mine && work.lease.is_some() => Ok((work, key)),
            Some(_) | None => Err(Refusal::Fenced),
        }
    }

    fn start(&mut self, start: &Start) -> Result<(), Refusal> {
        let (work, key) = self.leased(start.attempt, Some(&start.tenant))?;
        let worker = work.lease.map(|(worker, _)| worker);
        self.plan.happen(key, &TaskEvent::Started(start.attempt)).map_err(|_| Refusal::Fenced)?;
        let task = self.plan.task(key).ok_or(Refusal::Fenced)?;
        // An earlier try, or one that was lost, may have stored values that this one does not.
        if task.status.try_number > 1 || task.status.losses > 0 {
            self.plan.drop_xcoms(key);
        }
        self.plan.change_task(key, |task| task.worker = worker);
        Ok(())
    }

    fn push(&mut self, push: &Push) -> Result<(), Refusal> {
        let (work, task) = self.leased(push.attempt, Some(&push.tenant))?;
        let tenant = work.tenant.clone();
        self.plan.put_xcom(NewXcom { tenant, task, key: push.key.clone(), value: push.value.clone() });
        Ok(())
    }

    fn finish(&mut self, finish: &Finish) -> Result<(), Refusal> {
        let tenant = match &finish.cause {
            Cause::Reported(tenant) => Some(tenant),
            Cause::Expired => None,
        };
        let (work, key) = self.leased(finish.attempt, tenant)?;
        let tenant = work.tenant.clone();
        if matches!(finish.cause, Cause::Expired) && work.lease.is_some_and(|(_, until)| until > self.plan.now) {
            return Err(Refusal::Fenced);
        }
        let (_, version) = self.plan.run(key.run).ok_or(Refusal::Internal)?;
        let task = self.plan.task(key).ok_or(Refusal::Internal)?;
        let retry = RetryPolicy {
            max_tries: task.max_tries.saturating_add(1),
            delay: version.graph.task(key.task).retry_delay(),
        };
        let (attempt, end) = (finish.attempt, &finish.report.end);
        let next = self.plan.engine.mint_attempt(self.plan.now);
        let event = TaskEvent::Finished { attempt, end, next, retry };
        let transition = decide(task.status, &event, self.plan.now).map_err(|_| Refusal::Fenced)?;
        self.plan.change_task(key, |task| {
            task.usage = Some(finish.report.usage);
            task.error = failure(end);
        });
        self.plan.apply(key, transition);
        if let Some(value) = end.value().cloned()
            && let Ok(name) = RETURN_VALUE.parse::<EntryKey>()
        {
            self.plan.put_xcom(NewXcom { tenant, task: key, key: name, value });
        }
        Ok(())
    }
}

fn task_key(work: &WorkRow) -> Option<TaskKey> {
    match &work.kind {
        WorkKind::Task { key, .. } => Some(*key),
        WorkKind::Parse { .. } => None,
    }
}

/// Why an attempt failed, if it did, as it is kept.
fn failure(end: &AttemptEnd) -> Option<(ErrorClass, String)> {
    end.failure().map(|failure| (failure.class, keep_message(&failure.message)))
}
