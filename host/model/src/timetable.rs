//! When a DAG's scheduled runs are due.
//!
//! Source: Airflow 3.3, `CronTriggerTimetable` and `DeltaTriggerTimetable`, which `schedule="…"` means since Airflow 3: a
//! run's logical date is the instant it is due, and its data interval is that instant alone.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::cron::{Cron, CronError};
use crate::dag::ScheduleSpec;
use crate::time::Millis;

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
    /// No such time zone.
    #[error("unknown time zone {0:?}; use an IANA name such as Europe/Amsterdam or UTC")]
    Timezone(String),
    /// The interval is shorter than [`MIN_INTERVAL`].
    #[error("an interval of {0} ms is too short; use at least 1000 ms")]
    Interval(u64),
}

impl ScheduleError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cron { .. } => "schedule-cron",
            Self::Timezone(_) => "schedule-timezone",
            Self::Interval(_) => "schedule-interval",
        }
    }
}

/// A schedule that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// On the wall clock of a zone.
    Cron(Box<Cron>, Tz),
    /// By elapsed time.
    Interval(Duration),
}

/// The span of data that a run stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataInterval {
    /// Its begin.
    pub start: Millis,
    /// Its end.
    pub end: Millis,
}

/// What limits the runs that a schedule makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// The DAG's `start_date`.
    pub earliest: Option<Millis>,
    /// The DAG's `end_date`.
    pub latest: Option<Millis>,
    /// Whether missed runs are made up for.
    pub catchup: bool,
}

/// The next scheduled run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// When it is due.
    pub run_after: Millis,
    /// What it stands for. Its start is the run's logical date.
    pub interval: DataInterval,
}

impl Schedule {
    /// Checks a module's claim.
    pub fn parse(spec: &ScheduleSpec) -> Result<Self, ScheduleError> {
        match spec {
            ScheduleSpec::Cron { expression, timezone } => {
                let zone = timezone.parse().map_err(|_| ScheduleError::Timezone(timezone.clone()))?;
                let cron = Cron::parse(expression)
                    .map_err(|source| ScheduleError::Cron { expression: expression.clone(), source })?;
                Ok(Self::Cron(Box::new(cron), zone))
            }
            ScheduleSpec::Interval { every_ms } => {
                let every = Duration::from_millis(*every_ms);
                if every < MIN_INTERVAL { Err(ScheduleError::Interval(*every_ms)) } else { Ok(Self::Interval(every)) }
            }
        }
    }

    /// The run that follows the one with data interval `last`; `None` if there is none before `latest`.
    pub fn next(&self, last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<NextRun> {
        let following = match (last, limits.earliest) {
            (Some(last), _) => self.after(last.end)?,
            (None, Some(earliest)) => self.at_or_after(earliest)?,
            (None, None) => self.first(now)?,
        };
        let due = if limits.catchup { following } else { self.latest_due(following, limits.earliest, now)? };
        if limits.latest.is_some_and(|latest| latest < due) {
            return None;
        }
        Some(NextRun { run_after: due, interval: DataInterval { start: due, end: due } })
    }

    /// Without catch-up: the latest run that is due at `now`, unless `following` or the start date is still to come.
    fn latest_due(&self, following: Millis, earliest: Option<Millis>, now: Millis) -> Option<Millis> {
        let begin = match earliest {
            Some(earliest) => self.at_or_after(earliest)?,
            None => following,
        };
        Some(following.max(begin).max(self.at_or_before(now)?))
    }

    /// Without a start date the first run is the next one due, or the latest one if it was due a moment ago: within a
    /// tenth of the gap between the two, or five minutes.
    fn first(&self, now: Millis) -> Option<Millis> {
        let (past, next) = (self.at_or_before(now)?, self.at_or_after(now)?);
        let moment = (next.since(past) / 10).max(Duration::from_mins(5));
        Some(if now.since(past) <= moment { past } else { next })
    }

    fn after(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Cron(cron, zone) => cron.next(instant.to_utc()?, *zone).map(Millis::from),
            Self::Interval(every) => Some(instant.after(*every)),
        }
    }

    fn at_or_after(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Cron(cron, zone) => {
                let instant = instant.to_utc()?;
                let next = cron.next(instant, *zone)?;
                let fires_now = cron.previous(next, *zone) == Some(instant);
                Some(Millis::from(if fires_now { instant } else { next }))
            }
            Self::Interval(_) => Some(instant),
        }
    }

    fn at_or_before(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Cron(cron, zone) => {
                let instant: DateTime<Utc> = instant.to_utc()?;
                let previous = cron.previous(instant, *zone)?;
                let fires_now = cron.next(previous, *zone) == Some(instant);
                Some(Millis::from(if fires_now { instant } else { previous }))
            }
            Self::Interval(_) => Some(instant),
        }
    }
}
