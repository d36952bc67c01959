//! `flow-host variables`: values that DAGs read at run time.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use flow_model::ids::VariableKey;
use serde_json::{Map, Value, json};

use super::call::{Call, at, body_of};
use super::export;
use super::input;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use crate::errors::Failure;
use crate::output::Answer;

const VARIABLES: List = List { entries: "variables", columns: &["key", "value", "description"] };

/// What can be done with variables.
#[derive(Debug, Subcommand)]
pub(crate) enum Variables {
    /// List variables
    List(Page),
    /// Show the value of a variable
    Get(KeyArg),
    /// Create a variable or give it another value
    #[command(
        after_help = "Examples:\n  flow-host variables set region eu\n  flow-host variables set limits '{\"rows\": 10}' --json\n  flow-host variables set report @report.md --description 'the template'"
    )]
    Set(SetArgs),
    /// Delete a variable
    Delete(KeyArg),
    /// Create or change the variables in a JSON or YAML file
    #[command(
        after_help = "The file holds an object: {\"key\": value} or {\"key\": {\"value\": value, \"description\": text}}.\n\nExample:\n  flow-host variables import variables.json"
    )]
    Import(ImportArgs),
    /// Write all variables to a file; values that the server masks stay masked
    Export(export::ExportArgs),
}

/// A variable.
#[derive(Debug, Args)]
pub(crate) struct KeyArg {
    /// The variable's key
    #[arg(value_name = "KEY")]
    key: VariableKey,
}

/// A variable and its value.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The variable's key
    #[arg(value_name = "KEY")]
    key: VariableKey,
    /// Its value, or @FILE with it (@- for standard input, so that a secret stays out of the command line)
    #[arg(value_name = "VALUE|@FILE", allow_hyphen_values = true)]
    value: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Refuse a value that is not JSON
    #[arg(short, long)]
    json: bool,
}

/// What to import.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file, `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What to do about variables that exist already
    #[arg(short, long, value_name = "ACTION", default_value = "overwrite", value_enum)]
    action_on_existing_key: OnExisting,
}

/// What to do about a variable that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnExisting {
    /// Give it the file's value.
    Overwrite,
    /// Change nothing at all.
    Fail,
    /// Leave it as it is.
    Skip,
}

impl Verb for Variables {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(VARIABLES, Call::get(at!["variables"]), &page).await,
            Self::Get(KeyArg { key }) => session.text(Call::get(at!["variables", key]), "value").await,
            Self::Set(args) => set(session, args).await,
            Self::Delete(KeyArg { key }) => {
                session.done(Call::delete(at!["variables", key]), format!("deleted variable `{key}`")).await
            }
            Self::Import(args) => import(session, args).await,
            Self::Export(args) => {
                let (rows, _) = session.entries(VARIABLES.entries, Call::get(at!["variables"]), &Page::ALL).await?;
                export::write(args, "variables", rows.iter().filter_map(exported).collect())
            }
        }
    }
}

async fn set(session: &Session, args: SetArgs) -> Result<Answer> {
    let SetArgs { key, value, description, json } = args;
    let value = match value.strip_prefix('@') {
        Some(file) => input::read(file.as_ref())?,
        None => value,
    };
    if json && let Err(error) = serde_json::from_str::<Value>(&value) {
        return Err(Failure::usage(format!("the value of `{key}` is not JSON: {error}")).into());
    }
    let whole = put(session, &key, &json!(value), description.as_deref()).await?;
    Ok(Answer::Done(format!("set variable `{key}`"), whole))
}

/// Changes the variable, or creates it if there is none.
async fn put(session: &Session, key: &VariableKey, value: &Value, description: Option<&str>) -> Result<Value> {
    let body = body_of(json!({ "key": key, "value": value, "description": description }));
    session.change_or_create(at!["variables", key], at!["variables"], body).await
}

async fn import(session: &Session, args: ImportArgs) -> Result<Answer> {
    let entries = input::entries(&args.file)?;
    input::refuse_masked("variable", &entries)?;
    let variables = parse(entries)?;
    let existing = existing_keys(session).await?;
    if args.action_on_existing_key == OnExisting::Fail
        && let Some((key, ..)) = variables.iter().find(|(key, ..)| existing.contains(&key.to_string()))
    {
        return Err(Failure::failed(format!("variable `{key}` exists already, so nothing was imported")).into());
    }
    let mut count = 0;
    for (key, value, description) in &variables {
        if args.action_on_existing_key != OnExisting::Skip || !existing.contains(&key.to_string()) {
            put(session, key, value, description.as_deref()).await?;
            count += 1;
        }
    }
    Ok(Answer::Done(format!("imported {count} of {} variables", variables.len()), json!({ "imported": count })))
}

async fn existing_keys(session: &Session) -> Result<Vec<String>> {
    let (rows, _) = session.entries(VARIABLES.entries, Call::get(at!["variables"]), &Page::ALL).await?;
    Ok(rows.iter().filter_map(|row| row.get("key")?.as_str().map(str::to_owned)).collect())
}

type Parsed = (VariableKey, Value, Option<String>);

/// The file's variables, each a value or an object of `value` and `description`, as Airflow exports them.
fn parse(entries: Map<String, Value>) -> Result<Vec<Parsed>> {
    let mut variables = Vec::with_capacity(entries.len());
    for (key, entry) in entries {
        let key: VariableKey = key.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        let described = entry.as_object().filter(|fields| fields.contains_key("value"));
        variables.push(match described {
            Some(fields) => {
                let description = fields.get("description").and_then(Value::as_str).map(str::to_owned);
                (key, fields["value"].clone(), description)
            }
            None => (key, entry, None),
        });
    }
    Ok(variables)
}

/// A variable as `import` reads it: its value alone if it has no description.
fn exported(row: &Value) -> Option<(String, Value)> {
    let key = row.get("key")?.as_str()?.to_owned();
    let value = row.get("value")?.clone();
    match row.get("description").filter(|text| !text.is_null()) {
        None => Some((key, value)),
        Some(description) => Some((key, json!({ "value": value, "description": description }))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exported_is_imported_again() {
        let rows = [
            json!({"key": "a", "value": "1", "description": null}),
            json!({"key": "b", "value": "{\"x\": 1}", "description": "why"}),
        ];
        let parsed = parse(rows.iter().filter_map(exported).collect()).expect("the keys are valid");
        let shown: Vec<_> =
            parsed.iter().map(|(key, value, why)| (key.as_str(), value.as_str(), why.as_deref())).collect();
        assert_eq!(shown, [("a", Some("1"), None), ("b", Some("{\"x\": 1}"), Some("why"))]);
    }

    #[test]
    fn a_bad_key_is_named_before_anything_is_sent() {
        let entries = Map::from_iter([("../x".to_owned(), json!(1))]);
        let error = parse(entries).expect_err("the key is no key");
        assert!(error.to_string().contains("../x"), "{error}");
    }
}
