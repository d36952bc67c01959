//! What beats time: a cron expression on the clock of a zone, or a length of time.

use chrono_tz::Tz;

use super::error::{MIN_INTERVAL, ScheduleError};
use crate::cron::Cron;
use crate::delta::Delta;
use crate::time::Millis;

/// A sequence of instants without end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rhythm {
    /// On the wall clock of a zone.
    Cron(Box<Cron>, Tz),
    /// From any instant on.
    Delta(Delta),
}

impl Rhythm {
    pub(super) fn cron(expression: &str, zone: Tz) -> Result<Self, ScheduleError> {
        let wrong = |source| ScheduleError::Cron { expression: expression.to_owned(), source };
        Ok(Self::Cron(Box::new(Cron::parse(expression).map_err(wrong)?), zone))
    }

    /// A length of time that leads on from wherever one stands.
    pub(super) fn delta(every: Delta) -> Result<Self, ScheduleError> {
        let shortest = match every {
            Delta::Ms(ms) if u128::from(ms) < MIN_INTERVAL.as_millis() => return Err(ScheduleError::Interval(ms)),
            Delta::Ms(_) => return Ok(Self::Delta(every)),
            Delta::Calendar(_) if every.fixed_ms().is_some() => 1_000,
            // Finding the last of such steps takes them one by one, so they are not to be arbitrarily short.
            Delta::Calendar(_) => 86_400_000,
        };
        check_length(&every)?;
        if every.at_least_ms() < shortest {
            Err(ScheduleError::Calendar(every.to_string()))
        } else {
            Ok(Self::Delta(every))
        }
    }

    /// The first instant later than this one.
    pub(super) fn after(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Cron(cron, zone) => cron.next(instant.to_utc()?, *zone).map(Millis::from),
            Self::Delta(delta) => delta.after(instant),
        }
    }

    /// The last instant before this one, in Airflow's reckoning: see [`Cron::previous`].
    pub(super) fn before(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Cron(cron, zone) => cron.previous(instant.to_utc()?, *zone).map(Millis::from),
            Self::Delta(delta) => delta.before(instant),
        }
    }

    pub(super) fn at_or_after(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Cron(..) => {
                let next = self.after(instant)?;
                Some(if self.before(next)? == instant { instant } else { next })
            }
            Self::Delta(_) => Some(instant),
        }
    }

    pub(super) fn at_or_before(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Cron(..) => {
                let previous = self.before(instant)?;
                Some(if self.after(previous)? == instant { instant } else { previous })
            }
            Self::Delta(_) => Some(instant),
        }
    }
}

pub(super) fn check_length(delta: &Delta) -> Result<(), ScheduleError> {
    match delta {
        Delta::Calendar(calendar) if !calendar.is_sound() => Err(ScheduleError::Delta(delta.to_string())),
        Delta::Calendar(_) | Delta::Ms(_) => Ok(()),
    }
}
