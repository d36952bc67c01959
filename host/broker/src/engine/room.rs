//! Runs that wait for others of their DAG to end: what a transaction means for them, and what is to be looked at.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use flow_model::ids::{DagId, TenantId};
use flow_model::run::RunType;
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_store::run::RunRow;

/// What a transaction means for runs that wait. A hint that is lost costs time: everything is looked at now and then.
#[derive(Debug, Default)]
pub(crate) struct RoomChanges {
    /// A run has ended.
    pub(crate) ended: bool,
    /// A run of a backfill has ended, or a backfill can go on.
    pub(crate) backfills: bool,
    /// A run waits for room or for its time.
    pub(crate) waits: bool,
    /// DAGs of which a run has failed, where that may pause them.
    pub(crate) failed: BTreeSet<(TenantId, DagId)>,
}

impl RoomChanges {
    /// A backfill can go on.
    pub(crate) fn of_backfill() -> Self {
        Self { backfills: true, ..Self::default() }
    }

    /// Both together.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.ended |= other.ended;
        self.backfills |= other.backfills;
        self.waits |= other.waits;
        self.failed.append(&mut other.failed);
    }

    /// A run has ended.
    pub(crate) fn end(&mut self, run: &RunRow, may_pause: bool) {
        self.ended = true;
        self.backfills |= run.run_type == RunType::Backfill;
        if may_pause && run.state == RunState::Failed {
            self.failed.insert((run.tenant.clone(), run.dag_id.clone()));
        }
    }
}

/// What is to be looked at, as far as this process knows.
pub(crate) struct Room {
    waits: AtomicBool,
    /// Up to which instant those were looked for that wait for their time.
    due_until: AtomicI64,
    backfills: AtomicBool,
    failed: Mutex<BTreeSet<(TenantId, DagId)>>,
}

impl Default for Room {
    /// Nobody knows yet what waits, so everything may.
    fn default() -> Self {
        Self {
            waits: AtomicBool::new(true),
            due_until: AtomicI64::new(i64::MIN),
            backfills: AtomicBool::new(true),
            failed: Mutex::default(),
        }
    }
}

impl Room {
    /// Up to which instant those were looked for that wait for their time.
    pub(crate) fn due_until(&self) -> Millis {
        Millis(self.due_until.load(Ordering::SeqCst))
    }

    /// Has those looked for that wait, at the next opportunity.
    pub(crate) fn look(&self) {
        self.waits.store(true, Ordering::SeqCst);
    }

    /// Those have been looked for that wait for their time up to this instant.
    pub(crate) fn looked_until(&self, now: Millis) {
        self.due_until.store(now.0, Ordering::SeqCst);
    }

    /// Takes note of a committed transaction's changes; `true` if somebody should look soon.
    pub(super) fn note(&self, changes: RoomChanges) -> bool {
        let RoomChanges { ended, backfills, waits, failed } = changes;
        let somebody_waits = self.waits.fetch_or(waits, Ordering::SeqCst);
        self.backfills.fetch_or(backfills, Ordering::SeqCst);
        let may_pause = !failed.is_empty();
        if may_pause {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).extend(failed);
        }
        backfills || may_pause || (ended && somebody_waits)
    }

    /// Whether runs wait, as far as is known. Whoever asks looks at them, and calls [`Room::look`] if some are left.
    pub(crate) fn take_waits(&self) -> bool {
        self.waits.swap(false, Ordering::SeqCst)
    }

    /// Whether backfills can go on. Whoever asks looks at them.
    pub(crate) fn take_backfills(&self) -> bool {
        self.backfills.swap(false, Ordering::SeqCst)
    }

    /// DAGs of which a run has failed since the last call, where that may pause them.
    pub(crate) fn take_failed(&self) -> BTreeSet<(TenantId, DagId)> {
        std::mem::take(&mut self.failed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
