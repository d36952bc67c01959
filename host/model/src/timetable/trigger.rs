//! Runs at the instants of one or more rhythms (Airflow's `CronTriggerTimetable`, `DeltaTriggerTimetable` and
//! `MultipleCronTriggerTimetable`).

use std::cmp::Reverse;
use std::time::Duration;

use super::rhythm::{Rhythm, check_length};
use super::{DataInterval, NextRun, Restriction, ScheduleError};
use crate::delta::Delta;
use crate::schedule::RunImmediately;
use crate::time::Millis;

/// Runs at the instants of one or more rhythms, with data that ends at that instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    rhythms: Vec<Rhythm>,
    interval: Delta,
    run_immediately: RunImmediately,
}

impl Trigger {
    pub(super) fn new(
        rhythms: Vec<Rhythm>,
        interval: Option<Delta>,
        run_immediately: RunImmediately,
    ) -> Result<Self, ScheduleError> {
        if rhythms.is_empty() {
            return Err(ScheduleError::NoCron);
        }
        let interval = interval.unwrap_or(Delta::ZERO);
        check_length(&interval)?;
        // Data that ends before it begins would make a mess of what the last run stands for.
        if interval.at_least_ms() < 0 {
            return Err(ScheduleError::Calendar(interval.to_string()));
        }
        Ok(Self { rhythms, interval, run_immediately })
    }

    /// What the rhythms propose: the earliest of it with catch-up; without, the latest that is due, or else the earliest.
    pub(super) fn next(&self, last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<NextRun> {
        let proposals = self.rhythms.iter().filter_map(|rhythm| {
            let due = self.due(rhythm, last, limits, now).filter(|&due| !limits.is_over(due))?;
            self.ending(due)
        });
        if limits.catchup {
            proposals.min_by_key(|proposal| proposal.start).map(NextRun::over)
        } else {
            let missed = |start| (start <= now).then_some(Reverse(start));
            proposals.min_by_key(|one| (one.start > now, missed(one.start), one.start)).map(NextRun::over)
        }
    }

    pub(super) fn manual_interval(&self, run_after: Millis) -> Option<DataInterval> {
        self.ending(run_after)
    }

    fn ending(&self, end: Millis) -> Option<DataInterval> {
        self.interval.before(end).map(|start| DataInterval { start, end })
    }

    fn due(&self, rhythm: &Rhythm, last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<Millis> {
        let following = match (last, limits.earliest) {
            (Some(last), _) => rhythm.after(last.end)?,
            (None, Some(earliest)) => rhythm.at_or_after(earliest)?,
            (None, None) => self.first(rhythm, now)?,
        };
        if limits.catchup {
            return Some(following);
        }
        let begin = match limits.earliest {
            Some(earliest) => rhythm.at_or_after(earliest)?,
            None => following,
        };
        Some(following.max(begin).max(rhythm.at_or_before(now)?))
    }

    /// The first run of a DAG without a start date: the last instant if that is recent enough, or else the next one.
    fn first(&self, rhythm: &Rhythm, now: Millis) -> Option<Millis> {
        let (past, next) = (rhythm.at_or_before(now)?, rhythm.at_or_after(now)?);
        let recent = match self.run_immediately {
            RunImmediately::Always => return Some(past),
            RunImmediately::WithinMs(ms) => Duration::from_millis(ms),
            RunImmediately::IfRecent => (next.since(past) / 10).max(Duration::from_mins(5)),
        };
        Some(if now.since(past) <= recent { past } else { next })
    }
}
