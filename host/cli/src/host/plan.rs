//! What a host is to be: the settings of `serve`, typed, or those of a demo.

use std::path::PathBuf;
use std::time::Duration;

use crate::database::Database;
use crate::errors::Failure;
use crate::keys;
use crate::settings::{
    DATA_DIR, DRAIN_SECONDS, HostPort, LISTEN, Settings, Slots, WORKERS,
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
        })
    }
}
