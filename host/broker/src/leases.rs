//! Renewing leases, and taking back what workers lost.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use flow_model::ids::{AttemptId, JobId, TenantId};
use flow_model::port::{Renewal, Report};
use flow_model::time::Millis;
use flow_model::work::{AttemptClaims, AttemptEnd, ErrorClass, Failure, Grant, Usage};
use flow_store::StoreError;
use flow_store::work::{self, Lease, WorkKind};

use crate::committer::{Cause, Finish, Refusal};
use crate::local::LocalBroker;

/// How long a grant is good for unless it is renewed: minutes, so that a worker outlasts a control plane that is away for
/// a while. It gives no right beyond its attempt's: every verb also looks whether that one still counts.
pub const GRANT_LIFE: Duration = Duration::from_mins(10);

/// How many expired leases one round takes back.
const ROUND: u32 = 512;

impl LocalBroker {
    /// Renews the leases that are worth writing, those of which more than a third has passed, and every grant whose
    /// attempt still counts.
    pub(crate) async fn renew_leases(&self, grants: &[Grant]) -> Result<Vec<Renewal>, StoreError> {
        let now = self.now();
        let attempts: Vec<AttemptId> = grants.iter().map(|grant| grant.claims.attempt).collect();
        let leases = work::leases(&mut self.inner.store.read().await?, &attempts).await?;
        for worker in leases.iter().map(|lease| lease.worker).collect::<HashSet<JobId>>() {
            self.inner.note_renewal(worker, now).await;
        }
        let term = self.inner.lease;
        let is_old = |lease: &&Lease| lease.until.since(now) * 3 < term * 2;
        let old: Vec<AttemptId> = leases.iter().filter(is_old).map(|lease| lease.attempt).collect();
        let mut held: HashMap<AttemptId, TenantId> =
            leases.into_iter().map(|lease| (lease.attempt, lease.tenant)).collect();
        if !old.is_empty() {
            let mut tx = self.inner.store.begin("renew").await?;
            let renewed: HashSet<AttemptId> = work::renew(&mut tx, &old, now.after(term)).await?.into_iter().collect();
            tx.commit().await?;
            held.retain(|attempt, _| renewed.contains(attempt) || !old.contains(attempt));
        }
        let expires = now.after(GRANT_LIFE);
        Ok(grants.iter().map(|grant| renewal(&grant.claims, &held, expires)).collect())
    }

    /// Takes back attempts whose leases have expired; each is offered again or failed, as the model decides.
    pub(crate) async fn take_back_expired(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let expired = work::expired(&mut self.inner.store.read().await?, now, ROUND).await?;
            let more = expired.len() == ROUND as usize;
            let mut failed = Vec::new();
            let mut lost = Vec::new();
            for row in expired {
                match row.kind {
                    WorkKind::Task { .. } | WorkKind::Trigger { .. } => lost.push(self.lose(row.attempt)),
                    WorkKind::Parse { .. } => {
                        failed.extend(self.lose_parse(row.attempt).await.err().as_ref().map(Refusal::from));
                    }
                    WorkKind::Timetable { .. } => {
                        failed.extend(self.lose_timetable(row.attempt).await.err().as_ref().map(Refusal::from));
                    }
                    WorkKind::Callback { .. } => {
                        failed.extend(self.lose_callback(row.attempt).await.err().as_ref().map(Refusal::from));
                    }
                    // Nobody claims it.
                    WorkKind::Wait { .. } => {}
                }
            }
            failed.extend(futures::future::join_all(lost).await.into_iter().filter_map(Result::err));
            // One that cannot be taken back holds nobody else up; the next round tries again.
            if let Some(refusal) = failed.into_iter().next() {
                return Err(StoreError::Unavailable(format!("expired leases could not be taken back: {refusal:?}")));
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn lose(&self, attempt: AttemptId) -> Result<(), Refusal> {
        let failure = Failure {
            class: ErrorClass::Lost,
            message: "the worker was not heard of until its lease expired".to_owned(),
            location: None,
        };
        let report = Report { end: AttemptEnd::Failed(failure), usage: Usage::default(), retry: None, map_label: None };
        match self.inner.committer.finish(Finish { attempt, report, cause: Cause::Expired }).await {
            // It was finished or renewed after all.
            Ok(()) | Err(Refusal::Fenced) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }
}

fn renewal(claims: &AttemptClaims, held: &HashMap<AttemptId, TenantId>, expires: Millis) -> Renewal {
    match held.get(&claims.attempt) {
        Some(tenant) if *tenant == claims.tenant => {
            let claims = AttemptClaims { expires, ..claims.clone() };
            Renewal::Renewed(Box::new(Grant { claims, token: String::new() }))
        }
        Some(_) | None => Renewal::Fenced,
    }
}
