//! What an attempt prints and logs, line by line.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// One captured line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogLine {
    /// When the host received it.
    pub timestamp: Millis,
    /// How much it matters.
    pub level: LogLevel,
    /// Where it came from.
    pub source: LogSource,
    /// The text as the guest wrote it, control characters and all; escape it before showing it.
    pub event: String,
    /// Structured values that came with it: a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<serde_json::Value>,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// Progress.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// Which way a log line took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// The `log` interface.
    Log,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The host itself: how an attempt ended, where a log was cut.
    Host,
}
