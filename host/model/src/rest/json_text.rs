//! A JSON value that is passed on exactly as it was written.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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
