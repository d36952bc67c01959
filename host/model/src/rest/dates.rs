//! The ranges of dates by which lists of runs and of task instances are narrowed.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::time::Millis;

/// Ranges of dates. All conditions hold at once; what has no such date is outside of any range.
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
}
