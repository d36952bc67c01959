//! Runs at the ends of intervals that follow each other (Airflow's `CronDataIntervalTimetable` and
//! `DeltaDataIntervalTimetable`).

use super::{DataInterval, NextRun, Restriction, Rhythm};
use crate::delta::Delta;
use crate::time::Millis;

/// Runs at the ends of the intervals between a rhythm's instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervals {
    rhythm: Rhythm,
}

impl Intervals {
    pub(super) fn new(rhythm: Rhythm) -> Self {
        Self { rhythm }
    }

    pub(super) fn next(&self, last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<NextRun> {
        let earliest = match limits.earliest {
            earliest if !limits.catchup => Some(self.latest(earliest, now)?),
            Some(earliest) => Some(self.rhythm.at_or_after(earliest)?),
            None => None,
        };
        let start = match last {
            Some(last) => self.following(last, earliest)?,
            None => earliest?,
        };
        if limits.is_over(start) {
            return None;
        }
        Some(NextRun::over(DataInterval { start, end: self.rhythm.after(start)? }))
    }

    pub(super) fn manual_interval(&self, run_after: Millis) -> Option<DataInterval> {
        let end = self.rhythm.at_or_before(run_after)?;
        self.rhythm.before(end).map(|start| DataInterval { start, end })
    }

    /// Where the interval after `last` begins. A schedule that has changed, or the clock of a zone that shifts by half an
    /// hour, can lead back behind the last interval; then it is the first one that begins later.
    fn following(&self, last: DataInterval, earliest: Option<Millis>) -> Option<Millis> {
        let mut start = self.rhythm.at_or_before(last.end)?;
        if let Some(earliest) = earliest {
            start = start.max(earliest);
        }
        while start <= last.start {
            start = self.rhythm.after(start)?;
        }
        Some(start)
    }

    /// Without catch-up: where the latest interval begins that is over at `now`, but not before `earliest`.
    fn latest(&self, earliest: Option<Millis>, now: Millis) -> Option<Millis> {
        match &self.rhythm {
            Rhythm::Cron(..) => {
                let begun = self.rhythm.before(now)?;
                let over = if self.rhythm.after(begun)? == now { begun } else { self.rhythm.before(begun)? };
                match earliest {
                    Some(earliest) => Some(over.max(self.rhythm.at_or_after(earliest)?)),
                    None => Some(over),
                }
            }
            Rhythm::Delta(delta) => {
                let over = delta.before(beat(delta, now, earliest.unwrap_or(now)))?;
                Some(earliest.map_or(over, |earliest| earliest.max(over)))
            }
        }
    }
}

/// The last beat at or before `now`: counted from 1970, or from `anchor` step by step if months have a part in it, because
/// the end of a short month shifts all that follow.
fn beat(delta: &Delta, now: Millis, anchor: Millis) -> Millis {
    if let Some(length) = delta.fixed_ms() {
        return Millis(now.0 - now.0.rem_euclid(length.max(1)));
    }
    let mut beat = anchor;
    while let Some(next) = delta.after(beat).filter(|&next| next <= now) {
        beat = next;
    }
    beat
}
