//! A JSON value that is passed on exactly as it was written.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Any JSON value, kept as its text: no number loses digits and no key its place.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// `text` as a value, if it is one.
    pub fn new(text: String) -> serde_json::Result<Self> {
        RawValue::from_string(text).map(Self)
    }

    /// The value's text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value as a JSON string: with its text in it, unless it is one.
    pub fn quoted(self) -> serde_json::Result<Self> {
        if self.as_str().starts_with('"') { Ok(self) } else { to_raw_value(self.as_str()).map(Self) }
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl From<JsonText> for String {
    fn from(json: JsonText) -> Self {
        Box::<str>::from(json.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_once() {
        let quoted = |text: &str| JsonText::new(text.to_owned()).and_then(JsonText::quoted).map(String::from);
        assert_eq!(quoted(r#"{"x": 1.10}"#).expect("JSON"), r#""{\"x\": 1.10}""#);
        assert_eq!(quoted(r#""plain""#).expect("JSON"), r#""plain""#);
    }
}
