//! Lengths of time: so many milliseconds, or by the calendar.

use std::fmt;

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc, Weekday};
use serde::{Deserialize, Serialize};

use crate::time::Millis;

const DAY_MS: i64 = 86_400_000;

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Delta {
    /// So many milliseconds.
    Ms(u64),
    /// By the calendar, in UTC.
    Calendar(CalendarDelta),
}

/// A length of time by the calendar (Python's `relativedelta`). Months and years come first, cut off at the end of a shorter
/// month; then the rest; then it goes on to the weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarDelta {
    /// Years.
    pub years: i32,
    /// Months.
    pub months: i32,
    /// Weeks.
    pub weeks: i32,
    /// Days.
    pub days: i32,
    /// Hours.
    pub hours: i32,
    /// Minutes.
    pub minutes: i32,
    /// Seconds.
    pub seconds: i32,
    /// The day of the month that it leads to, or the last one of a shorter month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<u32>,
    /// The weekday that it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekday: Option<NthWeekday>,
}

/// A weekday, counted from a date on, that date included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NthWeekday {
    /// Which weekday.
    pub day: Weekday,
    /// The first one is 1, the one before -1.
    #[serde(default = "first")]
    pub nth: i8,
}

impl Delta {
    /// No time at all.
    pub const ZERO: Self = Self::Ms(0);

    /// The instant that is this much later; `None` beyond representable time.
    pub fn after(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Ms(ms) => instant.0.checked_add(i64::try_from(*ms).ok()?).map(Millis),
            Self::Calendar(delta) => delta.added_to(instant.to_utc()?, 1).map(Millis::from),
        }
    }

    /// The instant that is this much earlier.
    pub fn before(&self, instant: Millis) -> Option<Millis> {
        match self {
            Self::Ms(ms) => instant.0.checked_sub(i64::try_from(*ms).ok()?).map(Millis),
            Self::Calendar(delta) => delta.added_to(instant.to_utc()?, -1).map(Millis::from),
        }
    }

    /// Its length in milliseconds; `None` if that depends on the month or the year. A weekday adds nothing to it.
    pub(crate) fn fixed_ms(&self) -> Option<i64> {
        match self {
            Self::Ms(ms) => i64::try_from(*ms).ok(),
            Self::Calendar(delta) if delta.total_months() != 0 => None,
            Self::Calendar(delta) => Some(delta.exact().num_milliseconds()),
        }
    }

    /// How much later it leads to in the worst case.
    pub(crate) fn at_least_ms(&self) -> i64 {
        match self {
            Self::Ms(ms) => i64::try_from(*ms).unwrap_or(i64::MAX),
            Self::Calendar(delta) => delta.at_least_ms(),
        }
    }
}

impl CalendarDelta {
    fn total_months(&self) -> i64 {
        i64::from(self.years) * 12 + i64::from(self.months)
    }

    /// The parts that always have the same length. An `i32` of each fits a `TimeDelta` many times over.
    fn exact(&self) -> TimeDelta {
        let days = i64::from(self.weeks) * 7 + i64::from(self.days);
        TimeDelta::days(days)
            + TimeDelta::hours(self.hours.into())
            + TimeDelta::minutes(self.minutes.into())
            + TimeDelta::seconds(self.seconds.into())
    }

    fn added_to(&self, instant: DateTime<Utc>, sign: i32) -> Option<DateTime<Utc>> {
        let (date, time) = (instant.date_naive(), instant.time());
        let moved = self.day_of(add_months(date, self.total_months() * i64::from(sign))?)?;
        let moved = moved.and_time(time).and_utc().checked_add_signed(self.exact() * sign)?;
        match self.weekday {
            Some(weekday) => moved.checked_add_signed(weekday.way_from(moved.weekday())),
            None => Some(moved),
        }
    }

    /// `date`, or the day of its month that the delta names.
    fn day_of(&self, date: NaiveDate) -> Option<NaiveDate> {
        match self.day {
            Some(day) => date.with_day(day.min(date.num_days_in_month().into())),
            None => Some(date),
        }
    }

    /// A month has 28 days in the worst case going forward and 31 going back; one with a day of its own may begin on the
    /// last day of a month and lead to the first of another.
    fn at_least_ms(&self) -> i64 {
        let months = self.total_months();
        let days = match (months, self.day) {
            (0, None) => 0,
            (0, Some(_)) => -30,
            (1.., None) => months * 28,
            (1.., Some(_)) => (months - 1) * 28 + 1,
            (..0, _) => (months - 1) * 31,
        };
        let back = match self.weekday {
            Some(NthWeekday { nth, .. }) if nth < 0 => i64::from(nth) * 7 + 1,
            Some(_) | None => 0,
        };
        (days + back).saturating_mul(DAY_MS).saturating_add(self.exact().num_milliseconds())
    }

