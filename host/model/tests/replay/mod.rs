//! Plays runs: DAGs and what their attempts come to, in the format of the golden vectors, without a database.

pub(crate) mod play;
mod spec;
pub(crate) mod store;

use std::collections::BTreeSet;

use flow_model::graph::Graph;
use serde_json::Value;

pub(crate) use play::{ORDERS, Order, play};
pub(crate) use spec::Vector;

/// How everything ended: the states of the runs, and each task instance's run, id, index, state and number of tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) runs: Vec<String>,
    pub(crate) instances: BTreeSet<(usize, String, i64, Option<String>, u32)>,
}

pub(crate) fn difference(came: &Outcome, expected: &Outcome) -> String {
    let surplus: Vec<_> = came.instances.difference(&expected.instances).collect();
    let missing: Vec<_> = expected.instances.difference(&came.instances).collect();
    format!("runs {:?} instead of {:?}; came {surplus:?}; expected {missing:?}", came.runs, expected.runs)
}

/// The graph of a DAG's JSON.
fn graph(dag: Value) -> Result<Graph, String> {
    let spec = serde_json::from_value(dag).map_err(|error| format!("the DAG: {error}"))?;
    Graph::build(spec).map_err(|error| format!("the DAG: {error}"))
}

/// The member `name` of a vector.
pub(crate) fn member<T: serde::de::DeserializeOwned>(vector: &Value, name: &str) -> Result<T, String> {
    serde_json::from_value(vector[name].clone()).map_err(|error| format!("{name}: {error}"))
}
