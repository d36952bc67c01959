//! A text that must not appear in logs, and the rule that says which names hold such texts.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What stands where a secret was.
pub const MASK: &str = "***";

/// A text whose `Debug` shows nothing of it. It serialises in clear: only the wire and the sealed store may see it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Secret(String);

impl Secret {
    /// The text in clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Parts of names that mark a value as secret: Airflow's list.
const SENSITIVE: [&str; 12] = [
    "access_token",
    "api_key",
    "apikey",
    "authorization",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "secret",
    "service_account",
    "token",
];

/// Whether a value of this name is masked where people read it.
pub fn is_sensitive(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    SENSITIVE.iter().any(|part| name.contains(part))
}

/// The value of `name` as people may read it: masked if the name says so, and where it is a JSON object or array, with
/// those members masked whose names say so.
pub fn masked(name: &str, value: &str) -> String {
    if is_sensitive(name) && !value.is_empty() {
        return MASK.to_owned();
    }
    let Ok(mut json) = serde_json::from_str::<Value>(value) else { return value.to_owned() };
    if mask_members(&mut json) { json.to_string() } else { value.to_owned() }
}

/// Masks sensitive members at any depth and says whether there was one. The parser bounds the depth.
fn mask_members(json: &mut Value) -> bool {
    match json {
        Value::Object(members) => members.iter_mut().fold(false, |found, (name, value)| {
            if is_sensitive(name) && !value.is_null() {
                *value = MASK.into();
                true
            } else {
                mask_members(value) || found
            }
        }),
        Value::Array(items) => items.iter_mut().map(mask_members).filter(|found| *found).count() > 0,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_by_name_as_airflow_does() {
        for (name, value, expected) in [
            ("region", "eu", "eu"),
            ("db_password", "hunter2", "***"),
            ("DB_PASSWORD ", "hunter2", "***"),
            ("db_password", "", ""),
            (
                "settings",
                r#"{"url":"u","api_key":"k","in":[{"token":1}]}"#,
                r#"{"url":"u","api_key":"***","in":[{"token":"***"}]}"#,
            ),
            ("settings", r#"{ "kept":  "as written" }"#, r#"{ "kept":  "as written" }"#),
            ("number", "17", "17"),
        ] {
            let masked = masked(name, value);
            let same = masked == expected
                || serde_json::from_str::<Value>(&masked).ok() == serde_json::from_str::<Value>(expected).ok();
            assert!(same, "{name}: {masked}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "***");
    }
}
