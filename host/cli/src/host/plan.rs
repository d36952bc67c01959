//! What a host is to be: the settings of `serve`, typed, or those of a demo.

use std::path::PathBuf;
use std::time::Duration;

use flow_model::egress::Egress;
use flow_model::work::AttemptLimits;

use crate::database::Database;
use crate::errors::Failure;
use crate::keys;
use crate::settings::{
    ALLOWED_NETWORKS, ATTEMPT_CPU_SECONDS, ATTEMPT_LOG_KIB, ATTEMPT_MEMORY_MIB, ATTEMPT_SECONDS, DATA_DIR,
    DRAIN_SECONDS, HostPort, LISTEN, Networks, Settings, Slots, WORKERS,
};

/// What a host is to be.
pub(crate) struct Plan {
    /// Where to listen.
    pub(crate) listen: HostPort,
    /// Where its files are.
    pub(crate) data_dir: PathBuf,
    /// The PostgreSQL server to use; without it, SQLite in the data directory.
    pub(crate) postgres: Option<Database>,
    /// The keys that the operator handed in.
    pub(crate) keys: keys::Given,
    /// How many attempts run at a time in this process.
    pub(crate) slots: u32,
    /// How long they may go on at shutdown.
    pub(crate) drain: Duration,
    /// Where requests on behalf of tasks may go.
    pub(crate) egress: Egress,
    /// What one attempt may spend where its task says nothing else.
    pub(crate) limits: AttemptLimits,
}

impl Plan {
    /// The plan of `serve`.
    pub(crate) fn of(settings: &Settings) -> Result<Self, Failure> {
        let Slots(slots) = settings.get(&WORKERS)?;
        Ok(Self {
            listen: settings.get(&LISTEN)?,
            data_dir: settings.get(&DATA_DIR)?,
            postgres: Database::postgres(settings)?,
            keys: keys::Given::of(settings)?,
            slots,
            drain: Duration::from_secs(settings.get(&DRAIN_SECONDS)?),
            egress: egress(settings)?,
            limits: limits(settings)?,
        })
    }

    /// The plan of a demo: any free port, and everything in one directory.
    pub(crate) fn of_demo(data_dir: PathBuf, slots: Slots) -> Self {
        Self {
            listen: HostPort("127.0.0.1:0".to_owned()),
            data_dir,
            postgres: None,
            keys: keys::Given::default(),
            slots: slots.0,
            drain: Duration::ZERO,
            egress: Egress::default(),
            limits: AttemptLimits::default(),
        }
    }
}

/// Where requests on behalf of tasks may go.
pub(crate) fn egress(settings: &Settings) -> Result<Egress, Failure> {
    let Networks(allowed) = settings.find(&ALLOWED_NETWORKS)?.unwrap_or_default();
    Ok(Egress { allowed })
}

/// What one attempt may spend. A worker beside its database needs to say the same as its control plane.
pub(crate) fn limits(settings: &Settings) -> Result<AttemptLimits, Failure> {
    let scaled = |setting, scale: u64| settings.get::<u64>(setting).map(|number| number.saturating_mul(scale));
    Ok(AttemptLimits {
        cpu_ms: scaled(&ATTEMPT_CPU_SECONDS, 1_000)?,
        wall_ms: scaled(&ATTEMPT_SECONDS, 1_000)?,
        memory_bytes: scaled(&ATTEMPT_MEMORY_MIB, 1 << 20)?,
        log_bytes: scaled(&ATTEMPT_LOG_KIB, 1 << 10)?,
    })
}