    /// Whether its numbers mean something: a day that months have, a weekday that is counted from 1 or -1.
    pub(crate) fn is_sound(&self) -> bool {
        self.day.is_none_or(|day| (1..=31).contains(&day)) && self.weekday.is_none_or(|weekday| weekday.nth != 0)
    }
}

impl NthWeekday {
    fn way_from(self, today: Weekday) -> TimeDelta {
        let nth = i64::from(self.nth);
        TimeDelta::days(if nth > 0 {
            (nth - 1) * 7 + i64::from(self.day.days_since(today))
        } else {
            (nth + 1) * 7 - i64::from(today.days_since(self.day))
        })
    }
}

fn add_months(date: NaiveDate, months: i64) -> Option<NaiveDate> {
    let count = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months >= 0 { date.checked_add_months(count) } else { date.checked_sub_months(count) }
}

impl fmt::Display for Delta {
    /// `every 1h 30m`, `every 1y 2mo`, `every 1mo on day 31`, `every 1d on the 2. Fri`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every")?;
        match self {
            Self::Ms(ms) => {
                let mut rest = *ms;
                for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
                    if rest >= length {
                        write!(f, " {}{unit}", rest / length)?;
                        rest %= length;
                    }
                }
                Ok(())
            }
            Self::Calendar(delta) => delta.write(f),
        }
    }
}

impl CalendarDelta {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { years, months, weeks, days, hours, minutes, seconds, day, weekday } = *self;
        let parts =
            [(years, "y"), (months, "mo"), (weeks, "w"), (days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number != 0) {
            write!(f, " {number}{unit}")?;
        }
        if let Some(day) = day {
            write!(f, " on day {day}")?;
        }
        match weekday {
            Some(NthWeekday { day, nth }) => write!(f, " on the {nth}. {day}"),
            None => Ok(()),
        }
    }
}

fn first() -> i8 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(delta: CalendarDelta, instant: &str) -> String {
        let instant = instant.parse().expect("an instant");
        Delta::Calendar(delta).after(instant).expect("a representable instant").to_string()
    }

    #[test]
    fn months_end_where_the_shorter_one_does() {
        let month = CalendarDelta { months: 1, ..CalendarDelta::default() };
        assert_eq!(after(month, "2024-01-31T05:00:00Z"), "2024-02-29T05:00:00Z");
        assert_eq!(after(month, "2024-02-29T05:00:00Z"), "2024-03-29T05:00:00Z");
        assert_eq!(after(CalendarDelta { day: Some(31), ..month }, "2024-02-29T05:00:00Z"), "2024-03-31T05:00:00Z");
        let year = CalendarDelta { years: 1, days: -1, ..CalendarDelta::default() };
        assert_eq!(after(year, "2024-02-29T05:00:00Z"), "2025-02-27T05:00:00Z");
    }

    #[test]
    fn weekdays_are_counted_from_the_day_itself() {
        let to = |day, nth| CalendarDelta { weekday: Some(NthWeekday { day, nth }), ..CalendarDelta::default() };
        let friday = "2026-11-20T00:00:00Z";
        assert_eq!(after(to(Weekday::Fri, 1), friday), friday);
        assert_eq!(after(to(Weekday::Fri, 2), friday), "2026-11-27T00:00:00Z");
        assert_eq!(after(to(Weekday::Mon, 1), friday), "2026-11-23T00:00:00Z");
        assert_eq!(after(to(Weekday::Fri, -1), friday), friday);
        assert_eq!(after(to(Weekday::Mon, -2), friday), "2026-11-09T00:00:00Z");
    }

    #[test]
    fn numbers_beyond_reason_lead_nowhere() {
        let huge = CalendarDelta { years: i32::MAX, seconds: i32::MIN, ..CalendarDelta::default() };
        let delta = Delta::Calendar(huge);
        assert_eq!((delta.after(Millis(0)), delta.before(Millis(0))), (None, None));
        assert_eq!(Delta::Ms(u64::MAX).after(Millis(0)), None);
        assert!(delta.at_least_ms() > 0);
    }
}
