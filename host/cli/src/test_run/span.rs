//! Spans of time as people write them: `90s`, `1h30m`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let misfit = || "use a span of time such as 90s, 1h30m or 30d".to_owned();
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(misfit)?;
            let (number, unit) = rest.split_at(digits);
            let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
            let (unit, next) = unit.split_at(end);
            let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(misfit)?;
            let number: u64 = number.parse().map_err(|_| misfit())?;
            total = number.checked_mul(*millis).and_then(|part| total.checked_add(part)).ok_or_else(misfit)?;
            rest = next;
        }
        if total == 0 { Err(misfit()) } else { Ok(Self(Duration::from_millis(total))) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds < 60 {
            return write!(f, "{:.1}s", self.0.as_secs_f64());
        }
        let parts =
            [(seconds / 86_400, 'd'), (seconds / 3_600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
        parts.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_with_units() {
        for (text, millis, shown) in [
            ("250ms", 250, "0.2s"),
            ("90s", 90_000, "1m30s"),
            ("1h30m", 5_400_000, "1h30m"),
            ("30d", 2_592_000_000, "30d"),
            ("1d1ms", 86_400_001, "1d"),
        ] {
            let span: Span = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((span.0.as_millis(), span.to_string().as_str()), (millis, shown), "{text}");
        }
        for bad in ["", "0s", "5", "s", "1x", "-1s", "1.5h", "1h 30m", "99999999999999999999d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?} was accepted");
        }
    }
}
