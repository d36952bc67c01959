//! Lengths of time by the calendar.

use serde_json::{Value, json};

use crate::spec::{Object, words};

/// A length of time by the calendar, in UTC: months and years first, cut off at the end of a shorter month, then the rest,
/// then on to the weekday. See [`calendar`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to `#[dag(schedule = …)]` or to `data_interval`"]
pub struct Calendar(Object);

words!(
    /// A day of the week.
    pub enum Weekday {
        /// Monday.
        Monday = "Mon",
        /// Tuesday.
        Tuesday = "Tue",
        /// Wednesday.
        Wednesday = "Wed",
        /// Thursday.
        Thursday = "Thu",
        /// Friday.
        Friday = "Fri",
        /// Saturday.
        Saturday = "Sat",
        /// Sunday.
        Sunday = "Sun",
    }
);

/// A length of time by the calendar, to be filled: `calendar().months(1).day(31)` is from one end of a month to the next.
pub fn calendar() -> Calendar {
    Calendar(Object::default())
}

macro_rules! units {
    ($($unit:ident)+) => { $(
        #[doc = concat!("So many ", stringify!($unit), ".")]
        pub fn $unit(self, count: i32) -> Self {
            self.set(stringify!($unit), count)
        }
    )+ };
}

impl Calendar {
    units!(years months weeks days hours minutes seconds);

    /// The day of the month that it leads to, or the last one of a shorter month.
    pub fn day(self, day: u32) -> Self {
        self.set("day", day)
    }

    /// The weekday that it leads to: the first one from there on is 1, the one before -1.
    pub fn weekday(self, day: Weekday, nth: i8) -> Self {
        self.set("weekday", json!({ "day": day.word(), "nth": nth }))
    }

    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.set(key, value);
        self
    }

    /// As the host reads it.
    pub(super) fn json(self) -> Value {
        json!({ "calendar": self.0.0 })
    }
}
