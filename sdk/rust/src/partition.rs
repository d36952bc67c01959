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
//! #[dag(schedule = schedule::partitioned(asset("orders"), partition::start_of(Period::Day).rollup(Window::of(Period::Day))))]
//! fn days() {
//!     report_day();
//! }
//! ```

use serde_json::{Value, json};

use crate::spec::words;

/// What the key of an update means as the key of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to `schedule::partitioned`"]
pub struct Mapper(pub(crate) Value);

words!(
    /// A period of the calendar.
    pub enum Period {
        /// An hour.
        Hour = "hour",
        /// A day.
        Day = "day",
        /// A week from Monday on.
        Week = "week",
        /// A month.
        Month = "month",
        /// A quarter of a year.
        Quarter = "quarter",
        /// A year.
        Year = "year",
    }
);

/// The shorter periods, or the other keys, that make up one key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to `rollup` or `fan_out`"]
pub struct Window(Value);

fn texts<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

impl Window {
    /// The minutes of an hour, the hours of a day, the days of a week or a month, the months of a quarter or a year.
    pub fn of(period: Period) -> Self {
        Self(json!({ period.word(): "forward" }))
    }

    /// The same, but up to the begin of the period instead of from there on.
    pub fn until(period: Period) -> Self {
        Self(json!({ period.word(): "backward" }))
    }

    /// These keys, whatever the one key is.
    pub fn keys<S: Into<String>>(keys: impl IntoIterator<Item = S>) -> Self {
        Self(json!({ "segment": texts(keys) }))
    }
}

/// The key as it is.
pub fn identity() -> Mapper {
    Mapper("identity".into())
}

/// The begin of the period that the key, an instant, lies in.
pub fn start_of(period: Period) -> Mapper {
    Mapper(json!({ "start_of": { "period": period.word() } }))
}

/// The parts of the key between bars (`eu|2026-01-31`), each by a mapper of its own.
pub fn product(mappers: impl IntoIterator<Item = Mapper>) -> Mapper {
    Mapper(json!({ "product": { "mappers": all(mappers) } }))
}

/// The key as it is, if it is one of these. Other updates make no run.
pub fn allowed<S: Into<String>>(keys: impl IntoIterator<Item = S>) -> Mapper {
    Mapper(json!({ "allowed_key": texts(keys) }))
}

/// One mapper after the other.
pub fn chain(mappers: impl IntoIterator<Item = Mapper>) -> Mapper {
    Mapper(json!({ "chain": all(mappers) }))
}

/// This key, whatever the update's is.
pub fn fixed(key: impl Into<String>) -> Mapper {
    Mapper(json!({ "fixed_key": key.into() }))
}

fn all(mappers: impl IntoIterator<Item = Mapper>) -> Vec<Value> {
    mappers.into_iter().map(|Mapper(mapper)| mapper).collect()
}

impl Mapper {
    /// Makes one run of all keys of a window. It waits for them.
    pub fn rollup(self, Window(window): Window) -> Self {
        Self(json!({ "rollup": { "upstream": self.0, "window": window } }))
    }

    /// Makes one run of a window as soon as so many of its keys are there; below zero, when at most so many are missing.
    pub fn rollup_of(self, Window(window): Window, minimum: i64) -> Self {
        let wait = json!({ "minimum_count": minimum });
        Self(json!({ "rollup": { "upstream": self.0, "window": window, "wait": wait } }))
    }

    /// Makes one run for each key of a window.
    pub fn fan_out(self, Window(window): Window) -> Self {
        Self(json!({ "fan_out": { "upstream": self.0, "window": window } }))
    }

    /// The IANA time zone on whose clock the period of [`start_of`] begins; UTC unless given.
    pub fn timezone(self, name: impl Into<String>) -> Self {
        self.of_period("timezone", name.into())
    }

    /// How the keys that [`start_of`] reads are written, by the directives of `strftime`; `%Y-%m-%dT%H:%M:%S` unless given.
    pub fn input_format(self, format: impl Into<String>) -> Self {
        self.of_period("input_format", format.into())
    }

    /// How the keys that [`start_of`] makes are written.
    pub fn output_format(self, format: impl Into<String>) -> Self {
        self.of_period("output_format", format.into())
    }

    fn of_period(mut self, key: &str, value: String) -> Self {
        if let Some(start) = self.0.get_mut("start_of") {
            start[key] = value.into();
        }
        self
    }
}
