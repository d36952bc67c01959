//! Claiming: from leased rows to everything that a worker needs to run them.

use flow_model::ids::AttemptId;
use flow_model::port::{BrokerError, ClaimRequest, Report};
use flow_model::time::Millis;
use flow_model::uses::Uses;
use flow_model::work::{
    AttemptClaims, AttemptEnd, AttemptLimits, AttemptRole, ErrorClass, Failure, Grant, Job, Usage, Work,
};
use flow_store::task_instance::TaskKey;
use flow_store::work::{WorkKind, WorkRow};
use flow_store::{Session, StoreError, dag_version};

use crate::arguments::{Briefing, TooMuch};
use crate::committer::{Cause, Finish, Refusal};
use crate::jobs::is_hostname;
use crate::leases::GRANT_LIFE;
use crate::local::LocalBroker;

/// What holds for everything that one claim hands out.
#[derive(Clone, Copy)]
struct Terms {
    limits: AttemptLimits,
    expires: Millis,
}

impl LocalBroker {
    pub(crate) async fn claim_work(&self, request: ClaimRequest) -> Result<Vec<Work>, BrokerError> {
        if request.slots == 0 {
            return Err(BrokerError::Invalid("slots must be at least 1".to_owned()));
        }
        if !is_hostname(&request.hostname) {
            return Err(BrokerError::Invalid("hostname is at most 255 bytes without control characters".to_owned()));
        }
        self.inner.note_claim(&request).await;
        let share = self.inner.committer.claim(request).await.map_err(|refusal| refusal.about(AttemptId(nil())))?;
        if share.rows().is_empty() {
            return Ok(Vec::new());
        }
        let work = self.brief(share.rows()).await.map_err(|error| Refusal::from(&error).about(AttemptId(nil())))?;
        share.keep();
        Ok(work)
    }

    /// Puts leased work together. What turns out not to be runnable is ended here and not handed out.
    async fn brief(&self, rows: &[WorkRow]) -> Result<Vec<Work>, StoreError> {
        let mut db = self.inner.store.read().await?;
        let tasks: Vec<TaskKey> = rows.iter().filter_map(|row| task_of(row).map(|(key, _)| key)).collect();
        let briefing = Briefing::load(&mut db, &self.inner.engine, &tasks).await?;
        let terms = Terms { limits: self.inner.limits, expires: self.now().after(GRANT_LIFE) };
        let mut ready = Vec::with_capacity(rows.len());
        for row in rows {
            let work = match &row.kind {
                WorkKind::Task { key, try_number } => task_work(&briefing, row, (*key, *try_number), terms),
                WorkKind::Parse { .. } => Ok(self.parse_work(&mut db, row, terms).await?),
            };
            match work {
                Ok(Some(work)) => ready.push(work),
                // Its run or module was deleted a moment ago, and the row with it.
                Ok(None) => {}
                Err(refused) => self.refuse_to_run(row, refused).await,
            }
        }
        Ok(ready)
    }

    async fn parse_work(&self, db: &mut Session, row: &WorkRow, terms: Terms) -> Result<Option<Work>, StoreError> {
        let WorkKind::Parse { module, version, .. } = &row.kind else { return Ok(None) };
        let Some(digest) = dag_version::digest_for(db, &row.tenant, row.attempt, true).await? else { return Ok(None) };
        let role = AttemptRole::Parse { module: module.clone(), version: *version };
        // Parsing reads variables, and which ones is not known before: any of the tenant's.
        let uses = Uses { variables: vec!["*".to_owned()], ..Uses::default() };
        let job = Job::Parse { now: row.available_at };
        Ok(Some(Work { grant: grant(row, role, uses, terms), module: digest, job, limits: terms.limits }))
    }

    /// Ends an attempt that cannot be handed out, as its worker would.
    async fn refuse_to_run(&self, row: &WorkRow, refused: TooMuch) {
        let failure = Failure { class: ErrorClass::Quota, message: refused.to_string(), location: None };
        let report = Report { end: AttemptEnd::Failed(failure), usage: Usage::default(), retry: None, map_label: None };
        let cause = Cause::Reported(row.tenant.clone());
        let finish = Finish { attempt: row.attempt, report, cause };
        if let Err(refusal) = self.inner.committer.finish(finish).await {
            tracing::warn!(?refusal, "an attempt that cannot run could not be ended; its lease will expire");
        }
    }
}

fn task_work(
    briefing: &Briefing,
    row: &WorkRow,
    (key, try_number): (TaskKey, u32),
    terms: Terms,
) -> Result<Option<Work>, TooMuch> {
    let (Some((found, version)), Some(context)) = (briefing.run(key.run), briefing.context(key, try_number)) else {
        return Ok(None);
    };
    let context = context?;
    let task = version.graph.task(key.task);
    let role = AttemptRole::Task {
        dag: found.run.dag_id.clone(),
        run: found.run.run_id.clone(),
        task: task.task_id.clone(),
        map_index: key.map_index,
        try_number,
    };
    let limits = terms.limits;
    let wall_ms = task.execution_timeout_ms.map_or(limits.wall_ms, |timeout| timeout.min(limits.wall_ms));
    Ok(Some(Work {
        grant: grant(row, role, version.uses(key.task), terms),
        module: version.digest,
        job: Job::Task(Box::new(context)),
        limits: AttemptLimits { wall_ms, ..limits },
    }))
}

fn grant(row: &WorkRow, role: AttemptRole, uses: Uses, terms: Terms) -> Grant {
    let (attempt, tenant) = (row.attempt, row.tenant.clone());
    let claims = AttemptClaims { attempt, tenant, role, uses, expires: terms.expires };
    Grant { claims, token: String::new() }
}

fn task_of(row: &WorkRow) -> Option<(TaskKey, u32)> {
    match &row.kind {
        WorkKind::Task { key, try_number } => Some((*key, *try_number)),
        WorkKind::Parse { .. } => None,
    }
}

/// The id in errors that are not about one attempt.
fn nil() -> uuid::Uuid {
    uuid::Uuid::nil()
}
