//! When a task may run, by the states of its direct upstream task instances.
//!
//! A rule never looks at them: it judges counts, which grow by one per instance that ends. What it says does not depend on
//! the order in which they ended.

use serde::{Deserialize, Serialize};

use crate::state::Terminal;

mod counts;
mod judge;

pub use counts::{Expected, Growth, Swept, UpstreamCounts};
pub use judge::{Ruling, Viewpoint};

/// Airflow's trigger rules, by Airflow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// Every upstream succeeded. A failed upstream makes the task `upstream_failed`, a skipped one skips it.
    #[default]
    AllSuccess,
    /// Every upstream failed.
    AllFailed,
    /// Every upstream has ended, however it ended.
    AllDone,
    /// Every upstream has ended, none was skipped, and at least one succeeded.
    AllDoneMinOneSuccess,
    /// That of teardowns: every upstream has ended, and at least one of the setups succeeded, if there are any.
    AllDoneSetupSuccess,
    /// At least one upstream succeeded; it does not wait for the others.
    OneSuccess,
    /// At least one upstream failed; it does not wait for the others.
    OneFailed,
    /// At least one upstream succeeded or failed; it does not wait for the others.
    OneDone,
    /// No upstream failed.
    NoneFailed,
    /// No upstream failed, and at least one succeeded.
    NoneFailedMinOneSuccess,
    /// No upstream was skipped.
    NoneSkipped,
    /// Every upstream was skipped.
    AllSkipped,
    /// At once.
    Always,
}

/// How long a rule waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until everything upstream has ended.
    Full,
    /// Until everything upstream has ended before the task runs; what it ends as without running can be known earlier.
    ToRun,
    /// Until one upstream ended as it wants.
    One,
    /// Not at all.
    None,
}

impl TriggerRule {
    /// How long the rule waits.
    pub fn patience(self) -> Patience {
        match self {
            Self::AllDone | Self::AllDoneSetupSuccess => Patience::Full,
            Self::AllSuccess
            | Self::AllFailed
            | Self::AllDoneMinOneSuccess
            | Self::NoneFailed
            | Self::NoneFailedMinOneSuccess
            | Self::NoneSkipped
            | Self::AllSkipped => Patience::ToRun,
            Self::OneSuccess | Self::OneFailed | Self::OneDone => Patience::One,
            Self::Always => Patience::None,
        }
    }

    /// Whether one upstream that ended like this is all that the rule waits for.
    pub fn is_met_by_one(self, how: Terminal) -> bool {
        match self {
            Self::OneSuccess => how == Terminal::Success,
            Self::OneFailed => matches!(how, Terminal::Failed | Terminal::UpstreamFailed),
            Self::OneDone => matches!(how, Terminal::Success | Terminal::Failed),
            Self::AllSuccess
            | Self::AllFailed
            | Self::AllDone
            | Self::AllDoneMinOneSuccess
            | Self::AllDoneSetupSuccess
            | Self::NoneFailed
            | Self::NoneFailedMinOneSuccess
            | Self::NoneSkipped
            | Self::AllSkipped
            | Self::Always => false,
        }
    }
}
