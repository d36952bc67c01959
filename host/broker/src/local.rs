//! The broker in the control plane's own process: what it is made of and how it is opened.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_model::ids::JobId;
use flow_model::inspect::{Inspection, Rejection};
use flow_model::time::{Clock, Entropy, Millis};
use flow_model::work::AttemptLimits;
use flow_store::Store;
use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::committer::Committer;
use crate::engine::{Engine, Followers};
use crate::error::ServiceError;
use crate::jobs::{Beats, Office};
use crate::metrics::Counters;
use crate::passwords::Passwords;
use crate::secrets::Secrets;
use crate::tokens::LiveTokens;

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
    /// Master keys before the present one. What they encrypt is encrypted anew when the broker is opened.
    pub former_master_keys: Vec<[u8; 32]>,
    /// Inspects uploads.
    pub admit: Admit,
    /// This installation, the same every time the same data directory is served. `None` in a process that schedules
    /// nothing: a worker beside the database, which has no time to keep.
    pub instance: Option<JobId>,
    /// What an attempt may spend where its task says nothing else.
    pub limits: AttemptLimits,
    /// The name of the machine, for job records.
    pub hostname: String,
    /// How long a worker may be silent before its attempts are lost; 30 s unless there is a reason.
    pub lease: Duration,
}

/// The broker in the control plane's own process. Cloning it is cheap.
///
/// # Services
///
/// All are inherent methods. Reads take `&TenantId`, writes `&Actor`; all answer `Result<_, ServiceError>` with the DTOs of
/// `flow_model::rest`.
///
/// - DAGs: `dags`, `dag`, `dag_details`, `patch_dag`, `patch_dags`, `favorite_dag`, `unfavorite_dag`, `delete_dag`, `dag_tags`, `dag_stats`, `tasks`, `task`,
///   `dag_versions`, `dag_version`
/// - Runs: `trigger_run`, `runs`, `run`, `patch_run`, `delete_run`, `clear_run`, `wait_run` (a stream)
/// - Task instances: `task_instances`, `task_instance`, `task_instance_tries`, `task_instance_try`,
///   `patch_task_instance`, `clear_task_instances`
/// - Task state: `task_states`, `task_state`, `put_task_state`, `patch_task_state`, `delete_task_state`, `clear_task_states`
/// - Logs: `task_log`, `follow_log`
/// - XComs: `xcom_entries`, `xcom_entry`
/// - Variables, connections and pools: `variables`, `variable`, `create_variable`, `patch_variable`, `delete_variable`,
///   `bulk_variables`, and the same of connections and of pools; `dag_warnings`
/// - Modules: `modules`, `module_details`, `module_versions`, `upload_module`, `roll_back_module`, `delete_module`,
///   `import_errors`, `import_error`
/// - People: `users`, `user`, `create_user`, `patch_user`, `delete_user`, `log_in`, `tokens`, `issue_token`,
///   `revoke_token`, `live_token`, `event_logs`, `event_log`
/// - Platform: `tenants`, `tenant`, `create_tenant`, `patch_tenant`, `patch_quota`, `patch_policy`, `tenant_usage`,
///   `delete_tenant`, `platform_tokens`, `has_platform_token`, `issue_platform_token`, `issue_tenant_token`,
///   `issue_worker_token`, `revoke_platform_token`, `signing_key`, `public_keys`, `rotate_signing_key`,
///   `platform_event_logs`
/// - Operations: `jobs`, `begin_worker`, `end_worker`, `health`, `metrics`, `state_events` (a stream)
#[derive(Clone)]
pub struct LocalBroker {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones of a [`LocalBroker`] share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) secrets: Secrets,
    pub(crate) passwords: Passwords,
    pub(crate) live_tokens: LiveTokens,
    /// Wakes whoever waits for a module's parse to end; it may have been another's.
    pub(crate) parsed: Notify,
    pub(crate) followers: Followers,
    pub(crate) admit: Admit,
    pub(crate) office: Option<Office>,
    pub(crate) beats: Beats,
    pub(crate) limits: AttemptLimits,
    pub(crate) lease: Duration,
    pub(crate) engine: Arc<Engine>,
    pub(crate) committer: Committer,
    pub(crate) counters: Counters,
}

impl LocalBroker {
    /// Opens the broker on a migrated store.
    pub async fn open(config: BrokerConfig) -> Result<Self, ServiceError> {
        let BrokerConfig { store, clock, entropy, admit, instance, limits, lease, .. } = config;
        let secrets = Secrets::new(&config.master_key, &config.former_master_keys, entropy.clone());
        let engine = Arc::new(Engine::open(store.clone(), clock.clone(), entropy.clone(), lease).await?);
        let now = engine.now();
        let office = instance.map(|instance| Office { instance, scheduler: JobId::mint(now, engine.random()) });
        let inner = Inner {
            committer: Committer::start(Arc::clone(&engine)),
            engine,
            store,
            clock,
            entropy,
            secrets,
            passwords: Passwords::new(),
            live_tokens: LiveTokens::new(),
            parsed: Notify::new(),
            followers: Followers::default(),
            admit,
            office,
            beats: Beats::default(),
            limits,
            lease,
            counters: Counters::default(),
        };
        let broker = Self { inner: Arc::new(inner) };
        broker.adopt_master_key().await?;
        broker.ensure_signing_key().await?;
        if let Some(office) = office {
            broker.inner.take_office(office, config.hostname).await?;
        }
        Ok(broker)
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
