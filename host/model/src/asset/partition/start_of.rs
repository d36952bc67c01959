//! Mapping instants to the begin of the period that they lie in.

use chrono::{DateTime, Datelike, Days, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono::{Offset as _, TimeZone as _, Timelike};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::PartitionError;
use super::format::{Field, Format, Reading};

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

impl StartOf {
    /// The begin of a period in UTC, in the usual formats.
    pub fn new(period: Period) -> Self {
        Self { period, timezone: utc(), input_format: to_the_second(), output_format: None }
    }

    pub(super) fn down(&self, key: &str) -> Result<String, PartitionError> {
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
    pub(super) fn begin(&self, key: &str) -> Result<NaiveDateTime, PartitionError> {
        let format = self.output();
        let Reading { local, offset } = read(&format, key)?;
        match offset {
            Some(offset) => on_the_clock(local, offset, self.zone()?).map_err(|()| unreadable(key, &format)),
            None => Ok(local),
        }
    }

    /// The key that an event of the period beginning then comes with.
    pub(super) fn up(&self, begin: NaiveDateTime) -> String {
        let (local, offset) = self.placed(begin);
        self.input_format.write(local, offset)
    }

    pub(super) fn write(&self, begin: NaiveDateTime) -> String {
        let (_, offset) = self.placed(begin);
        self.output().write(begin, offset)
    }

    /// The instant on the zone's clock, moved out of a gap, and its distance to UTC.
    fn placed(&self, local: NaiveDateTime) -> (NaiveDateTime, FixedOffset) {
        let placed = resolve(local, self.zone().unwrap_or(Tz::UTC));
        (placed.naive_local(), placed.offset().fix())
    }

    pub(super) fn zone(&self) -> Result<Tz, PartitionError> {
        let unknown =
            || PartitionError::definition(format!("time zone {:?} is not known; use an IANA name", self.timezone));
        self.timezone.parse().map_err(|_| unknown())
    }

    fn output(&self) -> Format {
        self.output_format.clone().unwrap_or_else(|| format_of(self.period.default_format()))
    }

    /// Whether the period's begin can be read back from its key.
    pub(super) fn check_readable(&self) -> Result<(), PartitionError> {
        let sample = NaiveDate::from_ymd_opt(2024, 8, 15).and_then(|day| day.and_hms_opt(13, 0, 0)).unwrap_or_default();
        let begin = self.period.begin(sample).unwrap_or_default();
        let format = self.output();
        if self.begin(&self.write(begin)) == Ok(begin) {
            return Ok(());
        }
        let example = if format.has(Field::Quarter) { "%Y-Q{quarter}" } else { self.period.default_format() };
        Err(PartitionError::definition(format!(
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

fn unreadable(key: &str, format: &Format) -> PartitionError {
    PartitionError::Unreadable { key: key.to_owned(), format: format.to_string() }
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
