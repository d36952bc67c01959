//! `wit/log.wit`

use flow_model::call::limit;
use flow_model::work::LogLevel;
use serde_json::{Value, json};

use crate::bindings::imports::log::{Host, Level};
use crate::guest::Guest;

impl Host for Guest {
    async fn log(&mut self, level: Level, mut message: String, fields: Option<String>) {
        message.truncate(message.floor_char_boundary(limit::LOG_MESSAGE));
        self.log.message(level.into(), message, fields.map(|text| read_fields(&text)));
        self.log.room().await;
    }
}

/// The guest's fields; what is not an object is kept as a text, since `log` has no way to refuse it.
fn read_fields(text: &str) -> Value {
    let text = &text[..text.floor_char_boundary(limit::LOG_MESSAGE)];
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Value::Object(fields),
        Ok(_) | Err(_) => json!({ "fields": text }),
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
