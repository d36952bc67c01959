//! Renewing leases, and taking back what workers lost.

use std::collections::{HashMap, HashSet};

use flow_model::ids::{AttemptId, TenantId};
use flow_model::port::{Renewal, Report};
use flow_model::time::Millis;
use flow_model::work::{AttemptClaims, AttemptEnd, ErrorClass, Failure, Grant, Usage};
use flow_store::{StoreError, work};

use crate::committer::{Cause, Finish, Refusal};
use crate::local::LocalBroker;

/// How many expired leases one round takes back.
const ROUND: u32 = 512;

impl LocalBroker {
    /// Renews the leases that are worth writing: those of which more than a third has passed. The others are as good as
    /// they were.
    pub(crate) async fn renew_leases(&self, grants: &[Grant]) -> Result<Vec<Renewal>, StoreError> {
        let now = self.now();
        let attempts: Vec<AttemptId> = grants.iter().map(|grant| grant.claims.attempt).collect();
        let mut held: HashMap<AttemptId, (Millis, TenantId)> = HashMap::new();
        for (lease, tenant) in work::leases(&mut self.inner.store.read().await?, &attempts).await? {
            held.insert(lease.attempt, (lease.until, tenant));
        }
        let lease = self.inner.lease;
        let old: Vec<AttemptId> = held
            .iter()
            .filter(|(_, (until, _))| until.since(now) * 3 < lease * 2)
            .map(|(&attempt, _)| attempt)
            .collect();
        if !old.is_empty() {
            let until = now.after(lease);
            let mut tx = self.inner.store.begin("renew").await?;
            let renewed: HashSet<AttemptId> = work::renew(&mut tx, &old, until).await?.into_iter().collect();
            tx.commit().await?;
            for attempt in old {
                if renewed.contains(&attempt) {
                    held.entry(attempt).and_modify(|(held_until, _)| *held_until = until);
                } else {
                    held.remove(&attempt);
                }
            }
        }
        Ok(grants.iter().map(|grant| renewal(&grant.claims, &held)).collect())
    }

    /// Takes back attempts whose leases have expired; each is offered again or failed, as the model decides.
    pub(crate) async fn take_back_expired(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let expired = work::expired(&mut self.inner.store.read().await?, now, ROUND).await?;
            let more = expired.len() == ROUND as usize;
            let (parses, tasks): (Vec<_>, Vec<_>) = expired.into_iter().partition(|(_, parses)| *parses);
            let lost = tasks.into_iter().map(|(attempt, _)| self.lose(attempt));
            let mut failed: Vec<Refusal> =
                futures::future::join_all(lost).await.into_iter().filter_map(Result::err).collect();
            for (attempt, _) in parses {
                failed.extend(self.lose_parse(attempt).await.err().as_ref().map(Refusal::from));
            }
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

fn renewal(claims: &AttemptClaims, held: &HashMap<AttemptId, (Millis, TenantId)>) -> Renewal {
    match held.get(&claims.attempt) {
        Some((until, tenant)) if *tenant == claims.tenant => {
            let claims = AttemptClaims { expires: *until, ..claims.clone() };
            Renewal::Renewed(Grant { claims, token: String::new() })
        }
        Some(_) | None => Renewal::Fenced,
    }
}
