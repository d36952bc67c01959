//! When a DAG runs by itself: what `#[dag(schedule = …)]` takes.
//!
//! A text is a cron expression or a preset such as `@daily`; an [`asset`](crate::asset()), or several of them joined by
//! `&` and `|`, means whenever they were updated; a call of a function marked [`#[timetable]`](macro@crate::timetable) is a
//! schedule in code of your own. This module makes the others.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[task]
//! fn report(context: &Context) {}
//!
//! #[dag(schedule = schedule::cron(["0 6 * * 1-5", "0 9 * * 6"]).timezone("Europe/Amsterdam"))]
//! fn mornings() {
//!     report();
//! }
//!
//! #[dag(schedule = schedule::data_interval("@daily"), start_date = "2026-01-01", catchup = true)]
//! fn day_by_day() {
//!     report();
//! }
//!
//! #[dag(schedule = schedule::either(asset("orders"), "@weekly"))]
//! fn at_least_weekly() {
//!     report();
//! }
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::asset::{Alias, Asset, AssetExpression};
use crate::partition::{Mapper, Partitions};
use crate::runtime::{self, Bound};
use crate::{Error, Result, Timestamp, dag};

/// When runs are made without anybody asking for them.
#[derive(Debug, Clone)]
#[must_use = "pass it to `#[dag(schedule = …)]`"]
pub struct Schedule(pub(crate) Result<ScheduleSpec>);

/// A schedule as the host reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScheduleSpec {
    Cron {
        expression: String,
        timezone: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        interval: Option<Delta>,
    },
    MultipleCron {
        expressions: Vec<String>,
        timezone: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        interval: Option<Delta>,
    },
    Interval {
        every_ms: u64,
    },
    CronDataInterval {
        expression: String,
        timezone: String,
    },
    DeltaDataInterval {
        every: Delta,
    },
    Once,
    Continuous,
    Events {
        at: Vec<Timestamp>,
    },
    Assets {
        expression: AssetExpression,
        #[serde(skip_serializing_if = "Option::is_none")]
        partitions: Option<Partitions>,
    },
    AssetOrTime {
        assets: AssetExpression,
        timetable: Box<Self>,
    },
    Custom {
        timetable: &'static str,
        #[serde(skip_serializing_if = "Value::is_null")]
        params: Value,
    },
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delta {
    Ms(u64),
}

const UTC: &str = "UTC";

/// Whenever one of these cron expressions fires. A single one can be given as it is: `schedule = "0 6 * * *"`.
pub fn cron<S: Into<String>>(expressions: impl IntoIterator<Item = S>) -> Schedule {
    let expressions = expressions.into_iter().map(Into::into).collect();
    Schedule(Ok(ScheduleSpec::MultipleCron { expressions, timezone: UTC.to_owned(), interval: None }))
}

/// At the end of each interval between two instants of a cron expression, or of each [`Duration`] counted from the start
/// date. The run stands for that interval.
pub fn data_interval(schedule: impl Into<Schedule>) -> Schedule {
    Schedule(schedule.into().0.and_then(|spec| match spec {
        ScheduleSpec::Cron { expression, timezone, interval: None } => {
            Ok(ScheduleSpec::CronDataInterval { expression, timezone })
        }
        ScheduleSpec::Interval { every_ms } => Ok(ScheduleSpec::DeltaDataInterval { every: Delta::Ms(every_ms) }),
        _ => Err(Error::fail("`data_interval` takes a cron expression or a `Duration`")),
    }))
}

/// Once every `interval`, counted from the start date. The run stands for the instant.
pub fn every(interval: Duration) -> Schedule {
    Schedule(Ok(ScheduleSpec::Interval { every_ms: dag::millis(interval) }))
}

/// Once, as soon as may be.
pub fn once() -> Schedule {
    Schedule(Ok(ScheduleSpec::Once))
}

/// Again as soon as the last run has ended.
pub fn continuous() -> Schedule {
    Schedule(Ok(ScheduleSpec::Continuous))
}

/// At these instants.
pub fn events(instants: impl IntoIterator<Item = Timestamp>) -> Schedule {
    Schedule(Ok(ScheduleSpec::Events { at: instants.into_iter().collect() }))
}

/// Whenever a part of the assets has been updated: one run for each key. Without a mapper the key of the run is that of
/// the events; see [`partition`](crate::partition) for others.
pub fn partitioned(assets: impl Into<AssetExpression>, mapper: impl Into<Option<Mapper>>) -> Schedule {
    let partitions =
        Partitions { mapper: mapper.into().unwrap_or_else(crate::partition::identity), by_asset: BTreeMap::new() };
    Schedule(Ok(ScheduleSpec::Assets { expression: assets.into(), partitions: Some(partitions) }))
}

