//! How instants are written in keys: the directives of `strftime` that can be read back.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, FixedOffset, NaiveDate, NaiveDateTime, Timelike};
use serde::{Deserialize, Serialize};

/// A checked format, such as `%Y-%m-%dT%H:%M:%S` or `%Y-Q{quarter}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Format {
    text: Box<str>,
    parts: Vec<Part>,
}

/// Why a text is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It has a directive that is not known here.
    #[error("{0:?} is not known; use %Y %m %d %H %M %S %V %U %W %z, %% for a percent sign, and {{quarter}}")]
    Unknown(String),
    /// It has a directive twice.
    #[error("{0:?} stands there twice")]
    Twice(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(char),
    Field(Field),
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $longest:literal;)+) => {
        /// What a directive stands for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field { $($(#[$doc])* $name),+ }

        impl Field {
            const ALL: &[Self] = &[$(Self::$name),+];

            fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// How many digits it has at most.
            fn longest(self) -> usize {
                match self { $(Self::$name => $longest),+ }
            }
        }
    };
}

fields! {
    /// The year.
    Year = "%Y", 4;
    /// The month.
    Month = "%m", 2;
    /// The day of the month.
    Day = "%d", 2;
    /// The hour.
    Hour = "%H", 2;
    /// The minute.
    Minute = "%M", 2;
    /// The second.
    Second = "%S", 2;
    /// The week after ISO 8601. It is written and, when read, not looked at.
    IsoWeek = "%V", 2;
    /// The week of the year, from Sunday on. It is written and, when read, not looked at.
    SundayWeek = "%U", 2;
    /// The week of the year, from Monday on. It is written and, when read, not looked at.
    MondayWeek = "%W", 2;
    /// The distance to UTC.
    Offset = "%z", 0;
    /// The quarter of the year.
    Quarter = "{quarter}", 1;
}

/// What a key says of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) local: NaiveDateTime,
    pub(super) offset: Option<FixedOffset>,
}

impl Format {
    pub(super) fn has(&self, field: Field) -> bool {
        self.parts.contains(&Part::Field(field))
    }

    /// An instant on the wall clock, which is `offset` away from UTC.
    pub(super) fn write(&self, local: NaiveDateTime, offset: FixedOffset) -> String {
        let mut text = String::with_capacity(self.text.len() + 8);
        for part in &self.parts {
            match part {
                Part::Literal(c) => text.push(*c),
                Part::Field(field) => text.push_str(&shown(*field, local, offset)),
            }
        }
        text
    }

    /// What a key says. Whatever it leaves out is as early as can be in 1900.
    pub(super) fn read(&self, key: &str) -> Option<Reading> {
        let mut rest = key;
        let (mut date, mut time, mut offset) = ((1900, 1, 1), (0, 0, 0), None);
        for part in &self.parts {
            match part {
                Part::Literal(c) => rest = rest.strip_prefix(*c)?,
                Part::Field(Field::Offset) => {
                    let (read, after) = offset_of(rest)?;
                    offset = Some(read);
                    rest = after;
                }
                Part::Field(field) => {
                    let (number, after) = number_of(rest, *field)?;
                    rest = after;
                    match field {
                        Field::Year => date.0 = i32::try_from(number).ok()?,
                        Field::Month => date.1 = number,
                        Field::Day => date.2 = number,
                        Field::Hour => time.0 = number,
                        Field::Minute => time.1 = number,
                        Field::Second => time.2 = number,
                        Field::Quarter if (1..=4).contains(&number) => date.1 = (number - 1) * 3 + 1,
                        Field::Quarter => return None,
                        Field::IsoWeek | Field::SundayWeek | Field::MondayWeek | Field::Offset => {}
                    }
                }
            }
        }
        let local = NaiveDate::from_ymd_opt(date.0, date.1, date.2)?.and_hms_opt(time.0, time.1, time.2)?;
        rest.is_empty().then_some(Reading { local, offset })
    }
}

fn shown(field: Field, local: NaiveDateTime, offset: FixedOffset) -> String {
    match field {
        Field::Year => format!("{:04}", local.year()),
        Field::Month => format!("{:02}", local.month()),
        Field::Day => format!("{:02}", local.day()),
        Field::Hour => format!("{:02}", local.hour()),
        Field::Minute => format!("{:02}", local.minute()),
        Field::Second => format!("{:02}", local.second()),
        Field::IsoWeek => format!("{:02}", local.iso_week().week()),
        Field::SundayWeek => format!("{:02}", (local.ordinal() + 6 - local.weekday().num_days_from_sunday()) / 7),
        Field::MondayWeek => format!("{:02}", (local.ordinal() + 6 - local.weekday().num_days_from_monday()) / 7),
        Field::Quarter => local.quarter().to_string(),
        Field::Offset => {
            let (sign, seconds) =
                (if offset.local_minus_utc() < 0 { '-' } else { '+' }, offset.local_minus_utc().abs());
            format!("{sign}{:02}{:02}", seconds / 3600, seconds / 60 % 60)
        }
    }
}

/// A number of as many digits as the field has. Only a year has to have all of them.
fn number_of(text: &str, field: Field) -> Option<(u32, &str)> {
    let digits = text.bytes().take(field.longest()).take_while(u8::is_ascii_digit).count();
    let enough = if field == Field::Year { digits == field.longest() } else { digits > 0 };
    let (number, rest) = text.split_at_checked(digits).filter(|_| enough)?;
    Some((number.parse().ok()?, rest))
}

/// `Z`, `+hhmm` or `+hh:mm`.
fn offset_of(text: &str) -> Option<(FixedOffset, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((FixedOffset::east_opt(0)?, rest));
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let two = |text: &str| -> Option<i32> {
        text.get(..2).filter(|two| two.bytes().all(|c| c.is_ascii_digit()))?.parse().ok()
    };
    let hours = two(text.get(1..)?)?;
    let rest = text.get(3..)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let minutes = two(rest).filter(|minutes| *minutes < 60)?;
    Some((FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60))?, rest.get(2..)?))
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let known = Field::ALL.iter().find(|field| rest.starts_with(field.code()));
            let (part, length) = match known {
                Some(field) if parts.contains(&Part::Field(*field)) => return Err(FormatError::Twice(field.code())),
                Some(field) => (Part::Field(*field), field.code().len()),
                None if rest.starts_with("%%") => (Part::Literal('%'), 2),
                None if first == '%' || first == '{' => {
                    return Err(FormatError::Unknown(rest.chars().take(2).collect()));
                }
                None => (Part::Literal(first), first.len_utf8()),
            };
            parts.push(part);
            rest = &rest[length..];
        }
        Ok(Self { text: text.into(), parts })
    }
}

impl TryFrom<String> for Format {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        text.parse()
    }
}

impl From<Format> for String {
    fn from(format: Format) -> Self {
        format.text.into()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
