//! Mappers: what the key of an event means as the key of a run.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono::{Offset as _, TimeZone as _, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::format::{Field, Format, Reading};
use super::wait::{Wait, Waiting};
use super::window::{Members, Window};
use super::{MAX_KEYS, PartitionError, Received};
use crate::ids::PartitionKey;

/// Airflow's partition mappers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PartitionMapper {
    /// The key as it is.
    #[default]
    Identity,
    /// The begin of the period that the key lies in.
    StartOf(StartOf),
    /// The parts of the key, each by a mapper of its own.
    Product {
        /// One mapper for each part.
        mappers: Vec<Self>,
        /// What stands between the parts.
        #[serde(default = "bar")]
        delimiter: String,
    },
    /// The key as it is, if it is one of these.
    AllowedKey(BTreeSet<String>),
    /// One mapper after the other.
    Chain(Vec<Self>),
    /// This key, whatever the event's is.
    FixedKey(String),
    /// One key for all keys of a window; its run waits for them.
    Rollup {
        /// Which window a key belongs to.
        upstream: Box<Self>,
        /// What the window consists of.
        window: Window,
        /// How much of it must have arrived.
        #[serde(default, skip_serializing_if = "Wait::is_default")]
        wait: Wait,
    },
    /// Every key of a window for one key.
    FanOut {
        /// Which window the key stands for.
        upstream: Box<Self>,
        /// What the window consists of.
        window: Window,
        /// How its members are written; without it by the window's kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        downstream: Option<Box<Self>>,
    },
}

/// The begin of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartOf {
    /// Which period.
    pub period: Period,
    /// An IANA time zone, on whose clock the period begins.
    #[serde(default = "utc")]
    pub timezone: String,
    /// How the events' keys are written.
    #[serde(default = "to_the_second")]
    pub input_format: Format,
    /// How the runs' keys are written; without it by the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_format: Option<Format>,
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

impl PartitionMapper {
    /// The keys of the runs that an event with this key belongs to.
    pub fn map(&self, key: &PartitionKey) -> Result<Vec<PartitionKey>, PartitionError> {
        let keys = self.down(key.as_str())?;
        if keys.len() > MAX_KEYS {
            return Err(PartitionError::TooMany { key: key.to_string(), keys: keys.len() });
        }
        keys.iter().map(|key| key.parse().map_err(|error| PartitionError::NoKey(format!("{error}")))).collect()
    }

    /// Whether the events received for the run of `key` are enough.
    pub fn waiting(&self, key: &PartitionKey, received: &Received) -> Result<Waiting, PartitionError> {
        match self {
            Self::Rollup { upstream, window, wait } => {
                let expected = upstream.expected(key, window)?;
                Ok(wait.judge(received.intersection(&expected).count(), expected.len()))
            }
            Self::Identity
            | Self::StartOf(_)
            | Self::Product { .. }
            | Self::AllowedKey(_)
            | Self::Chain(_)
            | Self::FixedKey(_)
            | Self::FanOut { .. } => Ok(if received.is_empty() { Waiting::More } else { Waiting::Over }),
        }
    }

    /// Refuses a mapper that could never do what it says.
    pub fn check(&self) -> Result<(), PartitionError> {
        match self {
            Self::StartOf(start) => start.zone().map(drop),
            Self::Product { mappers, delimiter } if mappers.len() < 2 || delimiter.is_empty() => {
                Err(definition("a product needs two mappers or more, and a delimiter"))
            }
            Self::Chain(mappers) if mappers.len() < 2 => Err(definition("a chain needs two mappers or more")),
            Self::Product { mappers, .. } | Self::Chain(mappers) => mappers.iter().try_for_each(Self::check),
            Self::AllowedKey(keys) if keys.is_empty() => Err(definition("no key is allowed; name at least one")),
            Self::Identity | Self::AllowedKey(_) => Ok(()),
            Self::FixedKey(key) => {
                key.parse::<PartitionKey>().map(drop).map_err(|error| definition(&error.to_string()))
            }
            Self::Rollup { upstream, window, wait } => {
                wait.check()?;
                upstream.check_window(window)
            }
            Self::FanOut { upstream, window, downstream } => {
                upstream.check_window(window)?;
                match downstream {
                    Some(downstream) => downstream.check(),
                    None => default_downstream(window).map(drop),
                }
            }
        }
    }

    /// Whether the mapper and a window go together: the window's begin can be read from the mapper's keys.
    fn check_window(&self, window: &Window) -> Result<(), PartitionError> {
        self.check()?;
        window.check()?;
        match (self, window.is_calendar()) {
            (Self::StartOf(start), true) => start.check_readable(),
            (Self::StartOf(_), false) => {
                Err(definition("a segment window and the start of a period do not go together"))
            }
            (_, true) => {
                Err(definition(&format!("a {} window needs a mapper to the start of a period", window.name())))
            }
            (_, false) => Ok(()),
        }
    }

