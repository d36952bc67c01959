//! Leased work, put together for the worker that has it: the right to act, what to call, what it may spend.

use std::collections::HashMap;

use flow_model::dag::{GuestTrigger, WaitFor};
use flow_model::ids::PartitionKey;
use flow_model::map_label;
use flow_model::time::Millis;
use flow_model::uses::Uses;
use flow_model::waiting::Waiting;
use flow_model::work::{AttemptClaims, AttemptLimits, AttemptRole, Grant, Job, Resume, TaskContext, Work};
use flow_store::dag_version::{self, RunsFor};
use flow_store::task_instance::{self, TaskKey, TaskRow};
use flow_store::work::{WorkKind, WorkRow};
use flow_store::{Session, StoreError};
use serde::{Deserialize, Serialize};

use crate::arguments::Briefing;
pub(crate) use crate::arguments::TooMuch;
use crate::leases::GRANT_LIFE;
use crate::local::Inner;

/// Where a task goes on that has waited: kept beside its work, so that handing it out looks nowhere else.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Brief {
    /// Where it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<Resume>,
    /// When its sensor looked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_poke: Option<Millis>,
    /// How much of its execution timeout is used up, in milliseconds.
    spent_ms: u64,
}

impl Brief {
    /// What is to be kept beside the work of a task instance; `None` for one that has not waited.
    pub(crate) fn of(row: &TaskRow) -> Option<String> {
        let brief = match &row.wait {
            Some(Waiting::Over { resume }) => {
                Self { resume: Some(resume.clone()), spent_ms: row.spent_ms, ..Self::default() }
            }
            Some(Waiting::Sensor { first_poke }) => {
                Self { first_poke: Some(*first_poke), spent_ms: row.spent_ms, ..Self::default() }
            }
            Some(Waiting::Trigger { .. } | Waiting::Host { .. } | Waiting::Human { .. }) | None => return None,
        };
        serde_json::to_string(&brief).ok()
    }
}

/// Everything that was loaded for the work that one claim hands out.
pub(crate) struct Handout<'i> {
    pub(crate) inner: &'i Inner,
    limits: AttemptLimits,
    expires: Millis,
    briefing: Briefing,
    waits: HashMap<TaskKey, Waiting>,
}

impl<'i> Handout<'i> {
    pub(crate) async fn load(db: &mut Session, inner: &'i Inner, rows: &[WorkRow]) -> Result<Self, StoreError> {
        let tasks: Vec<TaskKey> = rows.iter().filter_map(|row| row.kind.task()).collect();
        let briefing = Briefing::load(db, &inner.engine, &tasks).await?;
        let waiting: Vec<TaskKey> = rows
            .iter()
            .filter(|row| matches!(row.kind, WorkKind::Trigger { .. }))
            .filter_map(|row| row.kind.task())
            .collect();
        let mut waits = HashMap::new();
        if !waiting.is_empty() {
            let rows = task_instance::load(db, &waiting).await?;
            waits.extend(rows.into_iter().filter_map(|row| Some((row.key, row.wait?))));
        }
        Ok(Self { inner, limits: inner.limits, expires: inner.now().after(GRANT_LIFE), briefing, waits })
    }

    /// The right to act for an attempt.
    pub(crate) fn grant(&self, row: &WorkRow, role: AttemptRole, uses: Uses) -> Grant {
        let (attempt, tenant) = (row.attempt, row.tenant.clone());
        let claims = AttemptClaims { attempt, tenant, role, uses, expires: self.expires };
        Grant { claims, token: String::new() }
    }

