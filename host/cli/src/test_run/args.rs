//! What `flow-host test` can be told.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use flow_model::ids::{ConnectionId, DagId, PoolName, VariableKey};
use flow_model::time::Millis;

use super::answers;
use super::expect::Expectation;
use super::span::Span;
use crate::client::instant;
use crate::output::Format;
use crate::settings::{Flags, ForTest};

const EXAMPLES: &str = r#"Time inside the run is skipped while nothing runs: retries, waits and sensors take none of yours. The DAG's schedule
does not start further runs. The exit code is 0 if all is as expected, 1 if something is not, 2 if what is asked makes no
sense. TASK is a task's id, or TASK[2] for one instance of a mapped task.

Examples:
  flow-host test my_flow.wasm my-flow
  flow-host test my_flow.wasm my-flow --conf '{"name": "Ada"}' --expect 'greet="Hello, Ada!"'
  flow-host test etl.wasm etl --conf @conf.json --conn reports=http://reports.example.com --junit report.xml
  flow-host test flaky.wasm flaky --conf '{"mode": "fail"}' --expect-state run=failed --expect-state attempt=failed"#;

/// What to run, with what, and what should come of it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TestArgs {
    /// The component
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The id of the DAG to run
    #[arg(value_name = "DAG")]
    pub(super) dag: DagId,
    #[command(flatten)]
    pub(super) given: GivenArgs,
    /// What a task has to return, as JSON; of a mapped task the list of what its instances return
    #[arg(long, value_name = "TASK=JSON", value_parser = Expectation::of_result)]
    pub(super) expect: Vec<Expectation>,
    /// How a task has to end, with all its instances; `run` is the run itself, which has to succeed if left out
    #[arg(long, value_name = "TASK=STATE", value_parser = Expectation::of_state)]
    pub(super) expect_state: Vec<Expectation>,
    /// How much of its own time the run may take
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    pub(super) max_time: Span,
    /// How much real time the run may take
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    pub(super) max_real_time: Span,
    /// Write what came of it to a file, as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// The form to show what came of it in
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_enum)]
    pub(super) output: Format,
    /// Settings.
    #[command(flatten)]
    pub(crate) flags: Flags<ForTest>,
}

/// What the run finds.
#[derive(Debug, Args)]
pub(super) struct GivenArgs {
    /// The run's conf: a JSON object, or @FILE with one
    #[arg(short, long, value_name = "JSON|@FILE")]
    pub(super) conf: Option<String>,
    /// The run's logical date: a date, or an instant with its zone
    #[arg(short = 'e', long, value_name = "INSTANT", value_parser = instant)]
    pub(super) logical_date: Option<Millis>,
    /// A variable and its value, or @FILE with it
    #[arg(long = "var", value_name = "KEY=VALUE", value_parser = pair::<VariableKey, String>)]
    pub(super) vars: Vec<(VariableKey, String)>,
    /// Variables in a JSON or YAML file such as `flow-host variables export` makes; --var goes before it
    #[arg(long, value_name = "FILE")]
    pub(super) vars_file: Option<PathBuf>,
    /// A connection as type://login:password@host:port/schema?extra
    #[arg(long = "conn", value_name = "ID=URI", value_parser = pair::<ConnectionId, String>)]
    pub(super) conns: Vec<(ConnectionId, String)>,
    /// Connections in a JSON or YAML file such as `flow-host connections export` makes; --conn goes before it
    #[arg(long, value_name = "FILE")]
    pub(super) conns_file: Option<PathBuf>,
    /// A pool and its slots; pools that only the DAG names have as many as anybody wants
    #[arg(long = "pool", value_name = "NAME=SLOTS", value_parser = pair::<PoolName, i64>)]
    pub(super) pools: Vec<(PoolName, i64)>,
    /// What a task's question is answered: an option, or a JSON object with all that an answer holds
    #[arg(long, value_name = "TASK=OPTION", value_parser = answers::Given::parse)]
    pub(super) answer: Vec<answers::Given>,
}

/// A name and what belongs to it.
fn pair<K: FromStr, V: FromStr>(text: &str) -> Result<(K, V), String>
where
    K::Err: ToString,
    V::Err: ToString,
{
    let (name, value) = text.split_once('=').ok_or("there is no `=` after the name")?;
    let name = name.parse().map_err(|error: K::Err| error.to_string())?;
    Ok((name, value.parse().map_err(|error: V::Err| error.to_string())?))
}
