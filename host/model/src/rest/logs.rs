//! `…/taskInstances/{task_id}/logs/{try_number}`

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::time::Millis;
use crate::work::{LogLevel, LogLine, LogSource};

/// A part of the log of a try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskLog {
    /// Its lines.
    pub content: Vec<LogMessage>,
    /// How to ask for what follows; null if nothing will.
    pub continuation_token: Option<String>,
}

/// Which part of a log is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Whether all there is comes at once, however much.
    pub full_content: bool,
    /// What follows the part that came with this `continuation_token`.
    pub token: Option<String>,
}

/// One line of a log, as Airflow's structured messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogMessage {
    /// When the host received it.
    pub timestamp: Millis,
    /// The text as the guest wrote it, control characters and all; escape it before showing it.
    pub event: String,
    /// How much it matters.
    pub level: LogLevel,
    /// Which way it took.
    pub logger: LogSource,
    /// Structured values that came with it.
    #[serde(flatten)]
    #[schema(value_type = Object, additional_properties = true)]
    pub fields: Map<String, Value>,
}

impl From<LogLine> for LogMessage {
    /// Fields that are named like a member of the message get `field.` in front.
    fn from(line: LogLine) -> Self {
        let fields = match line.fields {
            Some(Value::Object(fields)) => fields.into_iter().map(|(name, value)| (beside(name), value)).collect(),
            Some(other) => Map::from_iter([("fields".to_owned(), other)]),
            None => Map::new(),
        };
        Self { timestamp: line.timestamp, event: line.event, level: line.level, logger: line.source, fields }
    }
}

fn beside(name: String) -> String {
    match name.as_str() {
        "timestamp" | "event" | "level" | "logger" => format!("field.{name}"),
        _ => name,
    }
}
