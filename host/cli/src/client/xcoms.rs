//! `flow-host xcoms`: what tasks handed on.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::EntryKey;
use flow_model::rest::JsonText;
use flow_model::rest::xcoms::{XcomBody, XcomPatch};

use super::call::Call;
use super::input;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use super::tasks::TaskArg;
use crate::output::Answer;

const XCOMS: List = List { entries: "xcom_entries", columns: &["key", "map_index", "timestamp"] };

/// What can be done with an XCom.
#[derive(Debug, Subcommand)]
pub(crate) enum Xcoms {
    /// List what a task instance handed on, by key
    List(ListArgs),
    /// Show the value of an XCom
    #[command(
        after_help = "Examples:\n  flow-host xcoms get etl first report\n  flow-host xcoms get etl first report rows -o json"
    )]
    Get(KeyArgs),
    /// Store an XCom for a task instance, or give it another value
    #[command(
        after_help = "Examples:\n  flow-host xcoms set etl first report rows 10\n  flow-host xcoms set etl first report return_value @report.json"
    )]
    Set(SetArgs),
    /// Delete an XCom
    #[command(after_help = "Example:\n  flow-host xcoms delete etl first report rows")]
    Delete(KeyArgs),
}

/// Whose to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    task: TaskArg,
    #[command(flatten)]
    page: Page,
}

/// Which XCom.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    task: TaskArg,
    /// The XCom's key
    #[arg(value_name = "KEY", default_value = "return_value")]
    key: EntryKey,
}

/// Which XCom, and its value.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    task: TaskArg,
    /// The XCom's key
    #[arg(value_name = "KEY")]
    key: EntryKey,
    /// Its value, or @FILE with it; what is not JSON is stored as a text
    #[arg(value_name = "VALUE|@FILE")]
    value: String,
}

impl Verb for Xcoms {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(ListArgs { task, page }) => {
                let call = Call::get(task.path_to(&["xcomEntries"])).with("map_index", task.map_index);
                session.list(XCOMS, call, &page).await
            }
            Self::Get(KeyArgs { task, key }) => {
                let call = Call::get(task.path_to(&["xcomEntries", key.as_str()])).with("map_index", task.map_index);
                session.field(call, "value").await
            }
            Self::Set(args) => set(session, args).await,
            Self::Delete(KeyArgs { task, key }) => {
                let call = Call::delete(task.path_to(&["xcomEntries", key.as_str()]));
                session.done(call.with("map_index", task.map_index), format!("deleted XCom `{key}`")).await
            }
        }
    }
}

async fn set(session: &Session, args: SetArgs) -> Result<Answer> {
    let SetArgs { task, key, value } = args;
    let value = json(&input::text(value)?)?;
    let map_index = task.map_index.map_or(-1, i64::from);
    let change =
        Call::patch(task.path_to(&["xcomEntries", key.as_str()]), XcomPatch { value: value.clone(), map_index });
    let line = format!("set XCom `{key}`");
    let create = Call::post(task.path_to(&["xcomEntries"]), XcomBody { key, value, map_index });
    Ok(Answer::Done(line, session.change_or_create(change, create).await?))
}

/// A value as people type it: JSON, or a text that is none.
fn json(text: &str) -> Result<JsonText> {
    match JsonText::new(text.trim().to_owned()) {
        Ok(json) => Ok(json),
        Err(_) => Ok(JsonText::new(serde_json::to_string(text)?)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_a_text() {
        let read = |text: &str| String::from(json(text).expect("any text has a value"));
        assert_eq!(read("10"), "10");
        assert_eq!(read(" {\"rows\": 1.50}\n"), "{\"rows\": 1.50}");
        assert_eq!(read("a \"b\""), "\"a \\\"b\\\"\"");
    }
}
