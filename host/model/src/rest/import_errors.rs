//! `/api/v2/importErrors`

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::time::Millis;

/// Why the newest upload of a module was not accepted. It goes with the next upload that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportError {
    /// Its number.
    pub import_error_id: i64,
    /// When the upload was refused.
    pub timestamp: Millis,
    /// The source file, where the guest named it; the module's name otherwise.
    pub filename: String,
    /// The module's name.
    pub bundle_name: String,
    /// What is wrong, and with which DAG.
    pub stack_trace: String,
}

/// Which import errors are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
pub struct ImportErrorFilter {
    /// Of this module.
    pub bundle_name: Option<String>,
    /// With this file name, which is the module's.
    pub filename: Option<String>,
    /// With a file name that matches this SQL `LIKE` pattern.
    pub filename_pattern: Option<String>,
    /// With a file name that begins with this.
    pub filename_prefix_pattern: Option<String>,
}
