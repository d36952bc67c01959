//! What everything that changes runs shares: the store, the time, randomness, turns, cached DAG versions and events.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flow_model::fairness::Turns;
use flow_model::ids::{AttemptId, RunKey, TenantId};
use flow_model::time::{Clock, Entropy, Millis};
use flow_store::{Store, StoreError, work};
use tokio::sync::Notify;

mod awaited;
mod events;
mod gone_on;
mod limits;
mod room;
mod versions;
mod written;

use awaited::Awaited;
pub(crate) use awaited::Thing;
use events::Events;
pub(crate) use events::{Followers, Try};
use gone_on::GoneOn;
pub(crate) use limits::Limits;
use room::Room;
pub(crate) use room::RoomChanges;
pub(crate) use versions::Version;
use versions::Versions;
pub(crate) use written::{Touched, Written};

pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) lease: Duration,
    pub(crate) versions: Versions,
    pub(crate) events: Events,
    /// What is remembered of limits.
    pub(crate) limits: Limits,
    /// DAGs whose runs may have waited for each other.
    pub(crate) past: GoneOn,
    /// What waits for room.
    pub(crate) room: Room,
    /// What waits are for.
    pub(crate) awaited: Awaited,
    /// Something falls due earlier than the timekeeper knows.
    pub(crate) due: Notify,
    turns: Mutex<Turns>,
    log_seq: AtomicI64,
    /// When everything was last looked at that only a lost hint would leave lying.
    looked_at_all: AtomicI64,
}

/// How often everything is looked at that only a lost hint would leave lying.
const SLOW_ROUND: Duration = Duration::from_secs(5);

impl Engine {
    /// An engine whose turns go on where those in the queue end.
    pub(crate) async fn open(
        store: Store,
        clock: Clock,
        entropy: Entropy,
        lease: Duration,
    ) -> Result<Self, StoreError> {
        let mut turns = Turns::default();
        let waiting = work::waiting_turns(&mut store.read().await?).await?;
        if let Some(lowest) = waiting.iter().map(|(_, low, _)| *low).min() {
            turns.handed(lowest);
        }
        for (tenant, _, highest) in &waiting {
            turns.waiting(tenant, *highest);
        }
        // Pieces of a log that a former process stored come before those of this one.
        let begun = clock().0.saturating_mul(1_000);
        Ok(Self {
            store,
            clock,
            entropy,
            lease,
            versions: Versions::default(),
            events: Events::default(),
            limits: Limits::default(),
            past: GoneOn::default(),
            room: Room::default(),
            awaited: Awaited::default(),
            due: Notify::new(),
            turns: Mutex::new(turns),
            log_seq: AtomicI64::new(begun),
            looked_at_all: AtomicI64::new(i64::MIN),
        })
    }

    pub(crate) fn now(&self) -> Millis {
        (self.clock)()
    }

    /// Tells everybody but the committer what a committed transaction has brought.
    pub(crate) fn told(&self, written: Written) {
        let is_due = written.delays || !written.past.is_empty();
        self.past.note(written.past);
        if self.room.note(written.room) || is_due {
            self.due.notify_one();
        }
        self.happened(written.happened);
        self.events.publish(written.events);
    }

    /// What some may wait for has happened, and is committed.
    pub(crate) fn happened(&self, things: impl IntoIterator<Item = (TenantId, Thing)>) {
        self.awaited.wake(things);
        if self.awaited.is_any_woken() {
            self.due.notify_one();
        }
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.entropy)(&mut bytes);
        bytes
    }

    pub(crate) fn mint_attempt(&self, now: Millis) -> AttemptId {
        AttemptId::mint(now, self.random())
    }

    pub(crate) fn mint_run(&self, now: Millis) -> RunKey {
        RunKey::mint(now, self.random())
    }

    /// Whether it is time to look at everything that only a lost hint would leave lying.
    pub(crate) fn is_slow_round(&self, now: Millis) -> bool {
        let is_due = now.since(Millis(self.looked_at_all.load(Ordering::Relaxed))) >= SLOW_ROUND;
        if is_due {
            self.looked_at_all.store(now.0, Ordering::Relaxed);
        }
        is_due
    }

    /// The place of the next piece of a log.
    pub(crate) fn next_log_seq(&self) -> i64 {
        self.log_seq.fetch_add(1, Ordering::Relaxed)
    }

    /// The next turn of a tenant.
    pub(crate) fn turn(&self, tenant: &TenantId) -> u64 {
        self.with_turns(|turns| turns.issue(tenant))
    }

    /// Work with this turn has been claimed.
    pub(crate) fn handed(&self, turn: u64) {
        self.with_turns(|turns| turns.handed(turn));
    }

    fn with_turns<T>(&self, f: impl FnOnce(&mut Turns) -> T) -> T {
        // Turns are plain numbers: after a panic elsewhere they are at worst unfair, never wrong.
        f(&mut self.turns.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