    /// One try of a task.
    pub(crate) fn task(
        &self,
        row: &WorkRow,
        (key, try_number): (TaskKey, u32),
        brief: Option<&str>,
    ) -> Result<Option<Work>, TooMuch> {
        let Some((found, version)) = self.briefing.run(key.run) else { return Ok(None) };
        let (run, task) = (&found.run, version.graph.task(key.task));
        let brief: Brief = brief.and_then(|brief| serde_json::from_str(brief).ok()).unwrap_or_default();
        let role = AttemptRole::Task {
            dag: run.dag_id.clone(),
            run: run.run_id.clone(),
            task: task.task_id.clone(),
            map_index: key.map_index,
            try_number,
        };
        let arguments = self.briefing.arguments(key)?;
        let template = task.map_index_template.as_deref().filter(|_| key.map_index.is_some());
        let context = TaskContext {
            dag_id: run.dag_id.clone(),
            run_id: run.run_id.clone(),
            task_id: task.task_id.clone(),
            function: task.function.clone(),
            map_index: key.map_index,
            try_number,
            max_tries: task.retries.saturating_add(1).max(try_number),
            logical_date: run.logical_date,
            data_interval_start: run.interval.map(|interval| interval.start),
            data_interval_end: run.interval.map(|interval| interval.end),
            conf: self.briefing.conf(key.run).to_owned(),
            map_label: template.map(|template| map_label::render(template, &task.parameters, &arguments)),
            arguments,
            resume: brief.resume,
            triggering_asset_events: self.briefing.triggering_events(key.run).to_owned(),
            partition_key: found.partition.as_ref().map(PartitionKey::to_string),
            first_poke: brief.first_poke,
            retry_policy: task.retry_policy.clone(),
        };
        // One budget for the whole try: what it used before it waited is gone.
        let budget = task.execution_timeout_ms.unwrap_or(self.limits.wall_ms).min(self.limits.wall_ms);
        let limits = AttemptLimits { wall_ms: budget.saturating_sub(brief.spent_ms).max(1), ..self.limits };
        let grant = self.grant(row, role, version.uses(key.task));
        Ok(Some(Work { grant, module: version.digest, job: Job::Task(Box::new(context)), limits }))
    }

    /// A look for what a deferred task waits for.
    pub(crate) fn trigger(&self, row: &WorkRow, key: TaskKey, try_number: u32) -> Option<Work> {
        let (found, version) = self.briefing.run(key.run)?;
        let job = match self.waits.get(&key)? {
            Waiting::Trigger { trigger, kwargs, .. } => {
                Job::Trigger { trigger: trigger.clone(), kwargs: kwargs.clone() }
            }
            Waiting::Host { wait, .. } => match &wait.until {
                WaitFor::Http(check) => Job::Http { check: check.clone(), poke_interval_ms: wait.poke_interval_ms },
                WaitFor::Trigger(GuestTrigger { name, kwargs }) => {
                    let kwargs = if kwargs.is_null() { "{}".to_owned() } else { kwargs.to_string() };
                    Job::Trigger { trigger: name.clone(), kwargs }
                }
                WaitFor::Instant(_)
                | WaitFor::Duration(_)
                | WaitFor::AfterInterval(_)
                | WaitFor::Run(_)
                | WaitFor::Asset(_) => return None,
            },
            Waiting::Human { .. } | Waiting::Sensor { .. } | Waiting::Over { .. } => return None,
        };
        let role = AttemptRole::Trigger {
            dag: found.run.dag_id.clone(),
            run: found.run.run_id.clone(),
            task: version.graph.task(key.task).task_id.clone(),
            map_index: key.map_index,
            try_number,
        };
        let grant = self.grant(row, role, version.uses(key.task));
        Some(Work { grant, module: version.digest, job, limits: self.limits.within(AttemptLimits::TRIGGER) })
    }

    /// Asking a module for its DAGs.
    pub(crate) async fn parse(&self, db: &mut Session, row: &WorkRow) -> Result<Option<Work>, StoreError> {
        let WorkKind::Parse { module, version, .. } = &row.kind else { return Ok(None) };
        let digest = dag_version::digest_for(db, &row.tenant, row.attempt, RunsFor::Module).await?;
        let Some(digest) = digest else { return Ok(None) };
        let role = AttemptRole::Parse { module: module.clone(), version: *version };
        // Parsing reads variables, and which ones is not known before: any of the tenant's.
        let uses = Uses { variables: vec!["*".to_owned()], ..Uses::default() };
        let job = Job::Parse { now: row.available_at };
        Ok(Some(Work { grant: self.grant(row, role, uses), module: digest, job, limits: self.limits }))
    }

    /// Asking a timetable of a module for a DAG's next run.
    pub(crate) async fn timetable(&self, db: &mut Session, row: &WorkRow) -> Result<Option<Work>, StoreError> {
        let Some((role, job)) = self.query(db, row).await? else { return Ok(None) };
        let digest = dag_version::digest_for(db, &row.tenant, row.attempt, RunsFor::Dag).await?;
        let limits = self.limits.within(AttemptLimits::TIMETABLE);
        Ok(digest.map(|module| Work { grant: self.grant(row, role, Uses::default()), module, job, limits }))
    }
}
