//! Watching a tenant's state changes as they happen.

use flow_model::ids::TenantId;
use flow_model::rest::state_events::StateEvent;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::local::LocalBroker;

/// The state changes of one tenant from now on. They are hints: a slow watcher misses some, and changes made by other
/// control-plane nodes are not among them.
pub struct StateEvents {
    tenant: TenantId,
    events: broadcast::Receiver<(TenantId, StateEvent)>,
}

impl StateEvents {
    /// The next change; `None` once the control plane shuts down.
    pub async fn next(&mut self) -> Option<StateEvent> {
        loop {
            match self.events.recv().await {
                Ok((tenant, event)) if tenant == self.tenant => return Some(event),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl LocalBroker {
    /// Begins to watch a tenant's state changes.
    pub fn state_events(&self, tenant: &TenantId) -> StateEvents {
        StateEvents { tenant: tenant.clone(), events: self.inner.engine.events.watch() }
    }
}
