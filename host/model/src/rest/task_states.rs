//! `…/taskInstances/{task_id}/state-store`: what a task instance remembers between its tries.

use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::{IntoParams, ToSchema};

use super::JsonText;
use crate::ids::EntryKey;
use crate::time::Millis;

/// Something that a task instance remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskState {
    /// Its key.
    pub key: EntryKey,
    /// Its value; a text that is not JSON is shown as a JSON string.
    #[schema(value_type = Value)]
    pub value: JsonText,
    /// When it was last set.
    pub updated_at: Millis,
    /// From when on cleaning may remove it; null for never.
    pub expires_at: Option<Millis>,
}

/// What a task instance shall remember.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskStateBody {
    /// Its value, which is not null.
    #[schema(value_type = Value)]
    pub value: JsonText,
    /// From when on cleaning may remove it; null and `default` for never.
    #[serde(default, deserialize_with = "expiry")]
    pub expires_at: Option<Millis>,
}

/// Another value for what a task instance remembers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskStatePatch {
    /// Its value, which is not null.
    #[schema(value_type = Value)]
    pub value: JsonText,
}

/// Whose memory is cleared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct TaskStateClearing {
    /// That of all mapped instances of the task, whatever `map_index` says.
    pub all_map_indices: bool,
}

fn expiry<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("default") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            de::Error::custom(format!("{text:?} is neither \"default\" nor an RFC 3339 instant with a time zone"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expires(body: &str) -> Result<Option<Millis>, String> {
        serde_json::from_str::<TaskStateBody>(body).map(|body| body.expires_at).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_expires_unless_the_body_says_when() {
        assert_eq!(expires(r#"{"value": 1}"#), Ok(None));
        assert_eq!(expires(r#"{"value": 1, "expires_at": null}"#), Ok(None));
        assert_eq!(expires(r#"{"value": 1, "expires_at": "default"}"#), Ok(None));
        assert_eq!(expires(r#"{"value": 1, "expires_at": "1970-01-01T00:00:01Z"}"#), Ok(Some(Millis(1_000))));
        let refused = expires(r#"{"value": 1, "expires_at": "1970-01-01T00:00:01"}"#).expect_err("no time zone");
        assert!(refused.contains("RFC 3339"), "{refused}");
    }
}
