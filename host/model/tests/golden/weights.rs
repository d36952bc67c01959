//! Priority weights of whole DAGs.

use std::collections::BTreeMap;

use flow_model::graph::Graph;
use flow_model::priority;
use serde_json::{Value, json};

use crate::member;

pub(crate) fn check(vector: &Value) -> Result<(), String> {
    let tasks: Vec<Value> = member(vector, "tasks")?;
    // Mapping has no part in it: every instance of a mapped task has the weight of the task.
    let tasks = tasks.iter().map(|task| {
        json!({
            "task_id": task["id"],
            "function": "f",
            "depends_on": task["upstream"],
            "priority_weight": task["priority_weight"],
            "weight_rule": task["weight_rule"],
        })
    });
    let spec = json!({"dag_id": "golden", "tasks": tasks.collect::<Vec<_>>()});
    let spec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
    let graph = Graph::build(spec).map_err(|error| error.to_string())?;
    let ids = graph.tasks().map(|task| graph.task(task).task_id.to_string());
    let found: BTreeMap<String, i32> = ids.zip(priority::weights(&graph)).collect();
    let expected: BTreeMap<String, i32> = member(vector, "priority_weight")?;
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, got {found:?}")) }
}
