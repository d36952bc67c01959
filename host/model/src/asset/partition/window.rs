//! Windows: which finer keys make up one coarser key.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, Months, NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};

use super::PartitionError;

/// A span of the calendar as the steps that it consists of, or a fixed set of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Sixty minutes.
    Hour(Direction),
    /// Twenty-four hours.
    Day(Direction),
    /// Seven days.
    Week(Direction),
    /// The days of a month. Backward: those after the first day of the month before, up to the begin of this one.
    Month(Direction),
    /// Three months.
    Quarter(Direction),
    /// Twelve months.
    Year(Direction),
    /// These keys, whatever the coarser key is.
    Segment(BTreeSet<String>),
}

/// Which way a window goes from its begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It begins there.
    #[default]
    Forward,
    /// Its last step begins there.
    Backward,
}

/// What a window consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Members {
    /// Begins on the wall clock, in order.
    Instants(Vec<NaiveDateTime>),
    /// Keys.
    Keys(BTreeSet<String>),
}

/// How far one step of a window is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Minute,
    Hour,
    Day,
    Month,
}

impl Step {
    /// `count` steps on from `from`, or back if it is below zero.
    fn go(self, from: NaiveDateTime, count: i32) -> Option<NaiveDateTime> {
        let steps = count.unsigned_abs();
        match self {
            Self::Minute => from.checked_add_signed(TimeDelta::minutes(count.into())),
            Self::Hour => from.checked_add_signed(TimeDelta::hours(count.into())),
            Self::Day if count < 0 => from.checked_sub_days(Days::new(steps.into())),
            Self::Day => from.checked_add_days(Days::new(steps.into())),
            Self::Month if count < 0 => from.checked_sub_months(Months::new(steps)),
            Self::Month => from.checked_add_months(Months::new(steps)),
        }
    }
}

impl Window {
    /// Its name in messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Hour(_) => "hour",
            Self::Day(_) => "day",
            Self::Week(_) => "week",
            Self::Month(_) => "month",
            Self::Quarter(_) => "quarter",
            Self::Year(_) => "year",
            Self::Segment(_) => "segment",
        }
    }

    /// Whether it is one of the calendar, and so needs a begin.
    pub(super) fn is_calendar(&self) -> bool {
        match self {
            Self::Hour(_) | Self::Day(_) | Self::Week(_) | Self::Month(_) | Self::Quarter(_) | Self::Year(_) => true,
            Self::Segment(_) => false,
        }
    }

    /// Its members, if it begins at `begin`. A fixed set of keys needs none.
    pub(super) fn members(&self, begin: Option<NaiveDateTime>) -> Result<Members, PartitionError> {
        let begin = || {
            begin.ok_or_else(|| {
                PartitionError::Definition(format!("a {} window needs a mapper to the start of a period", self.name()))
            })
        };
        let instants = match self {
            Self::Segment(keys) => return Ok(Members::Keys(keys.clone())),
            Self::Hour(direction) => steps(begin()?, 60, Step::Minute, *direction),
            Self::Day(direction) => steps(begin()?, 24, Step::Hour, *direction),
            Self::Week(direction) => steps(begin()?, 7, Step::Day, *direction),
            Self::Month(direction) => days_of_month(self.first_day(begin()?)?, *direction),
            Self::Quarter(direction) => steps(self.first_day(begin()?)?, 3, Step::Month, *direction),
            Self::Year(direction) => steps(self.first_day(begin()?)?, 12, Step::Month, *direction),
        };
        let beyond = || PartitionError::Definition("the window leaves the calendar".to_owned());
        instants.map(Members::Instants).ok_or_else(beyond)
    }

    fn first_day(&self, begin: NaiveDateTime) -> Result<NaiveDateTime, PartitionError> {
        if begin.day() == 1 {
            return Ok(begin);
        }
        Err(PartitionError::FirstDay { window: self.name(), day: begin.date().to_string() })
    }

    pub(super) fn check(&self) -> Result<(), PartitionError> {
        let empty = match self {
            Self::Segment(keys) => keys.is_empty() || keys.iter().any(String::is_empty),
            Self::Hour(_) | Self::Day(_) | Self::Week(_) | Self::Month(_) | Self::Quarter(_) | Self::Year(_) => false,
        };
        if empty {
            return Err(PartitionError::Definition("a segment window needs keys, none of them empty".to_owned()));
        }
        Ok(())
    }
}

fn steps(begin: NaiveDateTime, count: i32, step: Step, direction: Direction) -> Option<Vec<NaiveDateTime>> {
    let base = match direction {
        Direction::Forward => begin,
        Direction::Backward => step.go(begin, 1 - count)?,
    };
    (0..count).map(|n| step.go(base, n)).collect()
}

fn days_of_month(begin: NaiveDateTime, direction: Direction) -> Option<Vec<NaiveDateTime>> {
    let (first, end, shift) = match direction {
        Direction::Forward => (begin, Step::Month.go(begin, 1)?, 0),
        Direction::Backward => (Step::Month.go(begin, -1)?, begin, 1),
    };
    let days = i32::try_from((end - first).num_days()).ok()?;
    (0..days).map(|n| Step::Day.go(first, n + shift)).collect()
}
