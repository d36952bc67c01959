//! Parse attempts: asking a module for its DAGs is work like any other.

use flow_model::fairness::URGENT;
use flow_model::ids::{AttemptId, ModuleName, TenantId};
use flow_model::port::BrokerError;
use flow_model::state::MAX_LOSSES;
use flow_model::time::Millis;
use flow_model::work::{AttemptClaims, AttemptEnd, ErrorClass, Failure, Verdict};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError};

use crate::error::ServiceError;
use crate::local::{Inner, LocalBroker};

impl Inner {
    /// Offers the parse of a module's version, within the transaction that stores it. Call [`Inner::parse_offered`] once
    /// that is committed.
    pub(crate) fn offer_parse(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        (module, version): (&ModuleName, u32),
        now: Millis,
    ) -> Result<AttemptId, StoreError> {
        let kind = WorkKind::Parse { module: module.clone(), version, losses: 0 };
        self.offer(db, tenant.clone(), kind, now)
    }

    /// Tells claimers that a parse waits.
    pub(crate) fn parse_offered(&self) {
        self.committer.stocked();
    }

    fn offer(&self, db: &mut Session, tenant: TenantId, kind: WorkKind, now: Millis) -> Result<AttemptId, StoreError> {
        let attempt = self.engine.mint_attempt(now);
        let turn = Some(self.engine.turn(&tenant));
        work::insert(db, &[WorkRow { attempt, tenant, kind, turn, priority: URGENT, available_at: now, lease: None }])?;
        Ok(attempt)
    }
}

impl LocalBroker {
    /// A worker reports how a parse ended.
    pub(crate) async fn finish_parse(&self, claims: &AttemptClaims, end: AttemptEnd) -> Result<(), BrokerError> {
        let attempt = claims.attempt;
        match self.end_parse(attempt, Some(&claims.tenant), end).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(BrokerError::Fenced(attempt)),
            Err(ServiceError::Unavailable(reason)) => Err(BrokerError::Unavailable(reason)),
            Err(error) => Err(BrokerError::Unavailable(error.to_string())),
        }
    }

    /// The lease of a parse has expired.
    pub(crate) async fn lose_parse(&self, attempt: AttemptId) -> Result<(), StoreError> {
        let end = AttemptEnd::Failed(Failure {
            class: ErrorClass::Lost,
            message: "the workers that parsed the module were not heard of again".to_owned(),
            location: None,
        });
        self.end_parse(attempt, None, end).await.map(drop).map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// Ends a parse attempt: its module's version is ready or has failed, or another attempt is offered. `false` if the
    /// attempt is not one that counts.
    async fn end_parse(
        &self,
        attempt: AttemptId,
        tenant: Option<&TenantId>,
        end: AttemptEnd,
    ) -> Result<bool, ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("end parse").await?;
        let Some(row) = work::load(&mut tx, &[attempt]).await?.into_iter().next() else { return Ok(false) };
        let Some((_, until)) = row.lease else { return Ok(false) };
        let refused = match tenant {
            Some(tenant) => *tenant != row.tenant,
            None => until > now,
        };
        let WorkKind::Parse { module, version, losses } = row.kind else { return Ok(false) };
        if refused || !work::remove(&mut tx, attempt).await? {
            return Ok(false);
        }
        if let Some(losses) = losses_if_again(&end, losses) {
            let kind = WorkKind::Parse { module, version, losses };
            self.inner.offer(&mut tx, row.tenant, kind, now)?;
            tx.commit().await?;
            self.inner.parse_offered();
            return Ok(true);
        }
        self.inner.apply_parse(&mut tx, &row.tenant, (&module, version), end, now).await?;
        tx.commit().await?;
        // Timetables of the module may have been asked.
        self.inner.committer.stocked();
        self.inner.parsed.notify_waiters();
        self.inner.engine.due.notify_one();
        Ok(true)
    }
}

/// If the end says nothing about the module: how often its parse has been lost, for the attempt that follows.
fn losses_if_again(end: &AttemptEnd, losses: u32) -> Option<u32> {
    let failure = end.failure()?;
    match failure.class.verdict() {
        Verdict::Requeue if failure.class != ErrorClass::Lost => Some(losses),
        Verdict::Requeue if losses < MAX_LOSSES => Some(losses + 1),
        Verdict::Requeue | Verdict::Retry | Verdict::Fail => None,
    }
}
