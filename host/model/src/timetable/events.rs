//! Runs at listed instants (Airflow's `EventsTimetable`).

use super::{DataInterval, NextRun, Restriction};
use crate::time::Millis;

/// Runs at listed instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// In ascending order, each once.
    at: Vec<Millis>,
    restrict_to_events: bool,
}

impl Events {
    pub(super) fn new(mut at: Vec<Millis>, restrict_to_events: bool) -> Self {
        at.sort_unstable();
        at.dedup();
        Self { at, restrict_to_events }
    }

    /// Without catch-up nothing is made up for: an event that is over is gone.
    pub(super) fn next(&self, last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<NextRun> {
        let earliest =
            if limits.catchup { limits.earliest } else { Some(limits.earliest.map_or(now, |at| at.max(now))) };
        let is_due =
            |&at: &Millis| earliest.is_none_or(|earliest| at >= earliest) && last.is_none_or(|last| at > last.end);
        let next = self.at.iter().copied().find(is_due)?;
        if limits.is_over(next) { None } else { Some(NextRun::over(DataInterval::exact(next))) }
    }

    /// The event before `run_after`, or the first one of all, if only events may be stood for.
    pub(super) fn manual_interval(&self, run_after: Millis) -> DataInterval {
        let past = self.at.iter().rev().find(|&&at| at <= run_after);
        let event = past.or(self.at.first()).filter(|_| self.restrict_to_events);
        DataInterval::exact(event.copied().unwrap_or(run_after))
    }
}
