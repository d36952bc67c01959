//! One field of a cron expression: a set of numbers, and for days the few forms that depend on the calendar.

use chrono::{Datelike, NaiveDate};

use super::CronError;

/// The numbers and names that a field accepts.
pub(super) struct Range {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
    calendar: Calendar,
}

/// Which calendar forms a field knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Calendar {
    None,
    /// `L`: the last day of the month.
    Days,
    /// `5#2`: the second Friday; `L5`: the last one.
    Weekdays,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) const MINUTE: Range = Range { name: "minute", min: 0, max: 59, names: &[], calendar: Calendar::None };
pub(super) const HOUR: Range = Range { name: "hour", min: 0, max: 23, names: &[], calendar: Calendar::None };
pub(super) const DAY: Range = Range { name: "day-of-month", min: 1, max: 31, names: &[], calendar: Calendar::Days };
pub(super) const MONTH: Range = Range { name: "month", min: 1, max: 12, names: MONTHS, calendar: Calendar::None };
pub(super) const WEEKDAY: Range =
    Range { name: "day-of-week", min: 0, max: 7, names: WEEKDAYS, calendar: Calendar::Weekdays };

/// A parsed field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// Bit n is set if n matches.
    bits: u64,
    /// The field is `*` or `?`: it restricts nothing.
    pub(super) any: bool,
    /// The last day of the month matches.
    pub(super) last: bool,
    /// (weekday, which one of the month); 0 stands for the last one.
    nth: Vec<(u32, u32)>,
}

impl Field {
    pub(super) fn parse(range: &Range, text: &str) -> Result<Self, CronError> {
        let mut field = Self { any: text == "*" || text == "?", ..Self::default() };
        for part in text.split(',') {
            field.add(range, &part.to_ascii_lowercase()).map_err(|reason| CronError::Field {
                field: range.name,
                value: text.to_owned(),
                reason,
            })?;
        }
        Ok(field)
    }

    pub(super) fn has(&self, number: u32) -> bool {
        self.bits & (1 << number) != 0
    }

    pub(super) fn has_weekday(&self, date: NaiveDate) -> bool {
        let weekday = date.weekday().num_days_from_sunday();
        let is_nth = |&(wanted, nth): &(u32, u32)| {
            let is_last = date.checked_add_days(chrono::Days::new(7)).is_none_or(|later| later.month() != date.month());
            wanted == weekday && if nth == 0 { is_last } else { date.day().div_ceil(7) == nth }
        };
        self.has(weekday) || self.nth.iter().any(is_nth)
    }

    fn add(&mut self, range: &Range, part: &str) -> Result<(), String> {
        match range.calendar {
            Calendar::Days if part == "l" => {
                self.last = true;
                return Ok(());
            }
            Calendar::Weekdays => {
                if let Some((day, nth)) = part.split_once('#') {
                    let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
                    self.nth.push((range.number(day)? % 7, nth.ok_or("use 1 to 5 behind #")?));
                    return Ok(());
                }
                if let Some(day) = part.strip_prefix('l').filter(|day| !day.is_empty()) {
                    self.nth.push((range.number(day)? % 7, 0));
                    return Ok(());
                }
            }
            Calendar::Days | Calendar::None => {}
        }
        self.add_numbers(range, part)
    }

    fn add_numbers(&mut self, range: &Range, part: &str) -> Result<(), String> {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(step.parse::<u32>().map_err(|_| "a step is a number")?)),
            None => (part, None),
        };
        if step == Some(0) {
            return Err("a step is at least 1".to_owned());
        }
        let (first, last) = match span.split_once('-') {
            _ if span == "*" || span == "?" => (range.min, range.natural_max()),
            Some((first, last)) => (range.number(first)?, range.number(last)?),
            None if step.is_some() => (range.number(span)?, range.natural_max()),
            None => (range.number(span)?, range.number(span)?),
        };
        for number in range.span(first, last).step_by(step.unwrap_or(1) as usize) {
            self.bits |= 1 << if range.calendar == Calendar::Weekdays { number % 7 } else { number };
        }
        Ok(())
    }
}

impl Range {
    /// The largest number that `*` covers. Sunday is 0 and 7, and counts once.
    fn natural_max(&self) -> u32 {
        if self.calendar == Calendar::Weekdays { 6 } else { self.max }
    }

    /// `first` to `last`; a range that ends before it begins wraps around, as `fri-mon` does.
    fn span(&self, first: u32, last: u32) -> Box<dyn Iterator<Item = u32>> {
        if first <= last {
            Box::new(first..=last)
        } else {
            Box::new((first..=self.natural_max()).chain(self.min..=last))
        }
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| *name == text).and_then(|at| u32::try_from(at).ok());
        let number = match named {
            // Months are named from 1, weekdays from 0.
            Some(at) => Some(at + self.min),
            None => text.parse().ok(),
        };
        number.filter(|number| (self.min..=self.max).contains(number)).ok_or_else(|| self.accepted())
    }

    fn accepted(&self) -> String {
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            (None, _) | (_, None) => String::new(),
        };
        format!("use numbers from {} to {}{names}", self.min, self.max)
    }
}
