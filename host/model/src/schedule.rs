//! What a module says of when its DAGs run. [`crate::timetable::Schedule::parse`] turns it into something to rely on.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asset::AssetExpression;
use crate::asset::partition::Partitions;
use crate::delta::Delta;
use crate::time::Millis;

/// When runs are made without anybody asking for them: Airflow's timetables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleSpec {
    /// Whenever a cron expression fires: five fields, six with seconds, or a preset such as `@daily`; also `@once` and
    /// `@continuous`.
    Cron {
        /// The expression.
        expression: String,
        /// An IANA time zone, such as `Europe/Amsterdam`.
        #[serde(default = "utc")]
        timezone: String,
        /// How long before its instant a run's data begins; nothing unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interval: Option<Delta>,
        /// What becomes of the instant before the DAG appeared.
        #[serde(default, skip_serializing_if = "RunImmediately::is_default")]
        run_immediately: RunImmediately,
    },
    /// Whenever one of several cron expressions fires.
    MultipleCron {
        /// The expressions.
        expressions: Vec<String>,
        /// An IANA time zone.
        #[serde(default = "utc")]
        timezone: String,
        /// How long before its instant a run's data begins; nothing unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interval: Option<Delta>,
        /// What becomes of the instant before the DAG appeared.
        #[serde(default, skip_serializing_if = "RunImmediately::is_default")]
        run_immediately: RunImmediately,
    },
    /// Once every so many milliseconds, at least a second, counted from `start_date`.
    Interval {
        /// The interval's length.
        every_ms: u64,
    },
    /// Once every so often, counted from `start_date`.
    Delta {
        /// How often.
        every: Delta,
        /// How long before its instant a run's data begins; nothing unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interval: Option<Delta>,
    },
    /// At the end of each interval between two instants of a cron expression, which is the run's data.
    CronDataInterval {
        /// The expression.
        expression: String,
        /// An IANA time zone.
        #[serde(default = "utc")]
        timezone: String,
    },
    /// At the end of each interval of this length, which is the run's data.
    DeltaDataInterval {
        /// The interval's length.
        every: Delta,
    },
    /// Once, as soon as may be.
    Once,
    /// Again as soon as the last run has ended.
    Continuous,
    /// At these instants.
    Events {
        /// The instants, in any order.
        at: Vec<Millis>,
        /// Whether a run that is triggered by hand stands for the event before it instead of the moment it was asked for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        restrict_to_events: bool,
        /// What the timetable is called in lists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// Never; only by hand.
    Never,
    /// Whenever assets have been updated.
    Assets {
        /// Which ones.
        expression: AssetExpression,
        /// What their parts mean, if the DAG has a run for each part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partitions: Option<Partitions>,
    },
    /// Whenever assets have been updated, and besides by time.
    AssetOrTime {
        /// Which assets.
        assets: AssetExpression,
        /// Which times.
        timetable: Box<Self>,
    },
    /// When a timetable that the module exports says so.
    Custom {
        /// The timetable's name in the module.
        timetable: String,
        /// What the module gets to know besides the name.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        params: Value,
    },
}

/// Whether a DAG without a start date begins with the instant before it appeared, or with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunImmediately {
    /// With the one before if that was a moment ago: within a tenth of the gap between the two, or five minutes.
    #[default]
    IfRecent,
    /// With the one before.
    Always,
    /// With the one before if that was at most so many milliseconds ago.
    WithinMs(u64),
}

impl RunImmediately {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl ScheduleSpec {
    /// The time zone whose clock it follows.
    pub fn timezone(&self) -> &str {
        match self {
            Self::Cron { timezone, .. }
            | Self::MultipleCron { timezone, .. }
            | Self::CronDataInterval { timezone, .. } => timezone,
            Self::AssetOrTime { timetable, .. } => timetable.timezone(),
            Self::Interval { .. }
            | Self::Delta { .. }
            | Self::DeltaDataInterval { .. }
            | Self::Once
            | Self::Continuous
            | Self::Events { .. }
            | Self::Never
            | Self::Assets { .. }
            | Self::Custom { .. } => "UTC",
        }
    }

