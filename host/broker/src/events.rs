//! State changes as they are committed, for those who watch.
//!
//! They are hints: a watcher that lags loses some, and changes made by other nodes are not among them. Whoever must not
//! miss the end of something also looks at the store now and then.

use flow_model::ids::TenantId;
use flow_model::rest::state_events::StateEvent;
use tokio::sync::broadcast;

/// How many events a slow watcher may be behind.
const BACKLOG: usize = 4_096;

pub(crate) struct Events(broadcast::Sender<(TenantId, StateEvent)>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }
}

impl Events {
    /// Whether anybody watches; otherwise events need not be made.
    pub(crate) fn watched(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<(TenantId, StateEvent)> {
        self.0.subscribe()
    }

    pub(crate) fn publish(&self, events: Vec<(TenantId, StateEvent)>) {
        for event in events {
            // Nobody listening is no failure.
            drop(self.0.send(event));
        }
    }
}
