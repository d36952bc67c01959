//! The ranges of dates and of durations by which lists of runs and of task instances are narrowed.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use utoipa::IntoParams;

use crate::time::Millis;

/// Ranges of dates and of durations, which are milliseconds here. All conditions hold at once; what has no such date or has
/// not ended is outside of any range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Dates {
    /// Runs due at this instant or later.
    #[param(value_type = Option<String>)]
    pub run_after_gte: Option<Millis>,
    /// Runs due after this instant.
    #[param(value_type = Option<String>)]
    pub run_after_gt: Option<Millis>,
    /// Runs due at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub run_after_lte: Option<Millis>,
    /// Runs due before this instant.
    #[param(value_type = Option<String>)]
    pub run_after_lt: Option<Millis>,
    /// Runs for this logical date or a later one.
    #[param(value_type = Option<String>)]
    pub logical_date_gte: Option<Millis>,
    /// Runs for a later logical date.
    #[param(value_type = Option<String>)]
    pub logical_date_gt: Option<Millis>,
    /// Runs for this logical date or an earlier one.
    #[param(value_type = Option<String>)]
    pub logical_date_lte: Option<Millis>,
    /// Runs for an earlier logical date.
    #[param(value_type = Option<String>)]
    pub logical_date_lt: Option<Millis>,
    /// Begun at this instant or later.
    #[param(value_type = Option<String>)]
    pub start_date_gte: Option<Millis>,
    /// Begun after this instant.
    #[param(value_type = Option<String>)]
    pub start_date_gt: Option<Millis>,
    /// Begun at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub start_date_lte: Option<Millis>,
    /// Begun before this instant.
    #[param(value_type = Option<String>)]
    pub start_date_lt: Option<Millis>,
    /// Ended at this instant or later.
    #[param(value_type = Option<String>)]
    pub end_date_gte: Option<Millis>,
    /// Ended after this instant.
    #[param(value_type = Option<String>)]
    pub end_date_gt: Option<Millis>,
    /// Ended at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub end_date_lte: Option<Millis>,
    /// Ended before this instant.
    #[param(value_type = Option<String>)]
    pub end_date_lt: Option<Millis>,
    /// Changed last at this instant or later.
    #[param(value_type = Option<String>)]
    pub updated_at_gte: Option<Millis>,
    /// Changed last after this instant.
    #[param(value_type = Option<String>)]
    pub updated_at_gt: Option<Millis>,
    /// Changed last at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub updated_at_lte: Option<Millis>,
    /// Changed last before this instant.
    #[param(value_type = Option<String>)]
    pub updated_at_lt: Option<Millis>,
    /// Which took this many seconds or more.
    #[serde(deserialize_with = "milliseconds")]
    #[param(value_type = Option<f64>)]
    pub duration_gte: Option<i64>,
    /// Which took more than this many seconds.
    #[serde(deserialize_with = "milliseconds")]
    #[param(value_type = Option<f64>)]
    pub duration_gt: Option<i64>,
    /// Which took this many seconds or less.
    #[serde(deserialize_with = "milliseconds")]
    #[param(value_type = Option<f64>)]
    pub duration_lte: Option<i64>,
    /// Which took less than this many seconds.
    #[serde(deserialize_with = "milliseconds")]
    #[param(value_type = Option<f64>)]
    pub duration_lt: Option<i64>,
}

/// Ranges of dates of a DAG's newest run. All conditions hold at once; what has no such date is outside of any range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct NewestRun {
    /// Whose newest run began at this instant or later.
    #[param(value_type = Option<String>)]
    pub dag_run_start_date_gte: Option<Millis>,
    /// Whose newest run began after this instant.
    #[param(value_type = Option<String>)]
    pub dag_run_start_date_gt: Option<Millis>,
    /// Whose newest run began at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub dag_run_start_date_lte: Option<Millis>,
    /// Whose newest run began before this instant.
    #[param(value_type = Option<String>)]
    pub dag_run_start_date_lt: Option<Millis>,
    /// Whose newest run ended at this instant or later.
    #[param(value_type = Option<String>)]
    pub dag_run_end_date_gte: Option<Millis>,
    /// Whose newest run ended after this instant.
    #[param(value_type = Option<String>)]
    pub dag_run_end_date_gt: Option<Millis>,
    /// Whose newest run ended at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub dag_run_end_date_lte: Option<Millis>,
    /// Whose newest run ended before this instant.
    #[param(value_type = Option<String>)]
    pub dag_run_end_date_lt: Option<Millis>,
}

/// Reads seconds.
fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let seconds = Option::<f64>::deserialize(deserializer)?;
    let whole = |seconds| i64::try_from(Duration::try_from_secs_f64(seconds).ok()?.as_millis()).ok();
    let read = |seconds| whole(seconds).ok_or_else(|| de::Error::custom("use a number of seconds from 0"));
    seconds.map(read).transpose()
}
