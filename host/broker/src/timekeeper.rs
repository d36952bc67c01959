//! The timekeeper: everything that happens because time passes.
//!
//! It sleeps until the next instant at which something falls due, or until somebody hints that this instant has moved. A
//! lost hint costs latency, never correctness: it also looks now and then without one.

use std::time::Duration;

use flow_model::time::Millis;
use flow_store::{StoreError, dag, work};

use crate::error::ServiceError;
use crate::local::LocalBroker;

/// How often it looks without a hint, where other nodes may have moved what is due next.
const POLL: Duration = Duration::from_secs(5);
/// How long it pauses when the store does not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How many delayed pieces of work one round takes up.
const ROUND: u32 = 1_024;

impl LocalBroker {
    /// Does what time demands, for as long as it is polled. One call of it per process.
    pub async fn keep_time(&self) {
        loop {
            let pause = match self.tick().await {
                Ok(Some(next)) => next.since(self.now()).min(POLL),
                Ok(None) => POLL,
                Err(error) => {
                    tracing::warn!(%error, "the timekeeper could not do its round");
                    PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.inner.engine.due.notified() => {}
            }
        }
    }

    /// Does everything that is due now: retries become claimable, expired leases are taken back, scheduled runs are
    /// created. Answers when the next of these falls due.
    pub async fn tick(&self) -> Result<Option<Millis>, ServiceError> {
        let now = self.now();
        let (delayed, expiry, schedule) = self.due_instants().await?;
        let is_due = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        if is_due(delayed) {
            self.offer_delayed(now).await?;
        }
        if is_due(expiry) {
            self.take_back_expired(now).await?;
        }
        if is_due(schedule) {
            self.create_scheduled(now).await?;
        }
        self.inner.beat_scheduler(now).await?;
        if [delayed, expiry, schedule].into_iter().any(is_due) {
            let (delayed, expiry, schedule) = self.due_instants().await?;
            return Ok([delayed, expiry, schedule].into_iter().flatten().min());
        }
        Ok([delayed, expiry, schedule].into_iter().flatten().min())
    }

    async fn due_instants(&self) -> Result<(Option<Millis>, Option<Millis>, Option<Millis>), StoreError> {
        let mut db = self.inner.store.read().await?;
        Ok((work::next_due(&mut db).await?, work::next_expiry(&mut db).await?, dag::next_due(&mut db).await?))
    }

    /// Makes delayed work claimable that is due.
    async fn offer_delayed(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let mut tx = self.inner.store.begin("offer delayed").await?;
            let mut due = work::due(&mut tx, now, ROUND).await?;
            for work in &mut due {
                work.turn = Some(self.inner.engine.turn(&work.tenant));
            }
            if !due.is_empty() {
                work::give_turns(&mut tx, &due).await?;
                tx.commit().await?;
                self.inner.committer.stocked();
            }
            if due.len() < ROUND as usize {
                return Ok(());
            }
        }
    }
}
