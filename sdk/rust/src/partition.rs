//! Assets in parts: what the key of an update means as the key of a run.
//!
//! A DAG whose schedule is [`schedule::partitioned`](crate::schedule::partitioned) has one run for each key, and finds it
//! in [`Context::partition_key`](crate::Context::partition_key). A mapper says which key; one that makes a longer period
//! of shorter ones waits until all of them are there.
//!
//! ```
//! use flow_sdk::partition::{Period, Window};
//! use flow_sdk::prelude::*;
//!
//! #[task]
//! fn load_hour(context: &Context) -> Result {
//!     Ok(assets::event("orders").partition("2026-01-31T08:00:00").emit()?)
//! }
//!
//! #[task]
//! fn report_day(context: &Context) -> Option<String> {
//!     context.partition_key.clone()
//! }
//!
//! #[dag(schedule = "@hourly")]
//! fn hours() {
//!     load_hour().outlet("orders");
//! }
//!
//! #[dag(schedule = schedule::partitioned(asset("orders"), partition::start_of(Period::Day).rollup(Window::day())))]
//! fn days() {
//!     report_day();
//! }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// What the key of an update means as the key of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
#[must_use = "pass it to `schedule::partitioned`"]
pub struct Mapper(Kind);

/// A mapper as the host reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Identity,
    StartOf(StartOf),
    Product {
        mappers: Vec<Mapper>,
    },
    AllowedKey(BTreeSet<String>),
    Chain(Vec<Mapper>),
    FixedKey(String),
    Rollup {
        upstream: Box<Mapper>,
        window: Window,
        #[serde(skip_serializing_if = "Option::is_none")]
        wait: Option<Wait>,
    },
    FanOut {
        upstream: Box<Mapper>,
        window: Window,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct StartOf {
    period: Period,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Wait {
    MinimumCount(i64),
}

/// The mappers of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Partitions {
    pub(crate) mapper: Mapper,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) by_asset: BTreeMap<String, Mapper>,
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week from Monday on.
    Week,
    /// A month.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
}

/// The shorter periods, or the other keys, that make up one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    #[doc(hidden)]
    Hour(Direction),
    #[doc(hidden)]
    Day(Direction),
    #[doc(hidden)]
    Week(Direction),
    #[doc(hidden)]
    Month(Direction),
    #[doc(hidden)]
    Quarter(Direction),
    #[doc(hidden)]
    Year(Direction),
    /// These keys, whatever the one key is.
    Segment(BTreeSet<String>),
}

#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Forward,
    Backward,
}

impl Window {
    /// The sixty minutes of an hour.
    pub fn hour() -> Self {
        Self::Hour(Direction::Forward)
    }

    /// The twenty-four hours of a day.
    pub fn day() -> Self {
        Self::Day(Direction::Forward)
    }

    /// The seven days of a week.
    pub fn week() -> Self {
        Self::Week(Direction::Forward)
    }

    /// The days of a month.
    pub fn month() -> Self {
        Self::Month(Direction::Forward)
    }

    /// The three months of a quarter.
    pub fn quarter() -> Self {
        Self::Quarter(Direction::Forward)
    }

    /// The twelve months of a year.
    pub fn year() -> Self {
        Self::Year(Direction::Forward)
    }

    /// These keys, whatever the one key is.
    pub fn of<S: Into<String>>(keys: impl IntoIterator<Item = S>) -> Self {
        Self::Segment(keys.into_iter().map(Into::into).collect())
    }

    /// The same window, ending at its key instead of beginning there.
    #[must_use]
    pub fn backward(self) -> Self {
        match self {
            Self::Hour(_) => Self::Hour(Direction::Backward),
            Self::Day(_) => Self::Day(Direction::Backward),
            Self::Week(_) => Self::Week(Direction::Backward),
            Self::Month(_) => Self::Month(Direction::Backward),
            Self::Quarter(_) => Self::Quarter(Direction::Backward),
            Self::Year(_) => Self::Year(Direction::Backward),
            Self::Segment(keys) => Self::Segment(keys),
        }
    }
}

/// The key as it is.
pub fn identity() -> Mapper {
    Mapper(Kind::Identity)
}

/// The begin of the period that the key, an instant, lies in.
pub fn start_of(period: Period) -> Mapper {
    Mapper(Kind::StartOf(StartOf { period, timezone: None, input_format: None, output_format: None }))
}

/// The parts of the key between bars (`eu|2026-01-31`), each by a mapper of its own.
pub fn product(mappers: impl IntoIterator<Item = Mapper>) -> Mapper {
    Mapper(Kind::Product { mappers: mappers.into_iter().collect() })
}

/// The key as it is, if it is one of these. Other updates make no run.
pub fn allowed<S: Into<String>>(keys: impl IntoIterator<Item = S>) -> Mapper {
    Mapper(Kind::AllowedKey(keys.into_iter().map(Into::into).collect()))
}

/// One mapper after the other.
pub fn chain(mappers: impl IntoIterator<Item = Mapper>) -> Mapper {
    Mapper(Kind::Chain(mappers.into_iter().collect()))
}

/// This key, whatever the update's is.
pub fn fixed(key: impl Into<String>) -> Mapper {
    Mapper(Kind::FixedKey(key.into()))
}

impl Mapper {
    /// Makes one run of all keys of a window. It waits for them.
    pub fn rollup(self, window: Window) -> Self {
        Self(Kind::Rollup { upstream: Box::new(self), window, wait: None })
    }

    /// Lets a [`rollup`](Self::rollup) begin when so many keys are there; below zero, when at most so many are missing.
    pub fn minimum(self, count: i64) -> Self {
        match self.0 {
            Kind::Rollup { upstream, window, wait: _ } => {
                Self(Kind::Rollup { upstream, window, wait: Some(Wait::MinimumCount(count)) })
            }
            other => Self(other),
        }
    }

    /// Makes one run for each key of a window.
    pub fn fan_out(self, window: Window) -> Self {
        Self(Kind::FanOut { upstream: Box::new(self), window })
    }

    /// The IANA time zone on whose clock the period of [`start_of`] begins; UTC unless given.
    pub fn timezone(self, name: impl Into<String>) -> Self {
        self.of_period(|start| start.timezone = Some(name.into()))
    }

    /// How the keys that [`start_of`] reads are written, by the directives of `strftime`; `%Y-%m-%dT%H:%M:%S` unless given.
    pub fn input_format(self, format: impl Into<String>) -> Self {
        self.of_period(|start| start.input_format = Some(format.into()))
    }

    /// How the keys that [`start_of`] makes are written.
    pub fn output_format(self, format: impl Into<String>) -> Self {
        self.of_period(|start| start.output_format = Some(format.into()))
    }

    fn of_period(mut self, change: impl FnOnce(&mut StartOf)) -> Self {
        if let Kind::StartOf(start) = &mut self.0 {
            change(start);
        }
        self
    }
}
