//! Cron expressions as Airflow reads them: five fields or a preset, on the wall clock of a time zone.
//!
//! Daylight saving time follows Airflow's `CronMixin`: a time that the spring change leaves out fires as much later as the
//! clock jumped, one that the autumn change repeats fires at its second occurrence, and an expression whose hour field is
//! exactly `*` fires by elapsed time instead, so that no hour goes without.

use std::fmt;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use self::field::Field;

mod field;

/// Why a text is not a cron expression that can fire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields, and no preset.
    #[error(
        "a cron expression has five fields (minute hour day-of-month month day-of-week) or is a preset such as @daily, not {0} fields"
    )]
    FieldCount(usize),
    /// A preset nobody knows.
    #[error("{0} is not a preset; use @hourly, @daily, @weekly, @monthly, @quarterly or @yearly")]
    Preset(String),
    /// One field is malformed.
    #[error("{value:?} is not valid for {field}: {reason}")]
    Field {
        /// Which of the five.
        field: &'static str,
        /// What it says.
        value: String,
        /// What is accepted.
        reason: String,
    },
    /// It matches no day that exists, such as 30 February.
    #[error("it never fires: no month has such a day")]
    Never,
}

/// A parsed cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
    every_hour: bool,
}

/// Leap days are at most eight years apart (1896 to 1904, 2096 to 2104); an expression that is silent longer never fires.
const SEARCH_DAYS: u32 = 366 * 9;

impl Cron {
    /// Reads an expression. Names of months and weekdays, ranges, steps, lists, `L` and `5#2` are understood; with both
    /// a day of the month and a weekday given, either one is enough, as cron has always had it.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let text = text.trim();
        let expanded = if text.starts_with('@') { preset(text)? } else { text };
        let fields: Vec<&str> = expanded.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(CronError::FieldCount(fields.len()));
        };
        let cron = Self {
            text: text.to_owned(),
            minutes: Field::parse(&field::MINUTE, minute)?,
            hours: Field::parse(&field::HOUR, hour)?,
            days: Field::parse(&field::DAY, day)?,
            months: Field::parse(&field::MONTH, month)?,
            weekdays: Field::parse(&field::WEEKDAY, weekday)?,
            every_hour: hour == "*",
        };
        let leap_year = NaiveDate::from_ymd_opt(2096, 1, 1).unwrap_or(NaiveDate::MIN);
        cron.day_from(leap_year, Direction::Forward).map(|_| cron.clone()).ok_or(CronError::Never)
    }

    /// The first instant after `after` at which it fires in `zone`; `None` at the end of representable time.
    pub fn next(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&zone).naive_local();
        let scheduled = self.search(local, Direction::Forward)?;
        if self.every_hour {
            return after.checked_add_signed(scheduled - local);
        }
        let found = to_utc(scheduled, zone)?;
        // Around an autumn change a local time can lie before `after`; the one behind it is then meant.
        if found > after { Some(found) } else { to_utc(self.search(scheduled, Direction::Forward)?, zone) }
    }

    /// The last instant before `before` at which it fired in `zone`.
    pub fn previous(&self, before: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = before.with_timezone(&zone).naive_local();
        let scheduled = self.search(local, Direction::Backward)?;
        if self.every_hour {
            return before.checked_sub_signed(local - scheduled);
        }
        let found = to_utc(scheduled, zone)?;
        if found < before { Some(found) } else { to_utc(self.search(scheduled, Direction::Backward)?, zone) }
    }

    /// The nearest matching local minute strictly beyond `from`.
    fn search(&self, from: NaiveDateTime, direction: Direction) -> Option<NaiveDateTime> {
        let start = match direction {
            Direction::Forward => floor_minute(from).checked_add_signed(Duration::minutes(1))?,
            Direction::Backward if floor_minute(from) < from => floor_minute(from),
            Direction::Backward => from.checked_sub_signed(Duration::minutes(1))?,
        };
        if self.matches_day(start.date())
            && let Some(time) = self.time_from(start.time(), direction)
        {
            return Some(start.date().and_time(time));
        }
        let day = self.day_from(direction.step(start.date())?, direction)?;
        self.time_from(direction.first_of_day(), direction).map(|time| day.and_time(time))
    }

    fn day_from(&self, start: NaiveDate, direction: Direction) -> Option<NaiveDate> {
        let mut day = start;
        for _ in 0..SEARCH_DAYS {
            if self.matches_day(day) {
                return Some(day);
            }
            day = direction.step(day)?;
        }
        None
    }

    fn matches_day(&self, date: NaiveDate) -> bool {
        if !self.months.has(date.month()) {
            return false;
        }
        let day = self.days.has(date.day()) || (self.days.last && date.succ_opt().is_none_or(|next| next.day() == 1));
        let weekday = self.weekdays.has_weekday(date);
        match (self.days.any, self.weekdays.any) {
            (true, true) => true,
            (true, false) => weekday,
            (false, true) => day,
            (false, false) => day || weekday,
        }
    }

    fn time_from(&self, start: NaiveTime, direction: Direction) -> Option<NaiveTime> {
        let minute_of_day = start.hour() * 60 + start.minute();
        let matches = |minute: &u32| self.hours.has(minute / 60) && self.minutes.has(minute % 60);
        let found = match direction {
            Direction::Forward => (minute_of_day..24 * 60).find(matches),
            Direction::Backward => (0..=minute_of_day).rev().find(matches),
        }?;
        NaiveTime::from_hms_opt(found / 60, found % 60, 0)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Forward,
    Backward,
}

