//! A worker beside its database: in the control plane's process, or in one of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flow_broker::LocalBroker;
use flow_model::ids::JobId;
use flow_sandbox::Sandbox;
use flow_worker::Worker;
use tokio_util::sync::CancellationToken;

use super::parts::{Tools, worker_config};

/// What a worker's job is called.
const KIND: &str = "WorkerJob";
/// How often a worker shows that it is alive.
const BEAT: Duration = Duration::from_secs(5);

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
    /// Whether it is gone when the control plane's process is.
    pub(crate) in_process: bool,
}

impl LocalWorker {
    /// Works until `shutdown`, with a job record that shows it.
    pub(crate) async fn run(self, tools: Arc<Tools>, shutdown: CancellationToken) -> Result<()> {
        let Self { broker, sandbox, slots, drain, in_process } = self;
        let id = broker.begin_job(KIND, &tools.hostname, in_process).await?;
        tracing::info!(worker = %id, slots, "the worker takes work");
        let worker = Worker::new(broker.clone(), sandbox, worker_config(id, slots, drain, &tools));
        let outcome = tokio::select! {
            outcome = worker.run(shutdown) => outcome,
            never = beat(&broker, id) => match never {},
        };
        broker.end_job(id).await?;
        Ok(outcome?)
    }
}

async fn beat(broker: &LocalBroker, id: JobId) -> Infallible {
    let mut beats = tokio::time::interval(BEAT);
    loop {
        beats.tick().await;
        // A missed beat is no harm: leases say whether a worker is alive, and they are renewed apart from this.
        if let Err(error) = broker.beat_job(id).await {
            tracing::warn!(%error, "the worker's job record could not be kept up to date");
        }
    }
}
