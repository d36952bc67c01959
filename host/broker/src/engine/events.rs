//! What was committed, for those who watch: state changes of their tenant, and that a try logged something.
//!
//! These are hints: a watcher that lags loses some, and changes made by other nodes are not among them. Whoever must not
//! miss the end of something also looks at the store now and then. Who does not watch what happens costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_model::ids::{DagId, RunId, TaskId, TenantId};
use flow_model::rest::state_events::StateEvent;
use flow_model::work::{AttemptClaims, AttemptRole};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

/// How many events a slow watcher may be behind.
const BACKLOG: usize = 4_096;

/// Who watches state changes.
#[derive(Default)]
pub(crate) struct Events(Mutex<HashMap<TenantId, Vec<mpsc::Sender<Arc<StateEvent>>>>>);

impl Events {
    /// Whether anybody watches; otherwise events need not be made.
    pub(crate) fn watched(&self) -> bool {
        !lock(&self.0).is_empty()
    }

    /// The changes of `tenant` from now on.
    pub(crate) fn watch(&self, tenant: &TenantId) -> mpsc::Receiver<Arc<StateEvent>> {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let mut watchers = lock(&self.0);
        let its = watchers.entry(tenant.clone()).or_default();
        its.retain(|watcher| !watcher.is_closed());
        its.push(sender);
        receiver
    }

    pub(crate) fn publish(&self, events: Vec<(TenantId, StateEvent)>) {
        if events.is_empty() {
            return;
        }
        let mut watchers = lock(&self.0);
        for (tenant, event) in events {
            let Some(its) = watchers.get_mut(&tenant) else { continue };
            let event = Arc::new(event);
            its.retain(|watcher| !matches!(watcher.try_send(Arc::clone(&event)), Err(TrySendError::Closed(_))));
            if its.is_empty() {
                watchers.remove(&tenant);
            }
        }
    }
}

/// One try, by the names that people know: its task instance, and its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Try {
    pub(crate) tenant: TenantId,
    pub(crate) run: (DagId, RunId),
    pub(crate) task: (TaskId, Option<u32>),
    pub(crate) number: u32,
}

/// Who follows the logs of which tries.
#[derive(Default)]
pub(crate) struct Followers(Mutex<HashMap<Try, watch::Sender<()>>>);

impl Followers {
    /// Changes whenever there may be more to read.
    pub(crate) fn follow(&self, of: Try) -> watch::Receiver<()> {
        lock(&self.0).entry(of).or_default().subscribe()
    }

    /// One who followed stops.
    pub(crate) fn leave(&self, of: &Try) {
        let mut followed = lock(&self.0);
        // The one who leaves is still counted.
        if followed.get(of).is_some_and(|told| told.receiver_count() <= 1) {
            followed.remove(of);
        }
    }

    /// An attempt has logged something, or has ended.
    pub(crate) fn told(&self, claims: &AttemptClaims) {
        let followed = lock(&self.0);
        if followed.is_empty() {
            return;
        }
        let (AttemptRole::Task { dag, run, task, map_index, try_number }
        | AttemptRole::Trigger { dag, run, task, map_index, try_number }) = &claims.role
        else {
            return;
        };
        let (run, task) = ((dag.clone(), run.clone()), (task.clone(), *map_index));
        if let Some(told) = followed.get(&Try { tenant: claims.tenant.clone(), run, task, number: *try_number }) {
            told.send_replace(());
        }
    }
}

/// Nothing that holds these locks can panic halfway through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
