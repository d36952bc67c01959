//! What people hand in besides names: JSON texts, files, secrets, and a yes.

use std::io::{IsTerminal as _, Read as _, stdin};
use std::path::Path;

use anyhow::{Context as _, Result};
use flow_model::rest::JsonText;
use serde_json::{Map, Value};

use crate::errors::Failure;

/// A text as it was typed, or that of the file it names as `@file` (`@-` for standard input).
pub(crate) fn text(given: String) -> Result<String> {
    match given.strip_prefix('@') {
        Some(file) => read(Path::new(file)),
        None => Ok(given),
    }
}

/// A JSON object given as such a text, kept as it was written.
pub(crate) fn object(flag: &str, given: String) -> Result<JsonText> {
    let source = given.strip_prefix('@').map_or_else(|| flag.to_owned(), |file| format!("{flag} {file}"));
    let text = text(given)?;
    let hint = r#"write it as '{"key": "value"}'"#;
    match JsonText::new(text) {
        Ok(json) if json.as_str().starts_with('{') => Ok(json),
        Ok(_) => Err(Failure::usage(format!("{source} is not a JSON object")).hint(hint).into()),
        Err(error) => Err(Failure::usage(format!("{source} is not JSON: {error}")).hint(hint).into()),
    }
}

/// The named things in a JSON or YAML file.
pub(crate) fn entries(file: &Path) -> Result<Map<String, Value>> {
    let text = read(file)?;
    let parsed: Result<Map<String, Value>> = if is_yaml(file) {
        serde_yaml_ng::from_str(&text).map_err(Into::into)
    } else {
        serde_json::from_str(&text).map_err(Into::into)
    };
    parsed.map_err(|error| {
        Failure::usage(format!("{} is not a JSON or YAML object: {error}", file.display()))
            .hint("write a file like the one that `export` makes")
            .into()
    })
}

/// Whether a file is YAML by its name.
pub(crate) fn is_yaml(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "yaml" || kind == "yml")
}

/// A file's text; `-` is standard input.
pub(crate) fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return std::io::read_to_string(stdin()).context("cannot read standard input");
    }
    std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())).into())
}

/// A secret: from standard input, or typed on the terminal without being shown.
pub(crate) fn secret(what: &str, from_stdin: bool) -> Result<String> {
    /// No password or token is longer.
    const LONGEST: u64 = 64 << 10;

    let text = if from_stdin {
        let mut text = String::new();
        stdin().take(LONGEST).read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else if stdin().is_terminal() {
        eprint!("{what}: ");
        console::Term::stderr().read_secure_line().with_context(|| format!("cannot read the {what}"))?
    } else {
        return Err(Failure::usage(format!("there is no terminal to type the {what} on"))
            .hint("hand it in with --password-stdin or --token-stdin")
            .into());
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Failure::usage(format!("the {what} is empty")).into());
    }
    Ok(text.to_owned())
}

/// A new password. One that is typed is typed twice: nobody sees what it is.
pub(crate) fn new_password(whose: &str, from_stdin: bool) -> Result<String> {
    let password = secret(&format!("password of {whose}"), from_stdin)?;
    if !from_stdin && secret("the same again", false)? != password {
        return Err(Failure::usage("the two passwords are not the same").into());
    }
    Ok(password)
}

/// Asks before something is lost, where there is somebody to ask.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes || !stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(());
    }
    eprint!("{question} [y/N] ");
    let mut line = String::new();
    stdin().read_line(&mut line).context("cannot read the answer")?;
    if matches!(line.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::failed("left as it is").into()) }
}

/// Refuses what an export has masked, before anything is changed.
pub(crate) fn refuse_masked(kind: &str, entries: &Map<String, Value>) -> Result<()> {
    let masked: Vec<String> =
        entries.iter().filter(|(_, value)| is_masked(value)).map(|(name, _)| format!("`{name}`")).collect();
    if masked.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!("masked values cannot be imported: {kind} {}", masked.join(", ")))
        .hint(format!("write the secrets in place of `{}`, or leave these out", flow_model::secret::MASK))
        .into())
}

fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text == flow_model::secret::MASK,
        Value::Array(items) => items.iter().any(is_masked),
        Value::Object(fields) => fields.values().any(is_masked),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conf_is_an_object_given_as_text_or_as_a_file() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("conf.json");
        std::fs::write(&file, r#"{"a": 1}"#).expect("it can be written");
        for text in [r#"{"a": 1}"#.to_owned(), format!("@{}", file.display())] {
            assert_eq!(object("--conf", text).expect("it is an object").as_str(), r#"{"a": 1}"#);
        }
        for (text, reason) in [
            ("[1]", "--conf is not a JSON object"),
            ("{", "--conf is not JSON: "),
            ("@/nowhere/conf.json", "cannot read /nowhere/conf.json: "),
        ] {
            let error = object("--conf", text.to_owned()).expect_err("it is no conf");
            assert!(error.to_string().starts_with(reason), "{error}");
            assert_eq!(crate::errors::report(&error), std::process::ExitCode::from(2));
        }
    }

    #[test]
    fn files_are_json_or_yaml() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (name, text) in [("a.json", "{\t\"k\": \"v\"}"), ("a.yaml", "k: v\n")] {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("it can be written");
            assert_eq!(Value::Object(entries(&file).expect("it is an object")), json!({"k": "v"}));
        }
    }

    #[test]
    fn masks_are_found_at_any_depth() {
        let entries = |value: Value| Map::from_iter([("k".to_owned(), value)]);
        assert!(refuse_masked("variable", &entries(json!("** not a mask ***"))).is_ok());
        for value in [json!("***"), json!({"value": {"password": "***"}}), json!(["***"])] {
            let error = refuse_masked("variable", &entries(value)).expect_err("it is masked");
            assert_eq!(error.to_string(), "masked values cannot be imported: variable `k`");
        }
    }
}