    fn down(&self, key: &str) -> Result<Vec<String>, PartitionError> {
        match self {
            Self::Identity => Ok(vec![key.to_owned()]),
            Self::StartOf(start) => Ok(vec![start.down(key)?]),
            Self::Product { mappers, delimiter } => product(mappers, delimiter, key),
            Self::AllowedKey(keys) if keys.contains(key) => Ok(vec![key.to_owned()]),
            Self::AllowedKey(_) => Err(PartitionError::NotAllowed(key.to_owned())),
            Self::Chain(mappers) => chain(mappers, key),
            Self::FixedKey(fixed) => Ok(vec![fixed.clone()]),
            Self::Rollup { upstream, .. } => upstream.down(key),
            Self::FanOut { upstream, window, downstream } => {
                let coarse = one(upstream.down(key)?, "a fan-out's mapper")?;
                let members = window.members(upstream.begin(&coarse)?)?;
                match downstream {
                    Some(downstream) => Ok(downstream.written(members)),
                    None => Ok(default_downstream(window)?.written(members)),
                }
            }
        }
    }

    /// The keys that events of a window come with, whose run has this key.
    pub(super) fn expected(&self, key: &PartitionKey, window: &Window) -> Result<BTreeSet<String>, PartitionError> {
        Ok(match (window.members(self.begin(key.as_str())?)?, self) {
            (Members::Instants(begins), Self::StartOf(start)) => {
                begins.into_iter().map(|begin| start.up(begin)).collect()
            }
            (Members::Instants(begins), _) => begins.into_iter().map(iso).collect(),
            (Members::Keys(keys), _) => keys,
        })
    }

    /// The begin that one of its own keys stands for; none for a mapper that knows nothing of time.
    fn begin(&self, key: &str) -> Result<Option<NaiveDateTime>, PartitionError> {
        match self {
            Self::StartOf(start) => start.begin(key).map(Some),
            Self::Identity
            | Self::Product { .. }
            | Self::AllowedKey(_)
            | Self::Chain(_)
            | Self::FixedKey(_)
            | Self::Rollup { .. }
            | Self::FanOut { .. } => Ok(None),
        }
    }

    /// The members of a window as keys.
    fn written(&self, members: Members) -> Vec<String> {
        match members {
            Members::Keys(keys) => keys.into_iter().collect(),
            Members::Instants(begins) => begins.into_iter().map(|begin| self.write(begin)).collect(),
        }
    }

    fn write(&self, begin: NaiveDateTime) -> String {
        match self {
            Self::StartOf(start) => start.write(begin),
            Self::Identity
            | Self::Product { .. }
            | Self::AllowedKey(_)
            | Self::Chain(_)
            | Self::FixedKey(_)
            | Self::Rollup { .. }
            | Self::FanOut { .. } => iso(begin),
        }
    }
}

fn product(mappers: &[PartitionMapper], delimiter: &str, key: &str) -> Result<Vec<String>, PartitionError> {
    let parts: Vec<&str> = key.split(delimiter).collect();
    if parts.len() != mappers.len() {
        return Err(PartitionError::Parts { key: key.to_owned(), found: parts.len(), expected: mappers.len() });
    }
    let mapped = mappers.iter().zip(parts).map(|(mapper, part)| one(mapper.down(part)?, "a mapper"));
    Ok(vec![mapped.collect::<Result<Vec<_>, _>>()?.join(delimiter)])
}

fn chain(mappers: &[PartitionMapper], key: &str) -> Result<Vec<String>, PartitionError> {
    let mut keys = vec![key.to_owned()];
    for mapper in mappers {
        let mut next = Vec::new();
        for key in &keys {
            next.extend(mapper.down(key)?);
            if next.len() > MAX_KEYS {
                return Err(PartitionError::TooMany { key: key.clone(), keys: next.len() });
            }
        }
        keys = next;
    }
    Ok(keys)
}

fn one(keys: Vec<String>, what: &'static str) -> Result<String, PartitionError> {
    let mut keys = keys.into_iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (_, _) => Err(PartitionError::Several(what)),
    }
}

/// How the members of a window are written where nobody says it.
fn default_downstream(window: &Window) -> Result<PartitionMapper, PartitionError> {
    let period = match window {
        Window::Day(_) => Period::Hour,
        Window::Week(_) | Window::Month(_) => Period::Day,
        Window::Quarter(_) | Window::Year(_) => Period::Month,
        // Its members are keys already.
        Window::Segment(_) => return Ok(PartitionMapper::Identity),
        Window::Hour(_) => {
            return Err(definition("a fan-out over an hour window needs a downstream mapper; no period is a minute"));
        }
    };
    Ok(PartitionMapper::StartOf(StartOf {
        period,
        timezone: utc(),
        input_format: to_the_second(),
        output_format: None,
    }))
}

impl StartOf {
    fn down(&self, key: &str) -> Result<String, PartitionError> {
        let Reading { local, offset } = read(&self.input_format, key)?;
        let zone = self.zone()?;
        let local = match offset {
            Some(offset) => on_the_clock(local, offset, zone),
            None => Ok(resolve(local, zone).naive_local()),
        };
        let local = local.map_err(|()| unreadable(key, &self.input_format))?;
        self.period.begin(local).map(|begin| self.write(begin)).ok_or_else(|| unreadable(key, &self.input_format))
    }

