//! Every setting, once: its key, its flag, its variable, what is accepted, and what it is unless somebody says.

use std::num::NonZeroU32;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use super::value::{DatabaseUrl, HostPort, LogFormat, MasterKey, MasterKeys, Networks, ServerUrl, Slots};

/// One setting.
pub(crate) struct Setting {
    /// The key in the file.
    pub(crate) key: &'static str,
    /// The flag, without its dashes. A secret has none: other users can read a command line.
    pub(crate) flag: Option<&'static str>,
    /// How its value is called in the help.
    pub(crate) value: &'static str,
    /// One line of help.
    pub(crate) help: &'static str,
    /// What is accepted, in words that follow "use".
    pub(crate) accepts: &'static str,
    /// What it is unless somebody says.
    pub(crate) default: Default,
    /// Whether a text is accepted.
    pub(crate) fits: fn(&str) -> bool,
    /// Whether its value may hold a password and is not shown.
    pub(crate) masked: bool,
}

/// What a setting is unless somebody says.
pub(crate) enum Default {
    /// Nothing.
    Unset,
    /// The same everywhere.
    Fixed(&'static str),
    /// What suits the machine, and how that is put in words.
    Fitting(&'static str, fn() -> String),
}

impl Default {
    /// The value on this machine.
    pub(crate) fn here(&self) -> Option<String> {
        match self {
            Self::Unset => None,
            Self::Fixed(text) => Some((*text).to_owned()),
            Self::Fitting(_, fit) => Some(fit()),
        }
    }

    /// What the help says of it.
    pub(crate) fn shown(&self) -> Option<&'static str> {
        match self {
            Self::Unset => None,
            Self::Fixed(text) | Self::Fitting(text, _) => Some(text),
        }
    }
}

/// Where to listen.
pub(crate) const LISTEN: Setting = Setting {
    key: "listen",
    flag: Some("listen"),
    value: "ADDR",
    help: "Where to listen; port 0 picks a free one",
    accepts: "an address and a port, such as 127.0.0.1:8080",
    default: Default::Fixed("127.0.0.1:8080"),
    fits: fits::<HostPort>,
    masked: false,
};

/// Where everything on disk is.
pub(crate) const DATA_DIR: Setting = Setting {
    key: "data_dir",
    flag: Some("data-dir"),
    value: "DIR",
    help: "Where the host keeps its files: the embedded database, keys, compiled code",
    accepts: "a directory that may be created",
    default: Default::Fixed("./flow-data"),
    fits: |text| !text.is_empty(),
    masked: false,
};

/// Which PostgreSQL server to use.
pub(crate) const DATABASE_URL: Setting = Setting {
    key: "database_url",
    flag: Some("database-url"),
    value: "URL",
    help: "A PostgreSQL server; without it, SQLite in the data directory",
    accepts: "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
    default: Default::Unset,
    fits: fits::<DatabaseUrl>,
    masked: true,
};

/// Connections to PostgreSQL.
pub(crate) const DATABASE_CONNECTIONS: Setting = Setting {
    key: "database_connections",
    flag: Some("database-connections"),
    value: "N",
    help: "How many connections to keep to PostgreSQL at most",
    accepts: "a whole number from 1 on",
    default: Default::Fixed("16"),
    fits: fits::<NonZeroU32>,
    masked: false,
};

/// Attempts at a time in the control plane's process.
pub(crate) const WORKERS: Setting = Setting {
    key: "workers",
    flag: Some("workers"),
    value: "N",
    help: "How many attempts run at a time in this process; 0 leaves them to `flow-host worker`",
    accepts: "a whole number from 0 to 10000",
    default: Default::Fitting("32 per core", default_slots),
    fits: fits::<Slots>,
    masked: false,
};

/// Attempts at a time in a worker process.
pub(crate) const CONCURRENCY: Setting = Setting {
    key: "concurrency",
    flag: Some("concurrency"),
    value: "N",
    help: "How many attempts the worker runs at a time",
    accepts: "a whole number from 1 to 10000",
    default: Default::Fitting("32 per core", default_slots),
    fits: |text| text.parse::<Slots>().is_ok_and(|slots| slots.0 > 0),
    masked: false,
};

/// The control plane that a worker works for.
pub(crate) const SERVER: Setting = Setting {
    key: "server",
    flag: Some("server"),
    value: "URL",
    help: "The control plane to work for, over HTTP; the worker needs no database",
    accepts: "an address that begins with http:// or https://",
    default: Default::Unset,
    fits: fits::<ServerUrl>,
    masked: false,
};

/// The worker's token.
pub(crate) const TOKEN_FILE: Setting = Setting {
    key: "token_file",
    flag: Some("token-file"),
    value: "FILE",
    help: "The file that holds the worker's token",
    accepts: "the path of a file",
    default: Default::Unset,
    fits: |text| !text.is_empty(),
    masked: false,
};

/// How long attempts may go on at shutdown.
pub(crate) const DRAIN_SECONDS: Setting = Setting {
    key: "drain_seconds",
    flag: Some("drain-seconds"),
    value: "N",
    help: "How long running attempts may go on when the process is told to stop",
    accepts: "a whole number of seconds up to 86400",
    default: Default::Fixed("10"),
    fits: |text| within(text, 0, 86_400),
    masked: false,
};

/// Networks that are not public and may be asked for tasks that wait for HTTP.
pub(crate) const ALLOWED_NETWORKS: Setting = Setting {
    key: "allowed_networks",
    flag: Some("allowed-networks"),
    value: "NETWORKS",
    help: "Private networks that requests on behalf of tasks may go to, besides the public internet",
    accepts: "networks separated by commas, such as 10.1.0.0/16,fd00:1::/32",
    default: Default::Unset,
    fits: fits::<Networks>,
    masked: false,
};

/// CPU time of one attempt.
pub(crate) const ATTEMPT_CPU_SECONDS: Setting = Setting {
    key: "attempt_cpu_seconds",
    flag: Some("attempt-cpu-seconds"),
    value: "N",
    help: "CPU time that one attempt may use",
    accepts: "a whole number of seconds from 1 to 86400",
    default: Default::Fixed("60"),
    fits: |text| within(text, 1, 86_400),
    masked: false,
};

/// Wall-clock time of one attempt.
pub(crate) const ATTEMPT_SECONDS: Setting = Setting {
    key: "attempt_seconds",
    flag: Some("attempt-seconds"),
    value: "N",
    help: "How long one attempt may take where its task has no timeout, waits included",
    accepts: "a whole number of seconds from 1 to 2592000",
    default: Default::Fixed("3600"),
    fits: |text| within(text, 1, 2_592_000),
    masked: false,
};

/// Memory of one attempt.
pub(crate) const ATTEMPT_MEMORY_MIB: Setting = Setting {
    key: "attempt_memory_mib",
    flag: Some("attempt-memory-mib"),
    value: "N",
    help: "Memory that one attempt may hold, in MiB",
    accepts: "a whole number of MiB from 1 to 512",
    default: Default::Fixed("256"),
    fits: |text| within(text, 1, 512),
    masked: false,
};

/// Log of one attempt.
pub(crate) const ATTEMPT_LOG_KIB: Setting = Setting {
    key: "attempt_log_kib",
    flag: Some("attempt-log-kib"),
    value: "N",
    help: "How much one attempt may log, in KiB; the rest is cut off",
    accepts: "a whole number of KiB from 1 to 1048576",
    default: Default::Fixed("1024"),
    fits: |text| within(text, 1, 1_048_576),
    masked: false,
};

/// The master key itself.
pub(crate) const MASTER_KEY: Setting = Setting {
    key: "master_key",
    flag: None,
    value: "KEY",
    help: "The key that the tenants' secrets are encrypted under",
    accepts: "64 hexadecimal digits",
    default: Default::Unset,
    fits: fits::<MasterKey>,
    masked: true,
};

/// Where the master key is.
pub(crate) const MASTER_KEY_FILE: Setting = Setting {
    key: "master_key_file",
    flag: Some("master-key-file"),
    value: "FILE",
    help: "The file that holds the master key; without it, `master-key` in the data directory",
    accepts: "the path of a file",
    default: Default::Unset,
    fits: |text| !text.is_empty(),
    masked: false,
};

/// Master keys before the present one.
pub(crate) const FORMER_MASTER_KEYS: Setting = Setting {
    key: "former_master_keys",
    flag: None,
    value: "KEYS",
    help: "Master keys before the present one; what they encrypted is encrypted anew at the start",
    accepts: "64 hexadecimal digits each, separated by commas",
    default: Default::Unset,
    fits: fits::<MasterKeys>,
    masked: true,
};

/// What is logged.
pub(crate) const LOG: Setting = Setting {
    key: "log",
    flag: Some("log"),
    value: "FILTER",
    help: "What the host logs to standard error",
    accepts: "a level such as info, or a filter such as info,flow_broker=debug",
    default: Default::Fixed("info"),
    fits: fits::<EnvFilter>,
    masked: false,
};

/// How it is logged.
pub(crate) const LOG_FORMAT: Setting = Setting {
    key: "log_format",
    flag: Some("log-format"),
    value: "FORMAT",
    help: "How it logs; auto is text on a terminal and JSON elsewhere",
    accepts: "auto, text or json",
    default: Default::Fixed("auto"),
    fits: fits::<LogFormat>,
    masked: false,
};

/// All settings, in the order in which they are shown.
pub(crate) const ALL: &[&Setting] = &[
    &LISTEN,
    &DATA_DIR,
    &DATABASE_URL,
    &DATABASE_CONNECTIONS,
    &WORKERS,
    &CONCURRENCY,
    &DRAIN_SECONDS,
    &ALLOWED_NETWORKS,
    &SERVER,
    &TOKEN_FILE,
    &ATTEMPT_CPU_SECONDS,
    &ATTEMPT_SECONDS,
    &ATTEMPT_MEMORY_MIB,
    &ATTEMPT_LOG_KIB,
    &MASTER_KEY,
    &MASTER_KEY_FILE,
    &FORMER_MASTER_KEYS,
    &LOG,
    &LOG_FORMAT,
];

impl Setting {
    /// The variable's name.
    pub(crate) fn variable(&self) -> String {
        format!("FLOW_HOST_{}", self.key.to_ascii_uppercase())
    }
}

fn fits<T: FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn within(text: &str, least: u64, most: u64) -> bool {
    text.parse::<u64>().is_ok_and(|number| (least..=most).contains(&number))
}

/// Most attempts wait most of the time, so a core has room for many; more would only grow the queue inside the host.
fn default_slots() -> String {
    (std::thread::available_parallelism().map_or(1, usize::from) * 32).to_string()
}