/// Whenever the assets have been updated, and besides by time.
pub fn either(assets: impl Into<AssetExpression>, time: impl Into<Schedule>) -> Schedule {
    let assets = assets.into();
    Schedule(time.into().0.map(|timetable| ScheduleSpec::AssetOrTime { assets, timetable: Box::new(timetable) }))
}

impl Schedule {
    /// The IANA time zone on whose clock cron expressions are read; UTC unless given.
    pub fn timezone(self, name: impl Into<String>) -> Self {
        self.change(|spec| spec.zone().map(|timezone| *timezone = name.into()))
    }

    /// Makes each run stand for the span that ends when it is due, instead of for that instant.
    pub fn covering(self, span: Duration) -> Self {
        self.change(|spec| spec.interval().map(|interval| *interval = Some(Delta::Ms(dag::millis(span)))))
    }

    /// What the keys of one of the assets, by its name, mean in a [`partitioned`] schedule.
    pub fn mapper(self, asset: impl Into<String>, mapper: Mapper) -> Self {
        Self(self.0.and_then(|mut spec| match &mut spec {
            ScheduleSpec::Assets { partitions: Some(partitions), .. } => {
                partitions.by_asset.insert(asset.into(), mapper);
                Ok(spec)
            }
            _ => Err(Error::fail("`mapper` is for a schedule made by `schedule::partitioned`")),
        }))
    }

    fn change(self, change: impl FnOnce(&mut ScheduleSpec) -> Option<()>) -> Self {
        Self(self.0.and_then(|mut spec| match change(&mut spec) {
            Some(()) => Ok(spec),
            None => Err(Error::fail("`timezone` and `covering` are for cron expressions; this schedule has none")),
        }))
    }

    #[doc(hidden)]
    pub fn bind(timetable: &'static runtime::Timetable, arguments: Vec<Result<Value>>) -> Self {
        Self(
            timetable
                .bind(arguments)
                .map(|Bound { name, arguments }| ScheduleSpec::Custom { timetable: name, params: arguments }),
        )
    }
}

impl ScheduleSpec {
    /// The assets whose updates make runs.
    pub(crate) fn assets(&self) -> Option<&AssetExpression> {
        match self {
            Self::Assets { expression: assets, .. } | Self::AssetOrTime { assets, .. } => Some(assets),
            Self::Cron { .. }
            | Self::MultipleCron { .. }
            | Self::Interval { .. }
            | Self::CronDataInterval { .. }
            | Self::DeltaDataInterval { .. }
            | Self::Once
            | Self::Continuous
            | Self::Events { .. }
            | Self::Custom { .. } => None,
        }
    }

    fn zone(&mut self) -> Option<&mut String> {
        match self {
            Self::Cron { timezone, .. }
            | Self::MultipleCron { timezone, .. }
            | Self::CronDataInterval { timezone, .. } => Some(timezone),
            Self::AssetOrTime { timetable, .. } => timetable.zone(),
            Self::Interval { .. }
            | Self::DeltaDataInterval { .. }
            | Self::Once
            | Self::Continuous
            | Self::Events { .. }
            | Self::Assets { .. }
            | Self::Custom { .. } => None,
        }
    }

    fn interval(&mut self) -> Option<&mut Option<Delta>> {
        match self {
            Self::Cron { interval, .. } | Self::MultipleCron { interval, .. } => Some(interval),
            Self::AssetOrTime { timetable, .. } => timetable.interval(),
            Self::CronDataInterval { .. }
            | Self::Interval { .. }
            | Self::DeltaDataInterval { .. }
            | Self::Once
            | Self::Continuous
            | Self::Events { .. }
            | Self::Assets { .. }
            | Self::Custom { .. } => None,
        }
    }
}

impl From<&str> for Schedule {
    fn from(expression: &str) -> Self {
        let (expression, timezone) = (expression.to_owned(), UTC.to_owned());
        Self(Ok(ScheduleSpec::Cron { expression, timezone, interval: None }))
    }
}

impl From<Duration> for Schedule {
    fn from(interval: Duration) -> Self {
        every(interval)
    }
}

impl From<AssetExpression> for Schedule {
    fn from(expression: AssetExpression) -> Self {
        Self(Ok(ScheduleSpec::Assets { expression, partitions: None }))
    }
}

impl From<Asset> for Schedule {
    fn from(asset: Asset) -> Self {
        AssetExpression::from(asset).into()
    }
}

impl From<Alias> for Schedule {
    fn from(alias: Alias) -> Self {
        AssetExpression::from(alias).into()
    }
}
