//! What a transaction has brought, for those who are told once it is committed.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::admission::LimitKey;
use flow_model::ids::{DagId, TenantId};
use flow_model::rest::state_events::StateEvent;
use flow_store::work::WorkRow;

use super::{RoomChanges, Thing};

/// The limits of which something was freed, or for which somebody has come to wait.
pub(crate) type Touched = BTreeMap<TenantId, BTreeSet<LimitKey>>;

/// See the module.
#[derive(Default)]
pub(crate) struct Written {
    /// Work can be claimed that could not before.
    pub(crate) offers: bool,
    /// Something falls due later.
    pub(crate) delays: bool,
    /// What to tell watchers after the commit.
    pub(crate) events: Vec<(TenantId, StateEvent)>,
    /// DAGs of which a run may wait for what was written.
    pub(crate) past: BTreeSet<(TenantId, DagId)>,
    /// The limits for which somebody may begin now: see [`crate::admission::settle`].
    pub(crate) touched: Touched,
    /// What it means for runs that wait for room.
    pub(crate) room: RoomChanges,
    /// What has happened that somebody waits for.
    pub(crate) happened: Vec<(TenantId, Thing)>,
    /// Work that is leased from the start: see [`crate::plan::Plan::hand_over`].
    pub(crate) handed: Vec<WorkRow>,
}

impl Written {
    /// Both together.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.offers |= other.offers;
        self.delays |= other.delays;
        self.events.append(&mut other.events);
        self.past.append(&mut other.past);
        self.room.merge(other.room);
        self.happened.append(&mut other.happened);
        self.handed.append(&mut other.handed);
        for (tenant, keys) in other.touched {
            self.touched.entry(tenant).or_default().extend(keys);
        }
    }
}
