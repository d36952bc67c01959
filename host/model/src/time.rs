//! Instants and spans in milliseconds. The model never asks what time it is: `now` is an argument.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970-01-01T00:00:00Z. In JSON it is an RFC 3339 text, as in Airflow's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T10:00:00.000Z")]
pub struct Millis(pub i64);

impl Millis {
    /// The end of the last year that every notation and every database can hold.
    pub const LAST: Self = Self(253_402_300_799_999);

    /// `self + span`, or the last representable instant.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// `self` and this many milliseconds, or the last representable instant.
    #[must_use]
    pub fn after_ms(self, span: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(span).unwrap_or(i64::MAX)))
    }

    /// `self - span`, or the first representable instant.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// The span from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether it is in the years 1 to 9999, which every notation and every database can hold.
    pub fn is_dated(self) -> bool {
        (-62_135_596_800_000..=Self::LAST.0).contains(&self.0)
    }

    /// The instant as a `chrono` value; `None` outside the years that it can hold.
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }
}

impl From<DateTime<Utc>> for Millis {
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_millis())
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(instant) => f.write_str(&instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl std::str::FromStr for Millis {
    type Err = chrono::ParseError;

    fn from_str(s: &str) -> Result<Self, chrono::ParseError> {
        DateTime::parse_from_rfc3339(s).map(|instant| Self::from(instant.to_utc()))
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| de::Error::custom(format!("{text:?} is not an RFC 3339 instant with a time zone")))
    }
}

/// Where an instant comes from. Only the binary makes one that reads the machine's clock.
pub type Clock = std::sync::Arc<dyn Fn() -> Millis + Send + Sync>;

/// Where random bytes come from. Only the binary makes one that asks the machine.
pub type Entropy = std::sync::Arc<dyn Fn(&mut [u8]) + Send + Sync>;
