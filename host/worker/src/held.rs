//! The attempts that a worker holds: their grants, kept fresh, and the means to stop them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use flow_model::ids::AttemptId;
use flow_model::port::{Broker, BrokerError, Renewal};
use flow_model::work::Grant;
use tokio_util::sync::CancellationToken;

/// Why a worker stops an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// It no longer counts: nobody waits for its result.
    Fenced,
    /// The worker shuts down: somebody else has to run it.
    ShutDown,
}

/// One attempt under way.
pub(crate) struct Held {
    grant: Mutex<Arc<Grant>>,
    stop: CancellationToken,
    reason: OnceLock<StopReason>,
}

impl Held {
    /// An attempt that was just claimed.
    pub(crate) fn new(grant: Grant) -> Self {
        Self { grant: Mutex::new(Arc::new(grant)), stop: CancellationToken::new(), reason: OnceLock::new() }
    }

    /// The grant as last renewed.
    pub(crate) fn grant(&self) -> Arc<Grant> {
        Arc::clone(&lock(&self.grant))
    }

    /// Stops the attempt. The first reason is the one that counts.
    pub(crate) fn stop(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.stop.cancel();
    }

    /// Why the attempt was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// Is cancelled when the attempt is to stop.
    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }
}

/// Everything that one worker holds. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Holdings(Arc<Mutex<HashMap<AttemptId, Arc<Held>>>>);

/// Puts an attempt among the holdings for as long as it lives.
pub(crate) struct Holding {
    attempt: AttemptId,
    holdings: Holdings,
    /// The attempt.
    pub(crate) held: Arc<Held>,
}

impl Drop for Holding {
    fn drop(&mut self) {
        lock(&self.holdings.0).remove(&self.attempt);
    }
}

impl Holdings {
    /// Takes an attempt among the holdings.
    pub(crate) fn hold(&self, grant: Grant) -> Holding {
        let attempt = grant.claims.attempt;
        let held = Arc::new(Held::new(grant));
        lock(&self.0).insert(attempt, Arc::clone(&held));
        Holding { attempt, holdings: self.clone(), held }
    }

    /// Stops everything that runs.
    pub(crate) fn stop_all(&self, reason: StopReason) {
        self.snapshot().iter().for_each(|held| held.stop(reason));
    }

    /// Renews the leases at every beat, in one request, until the future is dropped.
    pub(crate) async fn keep<B: Broker>(self, broker: B, beat: Duration) {
        let mut beats = tokio::time::interval(beat);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            self.renew(&broker).await;
        }
    }

    async fn renew<B: Broker>(&self, broker: &B) {
        let all = self.snapshot();
        if all.is_empty() {
            return;
        }
        let grants: Vec<Grant> = all.iter().map(|held| Grant::clone(&held.grant())).collect();
        match broker.renew(&grants).await {
            Ok(renewals) => all.iter().zip(renewals).for_each(|(held, renewal)| apply(held, renewal)),
            // The next beat asks again. A lease that ends meanwhile shows as fenced.
            Err(
                error @ (BrokerError::Unavailable(_)
                | BrokerError::Unauthorized(_)
                | BrokerError::Invalid(_)
                | BrokerError::Fenced(_)),
            ) => {
                tracing::warn!(%error, attempts = all.len(), "leases were not renewed");
            }
        }
    }

    fn snapshot(&self) -> Vec<Arc<Held>> {
        lock(&self.0).values().cloned().collect()
    }
}

fn apply(held: &Held, renewal: Renewal) {
    match renewal {
        Renewal::Renewed(grant) => *lock(&held.grant) = Arc::new(*grant),
        Renewal::Fenced => held.stop(StopReason::Fenced),
    }
}

/// Nothing that holds these locks can panic halfway through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
