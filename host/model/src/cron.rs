//! Cron expressions as Airflow reads them: five fields, six with seconds, or a preset, on the wall clock of a time zone.
//!
//! What an expression means is what croniter 7 makes of it. Daylight saving time follows Airflow's `CronMixin`: a time that
//! the spring change leaves out fires as much later as the clock jumped, one that the autumn change repeats fires at its
//! second occurrence, and an expression that names all hours fires by elapsed time instead, so that no hour goes without.

use std::fmt;

use chrono::{DateTime, Datelike, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use self::field::Field;

mod field;

/// Why a text is not a cron expression that can fire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Neither five nor six fields, and no preset.
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
        /// Which one.
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
    seconds: Field,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

/// How far a match is looked for, as croniter does. Leap days are at most eight years apart, those that are a given
/// weekday forty.
const SEARCH_YEARS: i32 = 50;

impl Cron {
    /// Reads an expression. Names of months and weekdays, ranges, steps, lists, `L`, `15W`, `5#2` and `L5` are understood,
    /// and a sixth field for seconds; with both a day of the month and a weekday given, either one is enough.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let text = text.trim();
        let expanded = if text.starts_with('@') { preset(text)? } else { text };
        let fields: Vec<&str> = expanded.split_ascii_whitespace().collect();
        let (&[minute, hour, day, month, weekday] | &[minute, hour, day, month, weekday, _]) = fields.as_slice() else {
            return Err(CronError::FieldCount(fields.len()));
        };
        let mut cron = Self {
            text: text.to_owned(),
            seconds: fields.get(5).map_or(Ok(Field::only(0)), |second| Field::parse(&field::SECOND, second))?,
            minutes: Field::parse(&field::MINUTE, minute)?,
            hours: Field::parse(&field::HOUR, hour)?,
            days: Field::parse(&field::DAY, day)?,
            months: Field::parse(&field::MONTH, month)?,
            weekdays: Field::parse(&field::WEEKDAY, weekday)?,
        };
        // A list of all days restricts nothing, but croniter sees that only beside a star.
        cron.days.any |= cron.days.all && weekday.contains('*');
        cron.weekdays.any |= cron.weekdays.all && day.contains('*');
        let any_date = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
        cron.day_from(any_date, Direction::Forward).map(|_| cron.clone()).ok_or(CronError::Never)
    }

    /// The first instant after `after` at which it fires in `zone`; `None` at the end of representable time.
    pub fn next(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&zone).naive_local();
        let scheduled = self.search(local, Direction::Forward)?;
        if self.hours.all { after.checked_add_signed(scheduled - local) } else { to_utc(scheduled, zone) }
    }

    /// The instant at which it fired in `zone` before `before`. In the first of two hours that the autumn change repeats
    /// this is an instant of the second one, later than `before`: Airflow's answer, which callers reckon with.
    pub fn previous(&self, before: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = before.with_timezone(&zone).naive_local();
        let scheduled = self.search(local, Direction::Backward)?;
        if self.hours.all { before.checked_sub_signed(local - scheduled) } else { to_utc(scheduled, zone) }
    }

    /// The nearest matching local second strictly beyond `from`.
    fn search(&self, from: NaiveDateTime, direction: Direction) -> Option<NaiveDateTime> {
        let start = match direction {
            Direction::Forward => floor_second(from).checked_add_signed(Duration::seconds(1))?,
            Direction::Backward => floor_second(from.checked_sub_signed(Duration::nanoseconds(1))?),
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
        while (day.year() - start.year()).abs() <= SEARCH_YEARS {
            if self.matches_day(day) {
                return Some(day);
            }
            day = if self.months.has(day.month()) { direction.step(day)? } else { direction.leave_month(day)? };
        }
        None
    }

    fn matches_day(&self, date: NaiveDate) -> bool {
        if !self.months.has(date.month()) {
            return false;
        }
        let (day, weekday) = (self.days.has_day(date), self.weekdays.has_weekday(date));
        match (self.days.any, self.weekdays.any) {
            (true, true) => true,
            (true, false) => weekday,
            (false, true) => day,
            (false, false) => match (self.days.narrows(), self.weekdays.narrows()) {
                (true, true) => day && weekday,
                (true, false) => day,
                (false, true) => weekday,
                (false, false) => day || weekday,
            },
        }
    }

    /// The nearest matching time of the day, `start` included.
    fn time_from(&self, start: NaiveTime, direction: Direction) -> Option<NaiveTime> {
        let (hour, minute, second) = (start.hour(), start.minute(), start.second());
        let first = |field: &Field| field.nearest(direction.begin(), direction);
        let beyond = |field: &Field, number| direction.beyond(number).and_then(|next| field.nearest(next, direction));
        if self.hours.has(hour) {
            if self.minutes.has(minute)
                && let Some(second) = self.seconds.nearest(second, direction)
            {
                return NaiveTime::from_hms_opt(hour, minute, second);
            }
            if let Some(minute) = beyond(&self.minutes, minute) {
                return NaiveTime::from_hms_opt(hour, minute, first(&self.seconds)?);
            }
        }
        NaiveTime::from_hms_opt(beyond(&self.hours, hour)?, first(&self.minutes)?, first(&self.seconds)?)
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

    /// The nearest day of another month.
    fn leave_month(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Forward => day.with_day(1)?.checked_add_months(Months::new(1)),
            Self::Backward => day.with_day(1)?.pred_opt(),
        }
    }

    fn first_of_day(self) -> NaiveTime {
        match self {
            Self::Forward => NaiveTime::MIN,
            Self::Backward => NaiveTime::from_hms_opt(23, 59, 59).unwrap_or_default(),
        }
    }

    /// Where to begin among the numbers of a field.
    fn begin(self) -> u32 {
        match self {
            Self::Forward => 0,
            Self::Backward => 63,
        }
    }

    fn beyond(self, number: u32) -> Option<u32> {
        match self {
            Self::Forward => Some(number + 1),
            Self::Backward => number.checked_sub(1),
        }
    }
}

fn floor_second(time: NaiveDateTime) -> NaiveDateTime {
    time.with_nanosecond(0).unwrap_or(time)
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
    match text.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@quarterly" => Ok("0 0 1 */3 *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(CronError::Preset(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_say_what_is_accepted() {
        let message = |text: &str| Cron::parse(text).expect_err("a mistake").to_string();
        assert_eq!(
            message("* * * *"),
            "a cron expression has five fields (minute hour day-of-month month day-of-week) or is a preset such as \
             @daily, not 4 fields"
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
