//! One field of a cron expression: a set of numbers, and for days the few forms that depend on the calendar.

use chrono::{Datelike, NaiveDate, Weekday};

use super::{CronError, Direction};

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
    /// `L`: the last day of the month; `15W`: the working day nearest to the 15th.
    Days,
    /// `5#2`: the second Friday; `L5`: the last one.
    Weekdays,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) const SECOND: Range = Range { name: "second", min: 0, max: 59, names: &[], calendar: Calendar::None };
pub(super) const MINUTE: Range = Range { name: "minute", min: 0, max: 59, names: &[], calendar: Calendar::None };
pub(super) const HOUR: Range = Range { name: "hour", min: 0, max: 23, names: &[], calendar: Calendar::None };
pub(super) const DAY: Range = Range { name: "day-of-month", min: 1, max: 31, names: &[], calendar: Calendar::Days };
pub(super) const MONTH: Range = Range { name: "month", min: 1, max: 12, names: MONTHS, calendar: Calendar::None };
pub(super) const WEEKDAY: Range =
    Range { name: "day-of-week", min: 0, max: 6, names: WEEKDAYS, calendar: Calendar::Weekdays };

/// A parsed field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// Bit n is set if n matches.
    bits: u64,
    /// One of its parts is `*` or `?`: it restricts nothing.
    pub(super) any: bool,
    /// It is `*`, or lists every number there is.
    pub(super) all: bool,
    /// The last day of the month matches.
    last: bool,
    /// The working day nearest to this day of the month matches.
    nearest: Option<u32>,
    /// (weekday, which one of the month); 0 stands for the last one.
    nth: Vec<(u32, u32)>,
}

impl Field {
    pub(super) fn parse(range: &Range, text: &str) -> Result<Self, CronError> {
        let mut field = Self::default();
        let mut stars = 0;
        let parts: Vec<String> = text.split(',').map(str::to_ascii_lowercase).collect();
        for part in &parts {
            let star = part == "*" || (part == "?" && range.calendar != Calendar::None);
            stars += usize::from(star);
            let part = if star { "*" } else { part };
            field.add(range, part).map_err(|reason| CronError::Field {
                field: range.name,
                value: text.to_owned(),
                reason,
            })?;
        }
        if field.nearest.is_some() && parts.len() > 1 {
            let reason = "W stands alone, not in a list".to_owned();
            return Err(CronError::Field { field: range.name, value: text.to_owned(), reason });
        }
        field.any = stars > 0;
        field.all = if stars > 0 { stars == parts.len() } else { field.bits == range.every() };
        Ok(field)
    }

    /// The field that matches one number alone.
    pub(super) fn only(number: u32) -> Self {
        Self { bits: 1 << number, ..Self::default() }
    }

    pub(super) fn has(&self, number: u32) -> bool {
        self.bits & (1 << number) != 0
    }

    /// The nearest match in `direction`, `from` included.
    pub(super) fn nearest(&self, from: u32, direction: Direction) -> Option<u32> {
        let found = match direction {
            Direction::Forward => self.bits & (u64::MAX << from),
            Direction::Backward => self.bits & (u64::MAX >> (63 - from)),
        };
        match direction {
            _ if found == 0 => None,
            Direction::Forward => Some(found.trailing_zeros()),
            Direction::Backward => Some(found.ilog2()),
        }
    }

    pub(super) fn has_day(&self, date: NaiveDate) -> bool {
        let last = last_of_month(date);
        match self.nearest {
            Some(day) => date.day() == working_day(date, day.min(last)),
            None => self.has(date.day()) || (self.last && date.day() == last),
        }
    }

    pub(super) fn has_weekday(&self, date: NaiveDate) -> bool {
        let weekday = date.weekday().num_days_from_sunday();
        let is_nth = |&(wanted, nth): &(u32, u32)| {
            let is_last = date.day() + 7 > last_of_month(date);
            wanted == weekday && if nth == 0 { is_last } else { date.day().div_ceil(7) == nth }
        };
        self.has(weekday) || self.nth.iter().any(is_nth)
    }

    /// Whether it matches by the calendar alone: `15W`, `5#2`, `L5`. Beside another field such a one narrows instead of
    /// adding, as croniter has it.
    pub(super) fn narrows(&self) -> bool {
        self.nearest.is_some() || !self.nth.is_empty()
    }

