//! What a module says of when its DAGs run. [`crate::timetable::Schedule::parse`] turns it into something to rely on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// When scheduled runs are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleSpec {
    /// A cron expression (five fields, or a preset such as `@daily`) in an IANA time zone, `UTC` unless given.
    Cron {
        /// The expression.
        expression: String,
        /// The zone's name, such as `Europe/Amsterdam`.
        #[serde(default = "utc")]
        timezone: String,
    },
    /// A fixed interval in milliseconds, at least one second, counted from `start_date`.
    Interval {
        /// The interval's length.
        every_ms: u64,
    },
}

impl fmt::Display for ScheduleSpec {
    /// As lists show it: the cron expression, or the interval in days, hours, minutes, seconds and milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron { expression, timezone: _ } => f.write_str(expression),
            Self::Interval { every_ms } => {
                f.write_str("every")?;
                let mut rest = *every_ms;
                for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
                    if rest >= length {
                        write!(f, " {}{unit}", rest / length)?;
                        rest %= length;
                    }
                }
                Ok(())
            }
        }
    }
}

fn utc() -> String {
    "UTC".to_owned()
}
