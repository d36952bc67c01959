//! What a guest can ask of the host while it runs: one request, one reply, one refusal.
//!
//! These are the imports of `wit/` as data. The sandbox encodes them, the broker answers them, and over HTTP they travel
//! as they are. No request names the caller: identity is the grant that it is sent with.

use serde::{Deserialize, Serialize};

use crate::ids::{ConnectionId, DagId, EntryKey, RunId, TaskId, VariableKey};
use crate::state::RunState;
use crate::time::Millis;

/// One brokered capability call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// `variables.get`
    VariableGet {
        /// Which variable.
        key: VariableKey,
    },
    /// `variables.set`
    VariableSet {
        /// Which variable.
        key: VariableKey,
        /// Its new value.
        value: String,
    },
    /// `variables.delete`
    VariableDelete {
        /// Which variable.
        key: VariableKey,
    },
    /// `variables.keys`
    VariableKeys {
        /// Only keys that start so.
        prefix: String,
        /// Which page of 100, from 0.
        page: u32,
    },
    /// `connections.get`
    ConnectionGet {
        /// Which connection.
        id: ConnectionId,
    },
    /// `xcom.push`
    XcomPush {
        /// Under which key.
        key: EntryKey,
        /// One JSON text.
        value: String,
    },
    /// `xcom.pull`
    XcomPull {
        /// Whose value.
        task: TaskId,
        /// Under which key.
        key: EntryKey,
        /// Of which mapped instance.
        map_index: Option<u32>,
    },
    /// `xcom.pull-all`
    XcomPullAll {
        /// Whose values.
        task: TaskId,
        /// Under which key.
        key: EntryKey,
    },
    /// `xcom.pull-from`
    XcomPullFrom {
        /// Of which DAG.
        dag: DagId,
        /// Of which run.
        run_id: RunId,
        /// Whose value.
        task: TaskId,
        /// Under which key.
        key: EntryKey,
        /// Of which mapped instance.
        map_index: Option<u32>,
    },
    /// `task-state.get`
    StateGet {
        /// Which entry.
        key: EntryKey,
    },
    /// `task-state.set`
    StateSet {
        /// Which entry.
        key: EntryKey,
        /// Its new value.
        value: String,
    },
    /// `task-state.delete`
    StateDelete {
        /// Which entry.
        key: EntryKey,
    },
    /// `task-state.clear`
    StateClear,
    /// `task-instance.heartbeat` with a fraction from 0 to 1.
    Progress {
        /// How much is done.
        fraction: f64,
    },
    /// `runs.trigger`
    RunTrigger {
        /// Which DAG.
        dag: DagId,
        /// One JSON object as text.
        conf: Option<String>,
        /// What the run stands for.
        logical_date: Option<Millis>,
        /// Its id; made up if absent.
        run_id: Option<RunId>,
    },
    /// `runs.state`
    RunState {
        /// Of which DAG.
        dag: DagId,
        /// Which run.
        run_id: RunId,
    },
    /// `runs.counts`
    RunCounts {
        /// Of which DAG.
        dag: DagId,
        /// In which states; in any, if empty.
        states: Vec<RunState>,
    },
    /// `runs.previous-success`
    PreviousSuccess,
    /// `assets.emit`
    AssetEmit {
        /// Which asset, by name.
        asset: String,
        /// What to say of it: one JSON object as text.
        extra: Option<String>,
        /// The alias in whose name.
        alias: Option<String>,
        /// Which partition was updated.
        partition_key: Option<String>,
    },
    /// `assets.events`
    AssetEvents {
        /// Of which asset, by name.
        asset: String,
        /// Not before this instant.
        since: Option<Millis>,
        /// How many at most, the latest ones.
        limit: u32,
    },
}

/// What the broker answers. Which variant belongs to which [`Call`] is fixed: see [`Call::family`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// Done; nothing to say.
    Done,
    /// One text: a variable, a task-state entry, a JSON value, a run id, or a JSON array of events of an asset.
    Text(String),
    /// Keys in ascending order.
    Keys(Vec<String>),
    /// One connection.
    Connection(Box<ConnectionDetails>),
    /// The state of a run.
    RunState(RunState),
    /// How many.
    Count(u64),
    /// An instant, or none.
    Instant(Option<Millis>),
}

