//! The timekeeper: everything that happens because time passes.
//!
//! It sleeps until the next instant at which something falls due, or until somebody hints that this instant has moved. A
//! lost hint costs latency, never correctness: it also looks now and then without one.

use std::time::Duration;

use flow_model::time::Millis;
use flow_store::asset::consumer;
use flow_store::{StoreError, dag, deadline, run, work};

use crate::admission;
use crate::error::ServiceError;
use crate::local::LocalBroker;

/// How often it looks without a hint, where other nodes may have moved what is due next.
const POLL: Duration = Duration::from_secs(5);
/// How long it pauses when the store does not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it leaves runs alone that another node was changing.
const MOMENT: Duration = Duration::from_millis(100);
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

    /// Does everything that is due now: retries become claimable, waits are looked at, expired leases are taken back,
    /// scheduled runs are created, runs that take too long are ended, deadlines that have passed are looked at, and waiting
    /// runs begin whose time has come and for which there is room. Answers when the next of these falls due.
    pub async fn tick(&self) -> Result<Option<Millis>, ServiceError> {
        let now = self.now();
        let due = self.due_instants().await?;
        if due.work.is_some_and(|at| at <= now) {
            self.offer_delayed(now).await?;
        }
        if due.work.is_some_and(|at| at <= now) || self.inner.engine.awaited.is_any_woken() {
            self.look_at_waits(now).await?;
        }
        if due.lease.is_some_and(|at| at <= now) {
            self.take_back_expired(now).await?;
        }
        if due.schedule.is_some_and(|at| at <= now) {
            self.create_scheduled(now).await?;
        }
        if due.assets.is_some_and(|at| at <= now) {
            self.create_asset_triggered(now).await?;
        }
        if due.timeout.is_some_and(|at| at <= now) {
            self.end_timed_out(now).await?;
        }
        if due.deadline.is_some_and(|at| at <= now) {
            self.look_at_deadlines(now).await?;
        }
        if due.run.is_some_and(|at| at <= now) {
            self.inner.engine.room.look();
        }
        let all = self.inner.engine.is_slow_round(now);
        self.use_room(all).await?;
        self.look_at_held(now, all).await?;
        self.readmit_waiting(all).await?;
        self.inner.beat_scheduler(now).await?;
        let due = if due.next().is_some_and(|at| at <= now) { self.due_instants().await? } else { due };
        let soon = self.inner.engine.limits.has_overlooked().then(|| now.after(MOMENT));
        Ok([due.next(), soon].into_iter().flatten().min())
    }

    async fn due_instants(&self) -> Result<Due, StoreError> {
        let mut db = self.inner.store.read().await?;
        Ok(Due {
            work: work::next_due(&mut db).await?,
            lease: work::next_expiry(&mut db).await?,
            schedule: dag::next_due(&mut db).await?,
            assets: consumer::next_due(&mut db).await?,
            timeout: run::next_timeout(&mut db).await?,
            deadline: deadline::next_due(&mut db).await?,
            run: run::next_due(&mut db, self.inner.engine.room.due_until()).await?,
        })
    }

    /// Makes delayed work claimable that is due; what is under a limit waits for its slot.
    async fn offer_delayed(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let mut tx = self.inner.store.begin("offer delayed").await?;
            let mut due = work::due(&mut tx, now, ROUND).await?;
            let more = due.len() == ROUND as usize;
            let mut written = admission::hold_back(&mut tx, &self.inner.engine, &mut due, now).await?;
            for work in &mut due {
                work.turn = Some(self.inner.engine.turn(&work.tenant));
            }
            if !due.is_empty() {
                work::give_turns(&mut tx, &due).await?;
                written.offers = true;
            }
            self.conclude(tx, written).await?;
            if !more {
                return Ok(());
            }
        }
    }
}

/// When something of each kind falls due next.
struct Due {
    work: Option<Millis>,
    lease: Option<Millis>,
    schedule: Option<Millis>,
    assets: Option<Millis>,
    timeout: Option<Millis>,
    deadline: Option<Millis>,
    run: Option<Millis>,
}

impl Due {
    fn next(&self) -> Option<Millis> {
        let Self { work, lease, schedule, assets, timeout, deadline, run } = *self;
        [work, lease, schedule, assets, timeout, deadline, run].into_iter().flatten().min()
    }
}
