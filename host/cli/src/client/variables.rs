//! `flow-host variables`: values that DAGs read at run time.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use flow_model::ids::{InvalidName, VariableKey};
use flow_model::rest::variables::VariableBody;
use serde_json::{Map, Value, json};

use super::call::{Call, at};
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
            Self::Get(KeyArg { key }) => session.field(Call::get(at!["variables", key]), "value").await,
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
    let value = input::text(value)?;
    if json && let Err(error) = serde_json::from_str::<Value>(&value) {
        return Err(Failure::usage(format!("the value of `{key}` is not JSON: {error}")).into());
    }
    let variable = VariableBody { key, value: value.into(), description, team_name: None };
    let whole = put(session, &variable).await?;
    Ok(Answer::Done(format!("set variable `{}`", variable.key), whole))
}

/// Changes the variable, or creates it if there is none.
async fn put(session: &Session, variable: &VariableBody) -> Result<Value> {
    let (path, above) = (at!["variables", variable.key], at!["variables"]);
    session.change_or_create(Call::patch(path, variable), Call::post(above, variable)).await
}

async fn import(session: &Session, args: ImportArgs) -> Result<Answer> {
    let entries = input::entries(&args.file)?;
    input::refuse_masked("variable", &entries)?;
    let variables = parse(entries)?;
    let existing = existing_keys(session).await?;
    let exists = |variable: &&VariableBody| existing.iter().any(|key| key == variable.key.as_str());
    if args.action_on_existing_key == OnExisting::Fail
        && let Some(variable) = variables.iter().find(exists)
    {
        return Err(
            Failure::failed(format!("variable `{}` exists already, so nothing was imported", variable.key)).into()
        );
    }
    let skips = args.action_on_existing_key == OnExisting::Skip;
    let mut count = 0;
    for variable in variables.iter().filter(|variable| !(skips && exists(variable))) {
        put(session, variable).await?;
        count += 1;
    }
    Ok(Answer::Done(format!("imported {count} of {} variables", variables.len()), json!({ "imported": count })))
}

async fn existing_keys(session: &Session) -> Result<Vec<String>> {
    let (rows, _) = session.entries(VARIABLES.entries, Call::get(at!["variables"]), &Page::ALL).await?;
    Ok(rows.iter().filter_map(|row| row.get("key")?.as_str().map(str::to_owned)).collect())
}

/// The file's variables, each a value or an object of `value` and `description`, as Airflow exports them.
pub(crate) fn parse(entries: Map<String, Value>) -> Result<Vec<VariableBody>> {
    let parsed = entries.into_iter().map(|(key, entry)| {
        let key = key.parse().map_err(|error: InvalidName| Failure::usage(error.to_string()))?;
        let (value, description) = match entry {
            Value::Object(mut fields) if fields.contains_key("value") => {
                let description = fields.get("description").and_then(Value::as_str).map(str::to_owned);
                (fields.remove("value").unwrap_or_default(), description)
            }
            value => (value, None),
        };
        Ok(VariableBody { key, value, description, team_name: None })
    });
    parsed.collect()
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
        let shown: Vec<_> = parsed
            .iter()
            .map(|variable| (variable.key.as_str(), variable.value.as_str(), variable.description.as_deref()))
            .collect();
        assert_eq!(shown, [("a", Some("1"), None), ("b", Some("{\"x\": 1}"), Some("why"))]);
    }

    #[test]
    fn a_bad_key_is_named_before_anything_is_sent() {
        let entries = Map::from_iter([("../x".to_owned(), json!(1))]);
        let error = parse(entries).err().expect("the key is no key");
        assert!(error.to_string().contains("../x"), "{error}");
    }
}
