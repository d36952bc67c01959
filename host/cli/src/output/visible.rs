//! Makes text from elsewhere harmless to look at: control characters could move the cursor, recolour or rename a terminal,
//! and direction marks could make one name look like another.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

/// The text on one line, each character that could deceive as `\u{…}`, and line ends and tabs as `\n`, `\r` and `\t`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, deceives)
}

/// The same with line ends and tabs left as they are.
pub(crate) fn visible_lines(text: &str) -> String {
    escaped(text, |c| deceives(c) && !matches!(c, '\n' | '\t')).into_owned()
}

/// Indented JSON in which nothing deceives: what JSON itself allows raw in texts is written as `\uXXXX`.
pub(super) fn json(value: &Value) -> String {
    escape_json(&format!("{value:#}"))
}

/// JSON on one line in which nothing deceives.
pub(crate) fn json_line(value: &Value) -> String {
    escape_json(&value.to_string())
}

/// YAML in which nothing deceives: YAML escapes control characters itself, and JSON, which YAML includes, does for the rest.
pub(super) fn yaml(value: &Value) -> String {
    match serde_yaml_ng::to_string(value) {
        Ok(text) if !text.chars().any(|c| c != '\n' && deceives(c)) => text,
        Ok(_) | Err(_) => json(value) + "\n",
    }
}

fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Line ends outside of texts are the indentation's; inside of texts JSON has escaped them already.
        if c != '\n' && deceives(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn escaped(text: &str, hide: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&hide) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hide(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Control characters, line and paragraph separators, and marks that are invisible or change the direction of text.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_deceives_is_spelled_out() {
        for (text, shown) in [
            ("plain ünïcödé 🚀", "plain ünïcödé 🚀"),
            ("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("safe\u{202e}txt.exe", "safe\\u{202e}txt.exe"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible_lines("a\n\tb\x07"), "a\n\tb\\u{7}");
    }

    #[test]
    fn json_and_yaml_keep_their_meaning() {
        let value = json!({"a": "\u{9b}\u{202e}\x1b\n", "b\u{7f}": [1, null]});
        for text in [json(&value), json_line(&value), yaml(&value)] {
            assert!(!text.chars().any(|c| c != '\n' && deceives(c)), "{text:?}");
            let back: Value = serde_yaml_ng::from_str(&text).expect("it is still YAML");
            assert_eq!(back, value, "{text:?}");
        }
        assert_eq!(serde_json::from_str::<Value>(&json(&value)).expect("it is still JSON"), value);
    }
}
