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
//!
//! #[dag(schedule = schedule::calendar().months(1).day(31), start_date = "2026-01-31")]
//! fn at_the_end_of_the_month() {
//!     report();
//! }
//! ```

use std::time::Duration;

use serde_json::{Value, json};

use crate::asset::{Alias, Asset, AssetExpression};
use crate::partition::{self, Mapper};
use crate::runtime::{self, Bound};
use crate::spec::{Object, words};
use crate::{Error, Result, Timestamp, dag};

mod calendar;

pub use calendar::{Calendar, Weekday, calendar};

/// When runs are made without anybody asking for them.
#[derive(Debug, Clone)]
#[must_use = "pass it to `#[dag(schedule = …)]`"]
pub struct Schedule(Result<Spec>);

/// A schedule, part by part.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    kind: Kind,
    said: Object,
    assets: Option<AssetExpression>,
    /// When it is due besides, if it is for assets or by time.
    time: Option<Box<Self>>,
}

words!(
    /// How a schedule tells when runs are due.
    enum Kind {
        Cron = "cron",
        MultipleCron = "multiple_cron",
        Interval = "interval",
        Delta = "delta",
        CronDataInterval = "cron_data_interval",
        DeltaDataInterval = "delta_data_interval",
        Once = "once",
        Continuous = "continuous",
        Events = "events",
        Assets = "assets",
        AssetOrTime = "asset_or_time",
        Custom = "custom",
    }
);

impl Kind {
    /// Whether it is kept by a clock of some time zone.
    fn is_cron(self) -> bool {
        matches!(self, Self::Cron | Self::MultipleCron | Self::CronDataInterval)
    }

    /// Whether its runs stand for an instant, which a span can be put in front of.
    fn is_instant(self) -> bool {
        matches!(self, Self::Cron | Self::MultipleCron | Self::Delta)
    }
}

impl Spec {
    fn new(kind: Kind) -> Self {
        Self { kind, said: Object::default(), assets: None, time: None }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.said.set(key, value);
        self
    }

    /// As the host reads it.
    fn json(self) -> Value {
        let Self { kind, mut said, assets, time } = self;
        if let Some(assets) = assets {
            said.set(if time.is_some() { "assets" } else { "expression" }, assets.json());
        }
        if let Some(time) = time {
            said.set("timetable", time.json());
        }
        match kind {
            Kind::Once | Kind::Continuous => kind.into(),
            kind => {
                let mut whole = Object::default();
                whole.set(kind.word(), said);
                whole.into()
            }
        }
    }
}

/// Whenever one of these cron expressions fires. A single one can be given as it is: `schedule = "0 6 * * *"`.
pub fn cron<S: Into<String>>(expressions: impl IntoIterator<Item = S>) -> Schedule {
    let expressions: Vec<String> = expressions.into_iter().map(Into::into).collect();
    Schedule(Ok(Spec::new(Kind::MultipleCron).with("expressions", expressions).with("timezone", "UTC")))
}

/// At the end of each interval between two instants of a cron expression, or of each [`Duration`] or [`Calendar`] span
/// counted from the start date. The run stands for that interval.
pub fn data_interval(schedule: impl Into<Schedule>) -> Schedule {
    Schedule(schedule.into().0.and_then(|mut spec| {
        spec.kind = match spec.kind {
            Kind::Cron => Kind::CronDataInterval,
            Kind::Delta => Kind::DeltaDataInterval,
            Kind::Interval => {
                return Ok(Spec::new(Kind::DeltaDataInterval).with("every", delta(&spec.said.0["every_ms"])));
            }
            _ => return Err(Error::fail("`data_interval` takes a cron expression, a `Duration` or a `Calendar` span")),
        };
        Ok(spec)
    }))
}

/// So many milliseconds as a length of time.
fn delta(ms: &Value) -> Value {
    json!({ "ms": ms })
}

/// Once every `interval`, counted from the start date. The run stands for the instant.
pub fn every(interval: Duration) -> Schedule {
    Schedule(Ok(Spec::new(Kind::Interval).with("every_ms", dag::millis(interval))))
}

/// Once, as soon as may be.
pub fn once() -> Schedule {
    Schedule(Ok(Spec::new(Kind::Once)))
}

/// Again as soon as the last run has ended.
pub fn continuous() -> Schedule {
    Schedule(Ok(Spec::new(Kind::Continuous)))
}

/// At these instants.
pub fn events(instants: impl IntoIterator<Item = Timestamp>) -> Schedule {
    let instants: Vec<String> = instants.into_iter().map(|instant| instant.to_string()).collect();
    Schedule(Ok(Spec::new(Kind::Events).with("at", instants)))
}

