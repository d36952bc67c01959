//! Watching a tenant's state changes and a try's log as they happen.

use std::sync::Arc;
use std::time::Duration;

use flow_model::ids::{DagId, RunId, TaskId, TenantId};
use flow_model::rest::state_events::StateEvent;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::engine::Try;
use crate::local::LocalBroker;

/// The state changes of one tenant from now on. They are hints: a slow watcher misses some, and changes made by other
/// control-plane nodes are not among them.
pub struct StateEvents(mpsc::Receiver<Arc<StateEvent>>);

impl StateEvents {
    /// The next change; `None` once the control plane shuts down.
    pub async fn next(&mut self) -> Option<Arc<StateEvent>> {
        self.0.recv().await
    }
}

/// Somebody who follows the log of a try.
pub struct LogFollower {
    broker: LocalBroker,
    of: Try,
    told: watch::Receiver<()>,
}

impl LogFollower {
    /// Returns when there may be more to read than at the last look, at the latest after `at_most`.
    pub async fn more(&mut self, at_most: Duration) {
        // Either way the next thing is a look at the store.
        drop(timeout(at_most, self.told.changed()).await);
    }
}

impl Drop for LogFollower {
    fn drop(&mut self) {
        self.broker.inner.followers.leave(&self.of);
    }
}

impl LocalBroker {
    /// Begins to watch a tenant's state changes.
    pub fn state_events(&self, tenant: &TenantId) -> StateEvents {
        StateEvents(self.inner.engine.events.watch(tenant))
    }

    /// Begins to follow the log of a try, which is read with `task_log`. What other control-plane nodes are told of is
    /// not heard of here.
    pub fn follow_log(
        &self,
        tenant: &TenantId,
        (dag, run): (&DagId, &RunId),
        (task, map_index): (&TaskId, Option<u32>),
        try_number: u32,
    ) -> LogFollower {
        let (run, task) = ((dag.clone(), run.clone()), (task.clone(), map_index));
        let of = Try { tenant: tenant.clone(), run, task, number: try_number };
        let told = self.inner.followers.follow(of.clone());
        LogFollower { broker: self.clone(), of, told }
    }
}
