//! A worker beside its database: in the control plane's process, or in one of its own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flow_broker::LocalBroker;
use flow_model::egress::Egress;
use flow_sandbox::Sandbox;
use flow_worker::Worker;
use tokio_util::sync::CancellationToken;

use super::parts::{Tools, worker_config};

/// A worker beside its database.
pub(crate) struct LocalWorker {
    /// What reaches the database.
    pub(crate) broker: LocalBroker,
    /// What runs the guests.
    pub(crate) sandbox: Sandbox,
    /// How many attempts it runs at a time.
    pub(crate) slots: u32,
    /// How long they may go on at shutdown.
    pub(crate) drain: Duration,
    /// Where requests on behalf of tasks may go.
    pub(crate) egress: Egress,
}

impl LocalWorker {
    /// Works until `shutdown`, with a job record that shows it.
    pub(crate) async fn run(self, tools: Arc<Tools>, shutdown: CancellationToken) -> Result<()> {
        let Self { broker, sandbox, slots, drain, egress } = self;
        let id = broker.begin_worker(&tools.hostname).await?;
        tracing::info!(worker = %id, slots, "the worker takes work");
        let worker = Worker::new(broker.clone(), sandbox, worker_config(id, slots, drain, egress, &tools));
        let outcome = worker.run(shutdown).await;
        broker.end_worker(id).await?;
        Ok(outcome?)
    }
}