    /// The name of the module's timetable that says when runs are due by time, and what it gets to know, if there is one.
    pub fn custom(&self) -> Option<(&str, &Value)> {
        match self {
            Self::Custom { timetable, params } => Some((timetable, params)),
            Self::AssetOrTime { timetable, .. } => timetable.custom(),
            Self::Cron { .. }
            | Self::MultipleCron { .. }
            | Self::Interval { .. }
            | Self::Delta { .. }
            | Self::CronDataInterval { .. }
            | Self::DeltaDataInterval { .. }
            | Self::Once
            | Self::Continuous
            | Self::Events { .. }
            | Self::Never
            | Self::Assets { .. } => None,
        }
    }

    /// Whether its DAG has a run for each part of its assets.
    pub fn is_partitioned(&self) -> bool {
        match self {
            Self::Assets { partitions, .. } => partitions.is_some(),
            Self::Cron { .. }
            | Self::MultipleCron { .. }
            | Self::Interval { .. }
            | Self::Delta { .. }
            | Self::CronDataInterval { .. }
            | Self::DeltaDataInterval { .. }
            | Self::Once
            | Self::Continuous
            | Self::Events { .. }
            | Self::Never
            | Self::AssetOrTime { .. }
            | Self::Custom { .. } => false,
        }
    }

    /// What lists show of it.
    pub fn summary(&self) -> String {
        match self {
            Self::Cron { expression, .. } | Self::CronDataInterval { expression, .. } => expression.clone(),
            Self::MultipleCron { expressions, .. } => expressions.join(", "),
            Self::Interval { every_ms } => Delta::Ms(*every_ms).to_string(),
            Self::Delta { every, .. } | Self::DeltaDataInterval { every } => every.to_string(),
            Self::Once => "@once".to_owned(),
            Self::Continuous => "@continuous".to_owned(),
            Self::Events { description: Some(description), .. } => description.clone(),
            Self::Events { at, .. } => format!("{} events", at.len()),
            Self::Never => "None".to_owned(),
            Self::Assets { .. } => "Asset".to_owned(),
            Self::AssetOrTime { timetable, .. } => format!("Asset or {timetable}"),
            Self::Custom { timetable, .. } => timetable.clone(),
        }
    }
}

impl fmt::Display for ScheduleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_short_forms_stay_as_they_are() {
        let read = |json: Value| serde_json::from_value::<ScheduleSpec>(json).expect("a schedule");
        for json in
            [json!({"cron": {"expression": "@daily", "timezone": "UTC"}}), json!({"interval": {"every_ms": 1000}})]
        {
            assert_eq!(serde_json::to_value(read(json.clone())).expect("JSON"), json);
        }
        assert_eq!(read(json!("once")), ScheduleSpec::Once);
        assert_eq!(read(json!({"cron": {"expression": "0 5 * * *"}})).timezone(), "UTC");
        assert!(
            serde_json::from_value::<ScheduleSpec>(json!({"cron": {"expression": "@daily", "tz": "UTC"}})).is_err()
        );
    }

    #[test]
    fn lists_show_a_summary() {
        let shown = |json: Value| serde_json::from_value::<ScheduleSpec>(json).expect("a schedule").to_string();
        assert_eq!(shown(json!({"interval": {"every_ms": 5_400_000}})), "every 1h 30m");
        assert_eq!(shown(json!({"delta": {"every": {"calendar": {"years": 1, "months": -2}}}})), "every 1y -2mo");
        let friday = json!({"days": 1, "weekday": {"day": "fri", "nth": 2}});
        assert_eq!(shown(json!({"delta_data_interval": {"every": {"calendar": friday}}})), "every 1d on the 2. Fri");
        assert_eq!(shown(json!({"multiple_cron": {"expressions": ["@daily", "5 4 * * 1"]}})), "@daily, 5 4 * * 1");
        assert_eq!(shown(json!({"events": {"at": ["2026-01-01T00:00:00Z"]}})), "1 events");
        let either = json!({"asset_or_time": {"assets": {"alias": "a"}, "timetable": "continuous"}});
        assert_eq!(shown(either), "Asset or @continuous");
    }
}