    /// The begin of the period that one of the runs' keys stands for.
    fn begin(&self, key: &str) -> Result<NaiveDateTime, PartitionError> {
        let format = self.output();
        let Reading { local, offset } = read(&format, key)?;
        match offset {
            Some(offset) => on_the_clock(local, offset, self.zone()?).map_err(|()| unreadable(key, &format)),
            None => Ok(local),
        }
    }

    /// The key that an event of the period beginning then comes with.
    fn up(&self, begin: NaiveDateTime) -> String {
        let (local, offset) = self.placed(begin);
        self.input_format.write(local, offset)
    }

    fn write(&self, begin: NaiveDateTime) -> String {
        let (_, offset) = self.placed(begin);
        self.output().write(begin, offset)
    }

    /// The instant on the zone's clock, moved out of a gap, and its distance to UTC.
    fn placed(&self, local: NaiveDateTime) -> (NaiveDateTime, FixedOffset) {
        let placed = resolve(local, self.zone().unwrap_or(Tz::UTC));
        (placed.naive_local(), placed.offset().fix())
    }

    fn zone(&self) -> Result<Tz, PartitionError> {
        let unknown = || definition(&format!("time zone {:?} is not known; use an IANA name", self.timezone));
        self.timezone.parse().map_err(|_| unknown())
    }

    fn output(&self) -> Format {
        self.output_format.clone().unwrap_or_else(|| format_of(self.period.default_format()))
    }

    /// Whether the period's begin can be read back from its key.
    fn check_readable(&self) -> Result<(), PartitionError> {
        let sample = NaiveDate::from_ymd_opt(2024, 8, 15).and_then(|day| day.and_hms_opt(13, 0, 0)).unwrap_or_default();
        let begin = self.period.begin(sample).unwrap_or_default();
        let format = self.output();
        if self.begin(&self.write(begin)) == Ok(begin) {
            return Ok(());
        }
        let example = if format.has(Field::Quarter) { "%Y-Q{quarter}" } else { self.period.default_format() };
        Err(definition(&format!(
            "the begin of a period cannot be read from keys like {format:?}; use a format such as {example:?}",
            format = format.to_string()
        )))
    }
}

impl Period {
    fn default_format(self) -> &'static str {
        match self {
            Self::Hour => "%Y-%m-%dT%H",
            Self::Day => "%Y-%m-%d",
            Self::Week => "%Y-%m-%d (W%V)",
            Self::Month => "%Y-%m",
            Self::Quarter => "%Y-Q{quarter}",
            Self::Year => "%Y",
        }
    }

    /// Where the period that `local` lies in begins, on the same clock.
    fn begin(self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let day = local.date();
        let begin = match self {
            Self::Hour => return day.and_hms_opt(local.hour(), 0, 0),
            Self::Day => day,
            Self::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into()))?,
            Self::Month => day.with_day(1)?,
            Self::Quarter => day.with_day(1)?.with_month0(day.month0() / 3 * 3)?,
            Self::Year => day.with_day(1)?.with_month(1)?,
        };
        Some(begin.and_time(NaiveTime::MIN))
    }
}

/// The instant on a zone's clock of an instant at a distance to UTC.
fn on_the_clock(local: NaiveDateTime, offset: FixedOffset, zone: Tz) -> Result<NaiveDateTime, ()> {
    let at = offset.from_local_datetime(&local).single().ok_or(())?;
    Ok(at.with_timezone(&zone).naive_local())
}

/// The instant that a zone's clock shows as `local`: the later one of two, and in a gap as far behind it as it is in it.
fn resolve(local: NaiveDateTime, zone: Tz) -> DateTime<Tz> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => at,
        LocalResult::Ambiguous(_, later) => later,
        LocalResult::None => {
            // No gap is longer than a day, so the offset before it is that of the day before.
            let before = zone.from_utc_datetime(&(local - TimeDelta::days(1))).offset().fix();
            zone.from_utc_datetime(&(local - before))
        }
    }
}

fn read(format: &Format, key: &str) -> Result<Reading, PartitionError> {
    format.read(key).ok_or_else(|| unreadable(key, format))
}

/// As Python's `isoformat` writes it.
fn iso(begin: NaiveDateTime) -> String {
    begin.format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn unreadable(key: &str, format: &Format) -> PartitionError {
    PartitionError::Unreadable { key: key.to_owned(), format: format.to_string() }
}

fn definition(message: &str) -> PartitionError {
    PartitionError::Definition(message.to_owned())
}

/// A format of ours, which a test has read.
fn format_of(text: &'static str) -> Format {
    text.parse().unwrap_or_else(|_| unreachable!("{text} is a format"))
}

fn to_the_second() -> Format {
    format_of("%Y-%m-%dT%H:%M:%S")
}

fn utc() -> String {
    "UTC".to_owned()
}

fn bar() -> String {
    "|".to_owned()
}
