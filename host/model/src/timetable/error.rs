//! Why a schedule cannot be kept.

use std::time::Duration;

use crate::cron::CronError;

/// The shortest interval between runs.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Why a schedule cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The cron expression is malformed or never fires.
    #[error("cron expression {expression:?}: {source}")]
    Cron {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        source: CronError,
    },
    /// There is no cron expression.
    #[error("a schedule of several cron expressions needs at least one")]
    NoCron,
    /// No such time zone.
    #[error("unknown time zone {0:?}; use an IANA name such as Europe/Amsterdam or UTC")]
    Timezone(String),
    /// The interval is shorter than [`MIN_INTERVAL`].
    #[error("an interval of {0} ms is too short; use at least 1000 ms")]
    Interval(u64),
    /// By the calendar it might not lead to a later instant.
    #[error("{0:?} is too short; from any date it must lead at least a second on, or a day if it has months or years")]
    Calendar(String),
    /// A day or a weekday that no calendar has.
    #[error("{0:?} is not a length of time; a day is 1 to 31, and a weekday is counted from 1 or -1")]
    Delta(String),
    /// An asset without a name, or a list without assets.
    #[error("an asset condition names nothing; give every asset a name or a URI, and every list at least one asset")]
    EmptyAssets,
    /// Assets where times belong.
    #[error("the timetable beside an asset condition goes by time; put all assets into the condition")]
    NestedAssets,
}

impl ScheduleError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cron { .. } => "schedule-cron",
            Self::NoCron => "schedule-no-cron",
            Self::Timezone(_) => "schedule-timezone",
            Self::Interval(_) => "schedule-interval",
            Self::Calendar(_) => "schedule-calendar",
            Self::Delta(_) => "schedule-delta",
            Self::EmptyAssets => "schedule-empty-assets",
            Self::NestedAssets => "schedule-nested-assets",
        }
    }
}
