//! When a DAG's scheduled runs are due, and what span of data each stands for.
//!
//! Source: Airflow 3.3, `timetables/`. The clock is an argument: `now` is when the question is asked.

use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asset::AssetExpression;
use crate::delta::Delta;
use crate::schedule::{RunImmediately, ScheduleSpec};
use crate::state::MAX_LOSSES;
use crate::time::Millis;

pub use self::error::{MIN_INTERVAL, ScheduleError};
pub use self::events::Events;
pub use self::intervals::Intervals;
pub use self::rhythm::Rhythm;
pub use self::trigger::Trigger;

mod error;
mod events;
mod intervals;
mod rhythm;
mod trigger;

/// A schedule that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Runs at instants; their data ends there.
    Trigger(Trigger),
    /// Runs at the ends of intervals that follow each other; the interval is a run's data.
    Intervals(Intervals),
    /// One run, as soon as may be.
    Once,
    /// One run after the other.
    Continuous,
    /// Runs at listed instants.
    Events(Events),
    /// No scheduled runs.
    Never,
    /// Runs when assets have been updated; by time there are none.
    Assets(AssetExpression),
    /// Runs when assets have been updated, and by time.
    AssetOrTime(AssetExpression, Box<Self>),
    /// The module has to be asked: nothing here knows the next run.
    Custom {
        /// The timetable's name in the module.
        timetable: String,
        /// What the module gets to know besides the name.
        params: Value,
    },
}

/// The span of data that a run stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataInterval {
    /// Its begin.
    pub start: Millis,
    /// Its end.
    pub end: Millis,
}

impl DataInterval {
    /// The interval that is nothing but an instant.
    pub fn exact(at: Millis) -> Self {
        Self { start: at, end: at }
    }
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

impl Restriction {
    fn is_over(&self, instant: Millis) -> bool {
        self.latest.is_some_and(|latest| instant > latest)
    }
}

/// Why the run that a module's timetable names cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its timetable named a run for {named}, which is not after the last one, for {last}")]
pub struct NotLater {
    named: Millis,
    last: Millis,
}

/// The next scheduled run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextRun {
    /// When it is due.
    pub run_after: Millis,
    /// What it stands for. Its start is the run's logical date.
    pub interval: DataInterval,
}

impl NextRun {
    /// The run that is due when its data is there.
    fn over(interval: DataInterval) -> Self {
        Self { run_after: interval.end, interval }
    }

    /// A module's answer to what comes after `last`, held against that and against the DAG's end. Were a run accepted that is
    /// not later, it would be asked for again and again.
    pub fn accepted(self, last: Option<DataInterval>, limits: Restriction) -> Result<Option<Self>, NotLater> {
        let named = self.interval.start;
        match last {
            Some(last) if named <= last.start => Err(NotLater { named, last: last.start }),
            Some(_) | None => Ok((!limits.is_over(named)).then_some(self)),
        }
    }
}

/// How long a module's timetable is left alone that has not answered, and was asked in vain `before`: not at all where nobody
/// has heard the question, a few times in a row, and otherwise from a minute up to an hour. Its DAG does not run meanwhile.
pub fn pause_before_asking(unheard: bool, before: u32) -> Duration {
    if unheard && before < MAX_LOSSES {
        Duration::ZERO
    } else {
        Duration::from_mins(1 << before.min(6)).min(Duration::from_hours(1))
    }
}

impl Schedule {
    /// Checks a module's claim.
    pub fn parse(spec: &ScheduleSpec) -> Result<Self, ScheduleError> {
        Ok(match spec {
            ScheduleSpec::Cron { expression, .. } if expression == "@once" => Self::Once,
            ScheduleSpec::Cron { expression, .. } if expression == "@continuous" => Self::Continuous,
            ScheduleSpec::Cron { expression, timezone, interval, run_immediately } => {
                let rhythm = Rhythm::cron(expression, zone(timezone)?)?;
                Self::Trigger(Trigger::new(vec![rhythm], *interval, *run_immediately)?)
            }
            ScheduleSpec::MultipleCron { expressions, timezone, interval, run_immediately } => {
                let zone = zone(timezone)?;
                let rhythms = expressions.iter().map(|expression| Rhythm::cron(expression, zone));
                Self::Trigger(Trigger::new(rhythms.collect::<Result<_, _>>()?, *interval, *run_immediately)?)
            }
            ScheduleSpec::Interval { every_ms } => {
                let rhythm = Rhythm::delta(Delta::Ms(*every_ms))?;
                Self::Trigger(Trigger::new(vec![rhythm], None, RunImmediately::default())?)
            }
            ScheduleSpec::Delta { every, interval } => {
                Self::Trigger(Trigger::new(vec![Rhythm::delta(*every)?], *interval, RunImmediately::default())?)
            }
            ScheduleSpec::CronDataInterval { expression, timezone } => {
                Self::Intervals(Intervals::new(Rhythm::cron(expression, zone(timezone)?)?))
            }
            ScheduleSpec::DeltaDataInterval { every } => Self::Intervals(Intervals::new(Rhythm::delta(*every)?)),
            ScheduleSpec::Once => Self::Once,
            ScheduleSpec::Continuous => Self::Continuous,
            ScheduleSpec::Events { at, restrict_to_events, description: _ } => {
                Self::Events(Events::new(at.clone(), *restrict_to_events))
            }
            ScheduleSpec::Never => Self::Never,
            ScheduleSpec::Assets { expression, partitions: _ } => Self::Assets(checked(expression)?),
            ScheduleSpec::AssetOrTime { assets, timetable } => Self::asset_or_time(assets, timetable)?,
            ScheduleSpec::Custom { timetable, params } => {
                Self::Custom { timetable: timetable.clone(), params: params.clone() }
            }
        })
    }

