//! Texts that come from guests and people: whether they are JSON, and how much of them is kept.

use serde::de::IgnoredAny;

/// What is wrong with a text that should be JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("it is not JSON: {0}")]
    Malformed(String),
    #[error("it is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    #[error("it is not a JSON object")]
    NotAnObject,
}

/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 128;

/// Checks that `text` is one JSON text of at most `limit` bytes that is not nested too deep.
pub(crate) fn check_json(text: &str, limit: usize) -> Result<(), NotJson> {
    if text.len() > limit {
        return Err(NotJson::TooLarge(limit));
    }
    if depth(text) > MAX_DEPTH {
        return Err(NotJson::TooDeep);
    }
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| NotJson::Malformed(error.to_string()))
}

/// The same, for one JSON object.
pub(crate) fn check_object(text: &str, limit: usize) -> Result<(), NotJson> {
    check_json(text, limit)?;
    if text.trim_start().starts_with('{') { Ok(()) } else { Err(NotJson::NotAnObject) }
}

/// How deep a JSON text is nested, brackets within strings aside.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The most of a message that is kept, in bytes.
const MAX_MESSAGE: usize = 16 << 10;

/// A guest's message as it is kept: cut, and without NUL, which PostgreSQL cannot store.
pub(crate) fn keep_message(message: &str) -> String {
    let mut end = message.len().min(MAX_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_checked_for_form_size_and_depth() {
        assert_eq!(check_json("{\"a\":[1,\"]]]\\\"[\"]}", 100), Ok(()));
        assert_eq!(check_json("[1]", 2), Err(NotJson::TooLarge(2)));
        assert!(matches!(check_json("[1", 100), Err(NotJson::Malformed(_))));
        assert!(matches!(check_json("1 2", 100), Err(NotJson::Malformed(_))));
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(check_json(&nested(128), 1_000), Ok(()));
        assert_eq!(check_json(&nested(129), 1_000), Err(NotJson::TooDeep));
        assert_eq!(check_object("[]", 10), Err(NotJson::NotAnObject));
        assert_eq!(check_object(" {}", 10), Ok(()));
    }

    #[test]
    fn messages_are_cut_between_characters() {
        let long = "ä".repeat(MAX_MESSAGE);
        assert_eq!(keep_message(&long).len(), MAX_MESSAGE);
        assert_eq!(keep_message("a\0b"), "a\u{fffd}b");
    }
}