/// Whenever a part of the assets has been updated: one run for each key. Without a mapper the key of the run is that of
/// the events; see [`partition`] for others.
pub fn partitioned(assets: impl Into<AssetExpression>, mapper: impl Into<Option<Mapper>>) -> Schedule {
    let Mapper(mapper) = mapper.into().unwrap_or_else(partition::identity);
    Schedule::from(assets.into()).change("", |_| true, |spec| spec.said.set("partitions", json!({ "mapper": mapper })))
}

/// Whenever the assets have been updated, and besides by time.
pub fn either(assets: impl Into<AssetExpression>, time: impl Into<Schedule>) -> Schedule {
    let assets = Some(assets.into());
    Schedule(time.into().0.map(|time| Spec { assets, time: Some(Box::new(time)), ..Spec::new(Kind::AssetOrTime) }))
}

impl Schedule {
    /// The IANA time zone on whose clock cron expressions are read; UTC unless given.
    pub fn timezone(self, name: impl Into<String>) -> Self {
        self.change("timezone", Kind::is_cron, |spec| spec.said.set("timezone", name.into()))
    }

    /// Makes each run stand for the span that ends when it is due, instead of for that instant.
    pub fn covering(self, span: Duration) -> Self {
        self.change("covering", Kind::is_instant, |spec| spec.said.set("interval", delta(&dag::millis(span).into())))
    }

    /// Lets a DAG without a start date begin with the instant before it appeared if that was at most so long ago.
    /// Otherwise it does if that was a moment ago: within a tenth of the time between two instants, or five minutes.
    pub fn run_immediately(self, within: Duration) -> Self {
        let is_plain_cron = |kind| matches!(kind, Kind::Cron | Kind::MultipleCron);
        let within = json!({ "within_ms": dag::millis(within) });
        self.change("run_immediately", is_plain_cron, |spec| spec.said.set("run_immediately", within))
    }

    /// Lets a run of [`events`] that is asked for stand for the event before it, instead of for the moment of asking.
    pub fn restrict_to_events(self) -> Self {
        let is_events = |kind| matches!(kind, Kind::Events);
        self.change("restrict_to_events", is_events, |spec| spec.said.set("restrict_to_events", true))
    }

    /// What the keys of one of the assets, by its name, mean in a [`partitioned`] schedule.
    pub fn mapper(self, asset: &str, Mapper(mapper): Mapper) -> Self {
        let is_assets = |kind| matches!(kind, Kind::Assets);
        self.change("mapper", is_assets, |spec| {
            spec.said.within("partitions", |partitions| partitions.within("by_asset", |all| all.set(asset, mapper)));
        })
    }

    /// Changes the part that tells the time, if it is of a kind that the option is for.
    fn change(self, option: &str, is_for: impl Fn(Kind) -> bool, change: impl FnOnce(&mut Spec)) -> Self {
        Self(self.0.and_then(|mut spec| {
            let part = if spec.time.is_some() { spec.time.as_deref_mut() } else { Some(&mut spec) };
            match part.filter(|part| is_for(part.kind)) {
                Some(part) => change(part),
                None => return Err(Error::fail(format_args!("a schedule of this kind has no `{option}`"))),
            }
            Ok(spec)
        }))
    }

    /// As the host reads it, and the assets that it names.
    pub(crate) fn json(self) -> Result<(Value, Option<AssetExpression>)> {
        self.0.map(|spec| {
            let assets = spec.assets.clone();
            (spec.json(), assets)
        })
    }

    #[doc(hidden)]
    pub fn bind(timetable: &'static runtime::Timetable, arguments: Vec<Result<Value>>) -> Self {
        Self(timetable.bind(arguments).map(|Bound { name, arguments }| {
            let mut spec = Spec::new(Kind::Custom).with("timetable", name);
            spec.said.set_unless_default("params", arguments);
            spec
        }))
    }
}

impl From<&str> for Schedule {
    fn from(expression: &str) -> Self {
        Self(Ok(Spec::new(Kind::Cron).with("expression", expression).with("timezone", "UTC")))
    }
}

impl From<Duration> for Schedule {
    fn from(interval: Duration) -> Self {
        every(interval)
    }
}

impl From<Calendar> for Schedule {
    fn from(calendar: Calendar) -> Self {
        Self(Ok(Spec::new(Kind::Delta).with("every", calendar.json())))
    }
}

impl From<AssetExpression> for Schedule {
    fn from(assets: AssetExpression) -> Self {
        Self(Ok(Spec { assets: Some(assets), ..Spec::new(Kind::Assets) }))
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
