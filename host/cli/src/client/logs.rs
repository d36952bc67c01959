//! `flow-host tasks logs`: what a task instance wrote, as it stands or as it comes.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};

use super::call::Call;
use super::session::Session;
use super::tasks::TaskArg;
use crate::errors::Failure;
use crate::output::{self, Answer, Format, visible};

/// Whose log to show.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    task: TaskArg,
    /// Of which try; the last if left out
    #[arg(long = "try", value_name = "N")]
    try_number: Option<u64>,
    /// Go on as lines come, until the try has ended
    #[arg(short, long)]
    follow: bool,
}

/// Shows the lines, for programs as one JSON object each.
pub(crate) async fn show(session: &Session, args: LogsArgs) -> Result<Answer> {
    let LogsArgs { task, try_number, follow } = args;
    let try_number = match try_number {
        Some(number) => number,
        None => last_try(session, &task).await?,
    };
    let call = Call::get(task.path_to(&["logs", &try_number.to_string()]))
        .with("map_index", task.map_index)
        .with("full_content", Some(true))
        .with("follow", follow.then_some(true));
    let mut lines = session.client.lines(call, "application/x-ndjson").await?;
    while let Some(line) = lines.next().await? {
        if !line.is_empty() {
            output::print(&(shown(&line, session.printer.format) + "\n"))?;
        }
    }
    Ok(Answer::Shown)
}

async fn last_try(session: &Session, task: &TaskArg) -> Result<u64> {
    let instance = session.client.answer(Call::get(task.path())).await?;
    match instance.get("try_number").and_then(Value::as_u64) {
        Some(number) if number > 0 => Ok(number),
        Some(_) | None => Err(Failure::failed(format!("task `{}` has not started yet, so it has no log", task.task))
            .hint("wait for it, or ask with --follow --try 1")
            .into()),
    }
}

/// One line for people: when, how grave, what, and its fields, among them which way it took unless that was the log itself.
/// What is no JSON is shown as it is.
pub(crate) fn shown(line: &str, format: Format) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
        return visible(line).into_owned();
    };
    if matches!(format, Format::Json | Format::Yaml) {
        return output::json_line(&Value::Object(fields));
    }
    if fields.get("logger").is_some_and(|logger| logger == "log") {
        fields.remove("logger");
    }
    let mut take = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => visible(&text).into_owned(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let (at, level, event) = (take("timestamp"), take("level").to_uppercase(), take("event"));
    let mut out = [at, level, event].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    append_fields(&mut out, &fields);
    out
}

fn append_fields(out: &mut String, fields: &Map<String, Value>) {
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let value = match value {
            Value::String(text) if !text.is_empty() && !text.contains(char::is_whitespace) => {
                visible(text).into_owned()
            }
            other => output::json_line(other),
        };
        // Writing to a text cannot fail.
        let _ = write!(out, " {}={value}", visible(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people_and_for_programs() {
        let line = r#"{"timestamp":"2026-11-22T10:00:00Z","event":"he\u001b[2Jllo","level":"info","logger":"log","rows":3,"who":"a b","x":null}"#;
        assert_eq!(shown(line, Format::Table), r#"2026-11-22T10:00:00Z INFO he\u{1b}[2Jllo rows=3 who="a b""#);
        let data: Value = serde_json::from_str(&shown(line, Format::Json)).expect("it is JSON");
        assert_eq!(data["event"], "he\u{1b}[2Jllo");
        assert_eq!(shown("not\u{7}json", Format::Table), "not\\u{7}json");
    }
}
