//! The broker in the control plane's own process: what it is made of and how it is opened.
//!
//! # Services
//!
//! All are inherent methods. Reads take `&TenantId`, writes `&Actor`; all answer `Result<_, ServiceError>` with the DTOs of
//! `flow_model::rest`.
//!
//! - DAGs: `dags`, `dag`, `dag_details`, `patch_dag`, `delete_dag`, `dag_tags`, `dag_stats`, `tasks`, `task`,
//!   `dag_versions`, `dag_version`
//! - Runs: `trigger_run`, `runs`, `run`, `patch_run`, `delete_run`, `clear_run`, `wait_run` (a stream)
//! - Task instances: `task_instances`, `task_instance`, `task_instance_tries`, `task_instance_try`,
//!   `patch_task_instance`, `clear_task_instances`
//! - Logs: `log`, `follow_log` (a stream)
//! - XComs: `xcom_entries`, `xcom_entry`
//! - Operations: `jobs`, `begin_job`, `beat_job`, `end_job`, `health`, `state_events` (a stream)

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_model::ids::JobId;
use flow_model::inspect::{Inspection, Rejection};
use flow_model::time::{Clock, Entropy, Millis};
use flow_model::work::AttemptLimits;
use flow_store::Store;
use futures::future::BoxFuture;

use crate::error::ServiceError;

/// Inspects and compiles an upload. The binary hands it in, so that the broker knows nothing of engines.
pub type Admit = Arc<dyn Fn(Bytes) -> BoxFuture<'static, Result<Inspection, Rejection>> + Send + Sync>;

/// What a [`LocalBroker`] is made of.
#[derive(Clone)]
pub struct BrokerConfig {
    /// The metadata store, migrated.
    pub store: Store,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where random bytes come from.
    pub entropy: Entropy,
    /// Encrypts the tenants' data keys.
    pub master_key: [u8; 32],
    /// Inspects uploads.
    pub admit: Admit,
    /// This installation: the same every time the same data directory is served.
    pub instance: JobId,
    /// What an attempt may spend where its task says nothing else.
    pub limits: AttemptLimits,
    /// How long a worker may be silent before its attempts are lost; 30 s unless there is a reason.
    pub lease: Duration,
}

/// The broker in the control plane's own process. Cloning it is cheap.
#[derive(Clone)]
pub struct LocalBroker {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones of a [`LocalBroker`] share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) master_key: [u8; 32],
    pub(crate) admit: Admit,
    pub(crate) instance: JobId,
    pub(crate) limits: AttemptLimits,
    pub(crate) lease: Duration,
}

impl LocalBroker {
    /// Opens the broker on a migrated store.
    #[expect(clippy::unused_async, reason = "recovery of what an earlier process left behind reads the store")]
    pub async fn open(config: BrokerConfig) -> Result<Self, ServiceError> {
        let BrokerConfig { store, clock, entropy, master_key, admit, instance, limits, lease } = config;
        Ok(Self { inner: Arc::new(Inner { store, clock, entropy, master_key, admit, instance, limits, lease }) })
    }

    pub(crate) fn now(&self) -> Millis {
        self.inner.now()
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Millis {
        (self.clock)()
    }

    /// Random bytes for ids and nonces.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.entropy)(&mut bytes);
        bytes
    }
}
