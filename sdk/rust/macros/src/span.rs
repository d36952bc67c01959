//! Durations such as `1h30m` and dates such as `2026-01-31`, checked while the tenant's crate compiles.

const DURATION: &str = "expected a duration such as \"500ms\", \"30s\", \"10m\", \"1h30m\" or \"2d\"";
const DATE: &str =
    "expected a date such as \"2026-01-31\" (midnight UTC) or an instant such as \"2026-01-31T08:00:00+01:00\"";

/// The milliseconds that `text` stands for: numbers with units `d`, `h`, `m`, `s`, `ms`, one after the other.
pub(crate) fn millis(text: &str) -> Result<u64, &'static str> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (count, tail) = split(rest, |c| c.is_ascii_digit());
        let (unit, tail) = split(tail, |c| c.is_ascii_alphabetic());
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(DURATION),
        };
        let part = count.parse::<u64>().ok().and_then(|count| count.checked_mul(scale));
        total = part.and_then(|part| total.checked_add(part)).ok_or(DURATION)?;
        rest = tail;
    }
    if text.is_empty() { Err(DURATION) } else { Ok(total) }
}

/// `text` as an RFC 3339 instant, and whether it was a bare date, which then means midnight UTC.
pub(crate) fn instant(text: &str) -> Result<(String, bool), &'static str> {
    match text.split_once('T') {
        None if is_date(text) => Ok((format!("{text}T00:00:00Z"), true)),
        Some((date, time)) if is_date(date) && is_time(time) => Ok((text.to_owned(), false)),
        _ => Err(DATE),
    }
}

fn split(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !wanted(c)).unwrap_or(text.len()))
}

fn is_date(text: &str) -> bool {
    let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else { return false };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// `hh:mm:ss`, perhaps a fraction, then `Z` or an offset `±hh:mm`.
fn is_time(text: &str) -> bool {
    let Some((clock, zone)) = text.split_at_checked(8) else { return false };
    let zone = match zone.strip_prefix('.').map(|rest| split(rest, |c| c.is_ascii_digit())) {
        Some(("", _)) => return false,
        Some((_, zone)) => zone,
        None => zone,
    };
    let offset = zone.strip_prefix(['+', '-']);
    is_clock(clock, &[24, 60, 60]) && (zone == "Z" || offset.is_some_and(|offset| is_clock(offset, &[24, 60])))
}

/// Two-digit numbers between colons, each below its limit.
fn is_clock(text: &str, limits: &[u32]) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    parts.len() == limits.len()
        && parts.iter().zip(limits).all(|(part, limit)| number(part, 2).is_some_and(|n| n < *limit))
}

fn number(text: &str, digits: usize) -> Option<u32> {
    let plain = text.len() == digits && text.bytes().all(|c| c.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{instant, millis};

    #[test]
    fn durations_add_their_parts() {
        for (text, expected) in
            [("500ms", 500), ("5s", 5_000), ("1m", 60_000), ("1h30m", 5_400_000), ("2d", 172_800_000)]
        {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "s", "5 s", "-5s", "1.5h", "5x", "99999999999999999999s", "999999999999999999d"] {
            assert!(millis(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_bare_date_is_midnight_utc() {
        assert_eq!(instant("2026-01-31"), Ok(("2026-01-31T00:00:00Z".to_owned(), true)));
        assert_eq!(instant("2024-02-29"), Ok(("2024-02-29T00:00:00Z".to_owned(), true)));
    }

    #[test]
    fn instants_keep_their_offset() {
        for text in ["2026-01-31T08:00:00Z", "2026-01-31T08:00:00.250+01:00"] {
            assert_eq!(instant(text), Ok((text.to_owned(), false)));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let bad = ["", "2026", "2026-02-29", "2026-13-01", "2026-1-1", "2026-01-01T", "2026-01-01T08:00:00"];
        let worse = ["2026-01-01T24:00:00Z", "2026-01-01T08:00Z", "2026-01-01T08:00:00.Z", "2026-01-01T08:00:00é"];
        for text in bad.into_iter().chain(worse) {
            assert!(instant(text).is_err(), "{text:?} was accepted");
        }
    }
}
