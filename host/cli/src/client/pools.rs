//! `flow-host pools`: how many slots tasks share.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::{InvalidName, PoolName};
use flow_model::rest::pools::PoolBody;
use serde_json::{Map, Value, json};

use super::call::{Call, at};
use super::listing::{List, Page};
use super::session::{Session, Verb};
use super::{export, input};
use crate::errors::Failure;
use crate::output::Answer;

const POOLS: List = List {
    entries: "pools",
    columns: &["name", "slots", "occupied_slots", "scheduled_slots", "open_slots", "include_deferred", "description"],
};

/// What can be done with pools.
#[derive(Debug, Subcommand)]
pub(crate) enum Pools {
    /// List pools and what takes their slots
    List(Page),
    /// Show one pool
    Get(NameArg),
    /// Create a pool or change it
    #[command(
        after_help = "Examples:\n  flow-host pools set warehouse 8 'connections to the warehouse'\n  flow-host pools set default_pool 128\n  flow-host pools set default_pool -1"
    )]
    Set(SetArgs),
    /// Delete a pool; tasks that name it wait until there is one of this name again
    Delete(NameArg),
    /// Create or change the pools in a JSON or YAML file
    #[command(
        after_help = "The file holds an object: {\"name\": {\"slots\": number, \"description\": text, \"include_deferred\": bool}}.\n\nExample:\n  flow-host pools import pools.json"
    )]
    Import {
        /// The file, `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write all pools to a file
    Export(export::ExportArgs),
}

/// A pool.
#[derive(Debug, Args)]
pub(crate) struct NameArg {
    /// The pool's name
    #[arg(value_name = "NAME")]
    name: PoolName,
}

/// A pool and what it has.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The pool's name
    #[arg(value_name = "NAME")]
    name: PoolName,
    /// How many slots it has; -1 for as many as anybody wants
    #[arg(value_name = "SLOTS", allow_negative_numbers = true)]
    slots: i64,
    /// What it is for
    #[arg(value_name = "DESCRIPTION")]
    description: Option<String>,
    /// Let deferred tasks keep their slots
    #[arg(long)]
    include_deferred: bool,
}

impl Verb for Pools {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(POOLS, Call::get(at!["pools"]), &page).await,
            Self::Get(NameArg { name }) => session.object(Call::get(at!["pools", name]), &[]).await,
            Self::Set(SetArgs { name, slots, description, include_deferred }) => {
                let pool = PoolBody { name, slots, description, include_deferred, team_name: None };
                let whole = put(session, &pool).await?;
                Ok(Answer::Done(format!("set pool `{}`", pool.name), whole))
            }
            Self::Delete(NameArg { name }) => {
                session.done(Call::delete(at!["pools", name]), format!("deleted pool `{name}`")).await
            }
            Self::Import { file } => import(session, input::entries(&file)?).await,
            Self::Export(args) => {
                let (rows, _) = session.entries(POOLS.entries, Call::get(at!["pools"]), &Page::ALL).await?;
                export::write(args, "pools", rows.iter().filter_map(exported).collect())
            }
        }
    }
}

/// Changes the pool, or creates it if there is none.
async fn put(session: &Session, pool: &PoolBody) -> Result<Value> {
    let (path, above) = (at!["pools", pool.name], at!["pools"]);
    session.change_or_create(Call::patch(path, pool), Call::post(above, pool)).await
}

async fn import(session: &Session, entries: Map<String, Value>) -> Result<Answer> {
    let pools = parse(entries)?;
    for pool in &pools {
        put(session, pool).await?;
    }
    Ok(Answer::Done(format!("imported {} pools", pools.len()), json!({ "imported": pools.len() })))
}

/// The file's pools, as Airflow exports them.
fn parse(entries: Map<String, Value>) -> Result<Vec<PoolBody>> {
    let parsed = entries.into_iter().map(|(name, entry)| {
        let checked: PoolName = name.parse().map_err(|error: InvalidName| Failure::usage(error.to_string()))?;
        let Value::Object(mut fields) = entry else {
            return Err(Failure::usage(format!("pool `{name}` is not an object with `slots`")).into());
        };
        fields.insert("name".to_owned(), checked.as_str().into());
        serde_json::from_value(fields.into())
            .map_err(|error| Failure::usage(format!("pool `{name}` is not valid: {error}")).into())
    });
    parsed.collect()
}

/// A pool as `import` reads it.
fn exported(row: &Value) -> Option<(String, Value)> {
    let field = |name| row.get(name).cloned().unwrap_or_default();
    let pool = json!({
        "slots": field("slots"),
        "description": field("description"),
        "include_deferred": field("include_deferred"),
    });
    Some((row.get("name")?.as_str()?.to_owned(), pool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exported_is_imported_again() {
        let rows = [
            json!({"name": "a", "slots": -1, "description": null, "include_deferred": false, "open_slots": -1}),
            json!({"name": "b", "slots": 3, "description": "why", "include_deferred": true, "open_slots": 3}),
        ];
        let parsed = parse(rows.iter().filter_map(exported).collect()).expect("they are pools");
        let shown: Vec<_> = parsed.iter().map(|pool| (pool.name.as_str(), pool.slots, pool.include_deferred)).collect();
        assert_eq!(shown, [("a", -1, false), ("b", 3, true)]);
    }

    #[test]
    fn a_mistake_is_named_before_anything_is_sent() {
        for (name, entry) in [("../x", json!({"slots": 1})), ("p", json!(5)), ("p", json!({"slots": 1, "slot": 2}))] {
            let error = parse(Map::from_iter([(name.to_owned(), entry)])).expect_err("it is no pool");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
