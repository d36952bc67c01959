//! The parts that a whole host and a worker beside its database are both made of.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use flow_broker::{Admit, BrokerConfig, LocalBroker, ServiceError};
use flow_model::egress::Egress;
use flow_model::ids::JobId;
use flow_model::port::TenantScope;
use flow_model::time::{Clock, Entropy};
use flow_model::work::AttemptLimits;
use flow_sandbox::{CompileLimits, Sandbox, SandboxConfig};
use flow_store::Store;
use flow_worker::WorkerConfig;

use super::machine;
use crate::data_dir::DataDir;
use crate::errors::Failure;
use crate::settings::MasterKey;
use crate::{clock, compile, keys};

/// How often workers renew their leases.
const BEAT: Duration = Duration::from_secs(2);
/// How long a worker may be silent before its attempts are lost.
const LEASE: Duration = Duration::from_secs(30);
/// Compiled code kept ready in memory: that of a thousand modules as small as Rust makes them.
const CODE_IN_MEMORY: usize = 256 << 20;
/// Compiled code kept on disk.
const CODE_ON_DISK: u64 = 4 << 30;

/// What the machine alone can give.
pub(crate) struct Tools {
    /// What time it is.
    pub(crate) clock: Clock,
    /// Random bytes.
    pub(crate) entropy: Entropy,
    /// Its name.
    pub(crate) hostname: String,
}

impl Tools {
    /// The machine's own.
    pub(crate) fn of_process() -> Self {
        Self { clock: clock::clock(), entropy: clock::entropy(), hostname: hostname() }
    }
}

/// The machine's name, for those who read lists of jobs.
fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

/// What a broker stands on.
pub(crate) struct Parts {
    /// The migrated store.
    pub(crate) store: Store,
    /// Inspects uploads.
    pub(crate) sandbox: Sandbox,
    /// Which installation this is, if it schedules.
    pub(crate) instance: Option<JobId>,
    /// Encrypts the tenants' data keys.
    pub(crate) master_key: MasterKey,
    /// Those before it.
    pub(crate) former_master_keys: Vec<[u8; 32]>,
    /// What one attempt may spend.
    pub(crate) limits: AttemptLimits,
}

/// Starts a sandbox with its compiled code in the data directory. Other things can be done meanwhile.
pub(crate) async fn start_sandbox(dir: &DataDir, slots: u32, tools: &Tools) -> Result<Sandbox> {
    machine::check_room(slots)?;
    let config = SandboxConfig {
        cache: dir.compiled()?,
        cache_secret: keys::cache(dir, &tools.entropy)?,
        // Uploads are checked here even if nothing runs here.
        slots: slots.max(1),
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        code_in_memory: CODE_IN_MEMORY,
        code_on_disk: CODE_ON_DISK,
        compiler: compile::command()?,
        compile_limits: CompileLimits::default(),
        clock: Arc::clone(&tools.clock),
    };
    let hint = "fewer slots need less address space: set --workers, or --concurrency of a worker";
    let sandbox = tokio::task::spawn_blocking(|| Sandbox::new(config)).await?;
    Ok(sandbox.map_err(|error| Failure::failed(error.to_string()).hint(hint))?)
}

/// Opens the broker on a store.
pub(crate) async fn open_broker(parts: Parts, tools: &Tools) -> Result<LocalBroker, Failure> {
    let Parts { store, sandbox, instance, master_key, former_master_keys, limits } = parts;
    let admit: Admit = Arc::new(move |component| {
        let sandbox = sandbox.clone();
        Box::pin(async move { sandbox.admit(component).await })
    });
    LocalBroker::open(BrokerConfig {
        store,
        clock: Arc::clone(&tools.clock),
        entropy: Arc::clone(&tools.entropy),
        master_key: master_key.0,
        former_master_keys,
        admit,
        instance,
        limits,
        hostname: tools.hostname.clone(),
        lease: LEASE,
    })
    .await
    .map_err(|error| explain(&error))
}

fn explain(error: &ServiceError) -> Failure {
    let cannot = |why: &dyn Display| format!("the host cannot start: {why}");
    match error {
        ServiceError::Conflict { .. } => Failure::usage(cannot(error)).hint(
            "the present key is that of --master-key-file, FLOW_HOST_MASTER_KEY or the data directory; former ones go \
             into FLOW_HOST_FORMER_MASTER_KEYS",
        ),
        ServiceError::Unavailable(reason) => {
            Failure::unreachable(cannot(&format_args!("the database cannot answer: {reason}")))
                .hint("see that it can be reached and written to, and that its disk has room")
        }
        ServiceError::NotFound { .. }
        | ServiceError::Invalid { .. }
        | ServiceError::Refused { .. }
        | ServiceError::TooLarge { .. }
        | ServiceError::Quota(_)
        | ServiceError::Denied(_)
        | ServiceError::Internal => Failure::failed(cannot(error)),
    }
}

/// What a worker of this process is told.
pub(crate) fn worker_config(id: JobId, slots: u32, drain: Duration, egress: Egress, tools: &Tools) -> WorkerConfig {
    WorkerConfig {
        id,
        hostname: tools.hostname.clone(),
        tenants: TenantScope::All,
        slots: usize::try_from(slots).unwrap_or(usize::MAX),
        beat: BEAT,
        drain,
        entropy: Arc::clone(&tools.entropy),
        clock: Arc::clone(&tools.clock),
        egress,
    }
}