    fn asset_or_time(assets: &AssetExpression, timetable: &ScheduleSpec) -> Result<Self, ScheduleError> {
        match Self::parse(timetable)? {
            Self::Assets(_) | Self::AssetOrTime(..) => Err(ScheduleError::NestedAssets),
            time @ (Self::Trigger(_)
            | Self::Intervals(_)
            | Self::Once
            | Self::Continuous
            | Self::Events(_)
            | Self::Never
            | Self::Custom { .. }) => Ok(Self::AssetOrTime(checked(assets)?, Box::new(time))),
        }
    }

    /// The run that follows the one with data interval `last`; `None` if there is none before `latest`. It never knows one
    /// of a custom timetable: see [`Schedule::by_time`].
    pub fn next(&self, last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<NextRun> {
        match self {
            Self::Trigger(trigger) => trigger.next(last, limits, now),
            Self::Intervals(intervals) => intervals.next(last, limits, now),
            Self::Once => once(last, limits, now),
            Self::Continuous => continuous(last, limits, now),
            Self::Events(events) => events.next(last, limits, now),
            Self::AssetOrTime(_, time) => time.next(last, limits, now),
            Self::Never | Self::Assets(_) | Self::Custom { .. } => None,
        }
    }

    /// The side of it that goes by time: the schedule itself, or what stands beside the assets. If that is
    /// [`Schedule::Custom`], the module is to be asked for the next run.
    pub fn by_time(&self) -> &Self {
        match self {
            Self::AssetOrTime(_, time) => time,
            Self::Trigger(_)
            | Self::Intervals(_)
            | Self::Once
            | Self::Continuous
            | Self::Events(_)
            | Self::Never
            | Self::Assets(_)
            | Self::Custom { .. } => self,
        }
    }

    /// The assets that it waits for, if any.
    pub fn assets(&self) -> Option<&AssetExpression> {
        match self {
            Self::Assets(assets) | Self::AssetOrTime(assets, _) => Some(assets),
            Self::Trigger(_)
            | Self::Intervals(_)
            | Self::Once
            | Self::Continuous
            | Self::Events(_)
            | Self::Never
            | Self::Custom { .. } => None,
        }
    }

    /// The next runs by time, at most `count`, as they come if each is made when it is due. There is but one of a continuous
    /// schedule, since nobody knows when its run will end.
    pub fn preview(&self, last: Option<DataInterval>, limits: Restriction, now: Millis, count: usize) -> Vec<NextRun> {
        let mut runs: Vec<NextRun> = Vec::new();
        let (mut last, mut now) = (last, now);
        while runs.len() < count {
            let Some(run) = self.next(last, limits, now) else { break };
            if runs.last().is_some_and(|before| run.run_after <= before.run_after) {
                break;
            }
            runs.push(run);
            last = Some(run.interval);
            now = now.max(run.run_after);
        }
        runs
    }

    /// What a run stands for that somebody asks for at `run_after`. A custom timetable is to be asked instead.
    pub fn manual_interval(&self, run_after: Millis) -> DataInterval {
        let found = match self {
            Self::Trigger(trigger) => trigger.manual_interval(run_after),
            Self::Intervals(intervals) => intervals.manual_interval(run_after),
            Self::Events(events) => Some(events.manual_interval(run_after)),
            Self::AssetOrTime(_, time) => Some(time.manual_interval(run_after)),
            Self::Once | Self::Continuous | Self::Never | Self::Assets(_) | Self::Custom { .. } => None,
        };
        found.unwrap_or(DataInterval::exact(run_after))
    }

    /// Whether its runs come again and again by time, so that a range of them can be backfilled.
    pub fn is_periodic(&self) -> bool {
        match self.by_time() {
            Self::Trigger(_) | Self::Intervals(_) | Self::Events(_) | Self::AssetOrTime(..) | Self::Custom { .. } => {
                true
            }
            Self::Once | Self::Continuous | Self::Never | Self::Assets(_) => false,
        }
    }

    /// How many of its runs may be active at once, if the schedule itself says so.
    pub fn active_runs_limit(&self) -> Option<u32> {
        if *self.by_time() == Self::Continuous { Some(1) } else { None }
    }
}

fn zone(name: &str) -> Result<Tz, ScheduleError> {
    name.parse().map_err(|_| ScheduleError::Timezone(name.to_owned()))
}

fn checked(assets: &AssetExpression) -> Result<AssetExpression, ScheduleError> {
    if assets.has_empty_part() { Err(ScheduleError::EmptyAssets) } else { Ok(assets.clone()) }
}

fn once(last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<NextRun> {
    let at = limits.earliest.unwrap_or(now);
    if last.is_some() || limits.is_over(at) { None } else { Some(NextRun::over(DataInterval::exact(at))) }
}

/// From the end of the last run's data up to now. If that end is still to come, the start date is, too.
fn continuous(last: Option<DataInterval>, limits: Restriction, now: Millis) -> Option<NextRun> {
    let begin = limits.earliest.unwrap_or(now);
    let interval = match last {
        Some(last) if last.end > now => DataInterval { start: begin, end: begin.after(last.end.since(last.start)) },
        Some(last) => DataInterval { start: last.end, end: now },
        None => DataInterval { start: begin, end: begin.max(now) },
    };
    if limits.is_over(interval.end) { None } else { Some(NextRun::over(interval)) }
}