impl Direction {
    fn step(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Forward => day.succ_opt(),
            Self::Backward => day.pred_opt(),
        }
    }

    fn first_of_day(self) -> NaiveTime {
        match self {
            Self::Forward => NaiveTime::MIN,
            Self::Backward => NaiveTime::from_hms_opt(23, 59, 0).unwrap_or(NaiveTime::MIN),
        }
    }
}

fn floor_minute(time: NaiveDateTime) -> NaiveDateTime {
    time.with_second(0).and_then(|time| time.with_nanosecond(0)).unwrap_or(time)
}

/// The instant of a local time, by the rules at the top of this file.
fn to_utc(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        chrono::LocalResult::Single(instant) => Some(instant.to_utc()),
        chrono::LocalResult::Ambiguous(_, second) => Some(second.to_utc()),
        chrono::LocalResult::None => {
            // No zone has ever jumped by more than a day, so a day earlier the old offset was in force.
            let before = zone.from_local_datetime(&local.checked_sub_signed(Duration::hours(25))?).latest()?;
            let offset = local.checked_sub_signed(Duration::hours(25))? - before.naive_utc();
            Some(local.checked_sub_signed(offset)?.and_utc())
        }
    }
}

fn preset(text: &str) -> Result<&'static str, CronError> {
    match text {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@quarterly" => Ok("0 0 1 */3 *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        unknown => Err(CronError::Preset(unknown.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_say_what_is_accepted() {
        let message = |text: &str| Cron::parse(text).expect_err("a mistake").to_string();
        assert_eq!(
            message("* * * * * *"),
            "a cron expression has five fields (minute hour day-of-month month day-of-week) or is a preset such as \
             @daily, not 6 fields"
        );
        assert_eq!(message("61 * * * *"), "\"61\" is not valid for minute: use numbers from 0 to 59");
        assert_eq!(
            message("* * * * mon-xyz"),
            "\"mon-xyz\" is not valid for day-of-week: use numbers from 0 to 7 or sun to sat"
        );
        assert_eq!(message("*/0 * * * *"), "\"*/0\" is not valid for minute: a step is at least 1");
        assert_eq!(message("0 0 30 2 *"), "it never fires: no month has such a day");
        assert_eq!(message("0 0 31 4,6 *"), "it never fires: no month has such a day");
        assert!(message("@fortnightly").starts_with("@fortnightly is not a preset"));
    }

    #[test]
    fn a_leap_day_is_found_across_a_skipped_leap_year() {
        let cron = Cron::parse("0 0 29 2 *").expect("29 February exists");
        let found = cron.next("2096-03-01T00:00:00Z".parse().expect("an instant"), Tz::UTC);
        assert_eq!(found, "2104-02-29T00:00:00Z".parse().ok());
    }

    #[test]
    fn a_step_beyond_the_range_matches_its_start_alone() {
        assert!(Cron::parse("*/45 * * * *").is_ok());
    }
}