/// Why the host refused a call: `wit/types.wit`'s `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "detail", rename_all = "snake_case")]
pub enum CallError {
    /// There is no such object, or it is another tenant's.
    #[error("not found")]
    NotFound,
    /// The attempt's role or its `uses` do not allow the call.
    #[error("denied")]
    Denied,
    /// An argument is malformed.
    #[error("invalid: {0}")]
    Invalid(String),
    /// An argument or the answer is over its limit.
    #[error("too large")]
    TooLarge,
    /// The object exists already or changed in between.
    #[error("conflict")]
    Conflict,
    /// A quota is used up.
    #[error("quota: {0}")]
    Quota(String),
    /// The host could not answer now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// A connection in clear, on its way to a guest that may have it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionDetails {
    /// What kind of system it is.
    pub conn_type: String,
    /// Host name or address.
    pub host: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// Database, schema or scheme.
    pub schema: Option<String>,
    /// User name.
    pub login: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Everything else: one JSON object as text.
    pub extra: Option<String>,
}

impl std::fmt::Debug for ConnectionDetails {
    /// Leaves out what may be secret, so that no log line can hold it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionDetails").field("conn_type", &self.conn_type).finish_non_exhaustive()
    }
}

/// Which interface of `wit/` a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `variables`, reading.
    VariableRead,
    /// `variables`, writing.
    VariableWrite,
    /// `connections`
    Connection,
    /// `xcom`
    Xcom,
    /// `task-state`
    TaskState,
    /// `task-instance`
    TaskInstance,
    /// `runs`
    Runs,
    /// `assets`
    Assets,
}

impl Call {
    /// The interface that the call belongs to; [`crate::roles`] says who may use it.
    pub fn family(&self) -> Family {
        match self {
            Self::VariableGet { .. } | Self::VariableKeys { .. } => Family::VariableRead,
            Self::VariableSet { .. } | Self::VariableDelete { .. } => Family::VariableWrite,
            Self::ConnectionGet { .. } => Family::Connection,
            Self::XcomPush { .. } | Self::XcomPull { .. } | Self::XcomPullAll { .. } | Self::XcomPullFrom { .. } => {
                Family::Xcom
            }
            Self::StateGet { .. } | Self::StateSet { .. } | Self::StateDelete { .. } | Self::StateClear => {
                Family::TaskState
            }
            Self::Progress { .. } => Family::TaskInstance,
            Self::RunTrigger { .. } | Self::RunState { .. } | Self::RunCounts { .. } | Self::PreviousSuccess => {
                Family::Runs
            }
            Self::AssetEmit { .. } | Self::AssetEvents { .. } => Family::Assets,
        }
    }
}

/// Size limits of brokered values, in bytes unless they say otherwise.
pub mod limit {
    /// A variable's or a task-state entry's value.
    pub const VALUE: usize = 64 << 10;
    /// One `XCom`, one task result, one run configuration.
    pub const XCOM: usize = 1 << 20;
    /// The answer of `xcom.pull-all`; a module's DAG description.
    pub const BULK: usize = 16 << 20;
    /// Task-state entries of one task instance.
    pub const STATE_KEYS: u64 = 1_000;
    /// Keys in one page of `variables.keys`.
    pub const KEYS_PAGE: u32 = 100;
    /// The name of an asset or of an alias.
    pub const ASSET_NAME: usize = 1_500;
    /// Events in one answer of `assets.events`.
    pub const ASSET_EVENTS: u32 = 1_000;
    /// The key of a partition.
    pub const PARTITION_KEY: usize = 250;
    /// How lists call a mapped instance, in characters.
    pub const MAP_LABEL: usize = 250;
    /// One log message.
    pub const LOG_MESSAGE: usize = 16 << 10;
}
