//! Waits that the host can end earlier than they would be looked at: what they are for has just happened here.
//!
//! It is a hint. What happens on another node, or before a wait was first looked at in this process, is seen by the next
//! look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use flow_model::ids::{AssetName, AttemptId, DagId, TenantId};

/// What waits are for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    /// A run of this DAG, or a task of one.
    Dag(DagId),
    /// An event of this asset.
    Asset(AssetName),
}

/// The waits of this process by what they are for, and those that are to be looked at now.
#[derive(Default)]
pub(crate) struct Awaited(Mutex<Waits>);

#[derive(Default)]
struct Waits {
    by_thing: BTreeMap<(TenantId, Thing), BTreeSet<AttemptId>>,
    count: usize,
    woken: BTreeSet<AttemptId>,
}

/// How many waits are remembered; any others are found by looking.
const MOST: usize = 10_000;

impl Awaited {
    /// A wait goes on that is for this.
    pub(crate) fn remember(&self, tenant: &TenantId, thing: Thing, attempt: AttemptId) {
        self.with(|waits| {
            if waits.count >= MOST {
                // Most of them are over. Those that are not come back with their next look.
                (waits.by_thing, waits.count) = (BTreeMap::new(), 0);
            }
            let is_new = waits.by_thing.entry((tenant.clone(), thing)).or_default().insert(attempt);
            waits.count += usize::from(is_new);
        });
    }

    /// Whether somebody waits for a DAG's runs.
    pub(crate) fn is_dag(&self, tenant: &TenantId, dag: &DagId) -> bool {
        let is_among = |waits: &mut Waits| waits.by_thing.contains_key(&(tenant.clone(), Thing::Dag(dag.clone())));
        self.with(|waits| !waits.by_thing.is_empty() && is_among(waits))
    }

    /// Has those looked at who wait for these, the next time that the timekeeper is woken.
    pub(crate) fn wake(&self, things: impl IntoIterator<Item = (TenantId, Thing)>) {
        self.with(|waits| {
            if waits.by_thing.is_empty() {
                return;
            }
            for thing in things {
                if let Some(attempts) = waits.by_thing.remove(&thing) {
                    waits.count -= attempts.len();
                    waits.woken.extend(attempts);
                }
            }
        });
    }

    /// Whether a wait is to be looked at now.
    pub(crate) fn is_any_woken(&self) -> bool {
        self.with(|waits| !waits.woken.is_empty())
    }

    /// The waits to be looked at now.
    pub(crate) fn take_woken(&self) -> Vec<AttemptId> {
        self.with(|waits| std::mem::take(&mut waits.woken).into_iter().collect())
    }

    fn with<T>(&self, f: impl FnOnce(&mut Waits) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