    fn add(&mut self, range: &Range, part: &str) -> Result<(), String> {
        match range.calendar {
            Calendar::Days if part == "l" => {
                self.last = true;
                return Ok(());
            }
            Calendar::Days => {
                if let Some(day) = part.strip_suffix('w').or_else(|| part.strip_prefix('w')) {
                    self.nearest = Some(range.number(day)?);
                    return Ok(());
                }
            }
            Calendar::Weekdays => {
                if let Some((days, nth)) = part.split_once('#') {
                    let nth = number(nth).filter(|nth| (1..=5).contains(nth)).ok_or("use 1 to 5 behind #")?;
                    let days = range.numbers(days)?;
                    self.nth.extend(days.into_iter().map(|day| (day, nth)));
                    return Ok(());
                }
                if let Some(day) = part.strip_prefix('l').filter(|day| !day.is_empty()) {
                    self.nth.push((range.number(day)?, 0));
                    return Ok(());
                }
            }
            Calendar::None => {}
        }
        range.numbers(part)?.into_iter().for_each(|number| self.bits |= 1 << number);
        Ok(())
    }
}

impl Range {
    /// What `3`, `1-5`, `*/10`, `7/10` and `10-50/10` stand for.
    fn numbers(&self, part: &str) -> Result<Vec<u32>, String> {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(number(step).ok_or("a step is a number")?)),
            None => (part, None),
        };
        if step == Some(0) {
            return Err("a step is at least 1".to_owned());
        }
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => (self.min, self.max),
            Some((first, last)) => self.between(first, last)?,
            None if step.is_some() => (self.number(span)?, self.max),
            None => (self.number(span)?, self.number(span)?),
        };
        let step = step.unwrap_or(1);
        Ok(if first <= last { count(first, last, step) } else { self.around(first, last, step) })
    }

    fn between(&self, first: &str, last: &str) -> Result<(u32, u32), String> {
        let end_of_month = self.calendar == Calendar::Days && last == "l";
        let (first, last) = (self.number(first)?, if end_of_month { self.max } else { self.number(last)? });
        // croniter reads a range from a number to itself as once around.
        Ok(if first == last { (self.min, self.max) } else { (first, last) })
    }

    /// A range that ends before it begins goes over the top, as `fri-mon` does. Where it goes on at the bottom is
    /// croniter's reckoning: at the minimum, unless the step leads beyond the top.
    fn around(&self, first: u32, last: u32, step: u32) -> Vec<u32> {
        let mut numbers = count(first, self.max, step);
        let top = numbers.last().copied().unwrap_or(first);
        let left = self.max - top;
        let leads_beyond = u64::from(top - self.min) + u64::from(step) > u64::from(self.max - self.min + 1);
        let skipped = if leads_beyond && left < step { step - left } else { 0 };
        numbers.extend(count(self.min.saturating_add(skipped), last, step));
        numbers
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| *name == text).and_then(|at| u32::try_from(at).ok());
        let number = match named {
            // Months are named from 1, weekdays from 0.
            Some(at) => Some(at + self.min),
            None if self.calendar == Calendar::Weekdays && text == "7" => Some(0),
            None => number(text),
        };
        number.filter(|number| (self.min..=self.max).contains(number)).ok_or_else(|| self.accepted())
    }

    fn every(&self) -> u64 {
        (self.min..=self.max).fold(0, |bits, number| bits | 1 << number)
    }

    fn accepted(&self) -> String {
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            (None, _) | (_, None) => String::new(),
        };
        // Sunday is 0 and 7.
        let max = if self.calendar == Calendar::Weekdays { 7 } else { self.max };
        format!("use numbers from {} to {max}{names}", self.min)
    }
}

fn count(first: u32, last: u32, step: u32) -> Vec<u32> {
    (first..=last).step_by(step as usize).collect()
}

/// A number of plain digits, without the sign that `parse` would accept.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn last_of_month(date: NaiveDate) -> u32 {
    date.num_days_in_month().into()
}

/// The working day nearest to `day`, within the month of `date`.
fn working_day(date: NaiveDate, day: u32) -> u32 {
    let last = last_of_month(date);
    match date.with_day(day).map(|date| date.weekday()) {
        Some(Weekday::Sat) => {
            if day > 1 {
                day - 1
            } else {
                day + 2
            }
        }
        Some(Weekday::Sun) => {
            if day < last {
                day + 1
            } else {
                day - 2
            }
        }
        Some(Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri) | None => day,
    }
}
