//! Schedules in code of your own.
//!
//! The function is asked for the run after the last one, again and again. It has nothing to read but its arguments, and
//! the same question must have the same answer.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! /// Every `days` days.
//! #[timetable]
//! fn every_few_days(query: &TimetableQuery, days: u64) -> Option<NextRun> {
//!     let start = query.last.map_or(query.restriction.earliest?, |last| last.end);
//!     Some(NextRun::interval(start, start + Duration::from_hours(24 * days)))
//! }
//!
//! #[task]
//! fn report() {}
//!
//! #[dag(schedule = every_few_days(3), start_date = "2026-01-01", catchup = true)]
//! fn reports() {
//!     report();
//! }
//! ```

use crate::Timestamp;

/// What a timetable is asked: which run follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimetableQuery {
    /// What the last scheduled run stands for; `None` before the first one.
    pub last: Option<DataInterval>,
    /// What limits the runs.
    pub restriction: Restriction,
}

/// The span of data that a run stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataInterval {
    /// Its begin; it is the run's logical date.
    pub start: Timestamp,
    /// Its end, not before its begin.
    pub end: Timestamp,
}

/// What limits the runs of a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restriction {
    /// The DAG's start date: no interval begins earlier.
    pub earliest: Option<Timestamp>,
    /// The DAG's end date: no interval begins later.
    pub latest: Option<Timestamp>,
    /// Whether missed runs are made up for. If not, only the latest run that is due counts.
    pub catchup: bool,
}

/// A run to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextRun {
    /// When it is due.
    pub run_after: Timestamp,
    /// What it stands for.
    pub data_interval: DataInterval,
}

impl NextRun {
    /// A run that is due at `instant` and stands for it.
    pub fn at(instant: Timestamp) -> Self {
        Self { run_after: instant, data_interval: DataInterval { start: instant, end: instant } }
    }

    /// A run that stands for what lies between, and is due at its end.
    pub fn interval(start: Timestamp, end: Timestamp) -> Self {
        Self { run_after: end, data_interval: DataInterval { start, end } }
    }
}
