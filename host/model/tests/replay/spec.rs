//! Vectors as DAGs of ours.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::graph::Graph;
use serde_json::{Value, json};

use super::{graph, member};

/// What attempts come to, by task id or by task id and index.
type Outcomes = BTreeMap<String, Vec<Value>>;

/// One vector.
pub(crate) struct Vector {
    pub(crate) graph: Graph,
    pub(crate) runs: usize,
    outcomes: Vec<Outcomes>,
}

impl Vector {
    pub(crate) fn read(vector: &Value) -> Result<Self, String> {
        let dag = dag(&vector["dag"])?;
        let runs = usize::try_from(member::<u64>(vector, "runs")?).map_err(|error| error.to_string())?;
        let second =
            if vector["outcomes_run1"].is_object() { member(vector, "outcomes_run1")? } else { Outcomes::new() };
        Ok(Self { graph: graph(dag)?, runs, outcomes: vec![member(vector, "outcomes")?, second] })
    }

    /// What a try of a task instance comes to. The last one given repeats.
    pub(crate) fn outcome(&self, run: usize, task: &str, map_index: Option<u32>, try_number: u32) -> Value {
        let outcomes = &self.outcomes[run];
        let own = map_index.and_then(|index| outcomes.get(&format!("{task}:{index}")));
        let tries = own.or_else(|| outcomes.get(task));
        let at = try_number.saturating_sub(1) as usize;
        tries.and_then(|tries| tries.get(at).or(tries.last())).cloned().unwrap_or_else(|| "success".into())
    }
}

fn dag(dag: &Value) -> Result<Value, String> {
    let tasks: Vec<Value> = member(dag, "tasks")?;
    let setups: BTreeSet<String> = tasks.iter().flat_map(|task| texts(&task["setups"])).collect();
    let tasks: Vec<Value> = tasks.iter().map(|one| task(one, &setups)).collect();
    let groups: Vec<Value> = dag["groups"].as_array().into_iter().flatten().map(group).collect();
    Ok(json!({
        "dag_id": "golden", "fail_fast": dag["fail_fast"], "catchup": dag["catchup"] == true,
        "groups": groups, "tasks": tasks,
    }))
}

fn group(group: &Value) -> Value {
    let expand: Vec<Value> = match &group["expand"] {
        Value::Null => Vec::new(),
        source => vec![json!({"name": "x", "over": map_source(source)})],
    };
    json!({"group_id": group["id"], "parent": group["parent"], "expand": expand})
}

fn task(task: &Value, setups: &BTreeSet<String>) -> Value {
    let kind = task["kind"].as_str().unwrap_or_default();
    let mut spec = json!({
        "task_id": task["id"],
        "depends_on": task["upstream"],
        "trigger_rule": task["trigger_rule"],
        "retries": task["retries"],
        "retry_delay_ms": 0,
        "group": task["group"],
        "depends_on_past": task["depends_on_past"] == true,
        "wait_for_downstream": task["wait_for_downstream"] == true,
        "setup": kind == "setup" || task["id"].as_str().is_some_and(|id| setups.contains(id)),
    });
    match kind {
        "empty" => spec["native"] = "empty".into(),
        _ => spec["function"] = "f".into(),
    }
    match kind {
        "branch" | "short_circuit" => spec["decides"] = kind.into(),
        "teardown" => {
            let fails = task["on_failure_fail_dagrun"] == true;
            spec["teardown"] = json!({"setups": texts(&task["setups"]), "on_failure_fail_dagrun": fails});
        }
        "mapped" => {
            let factors = task["expand"].as_array().cloned().unwrap_or_else(|| vec![task["expand"].clone()]);
            spec["arguments"] = factors.iter().map(|factor| json!({"expand": map_source(factor)})).collect();
        }
        _ => {}
    }
    if let Some(ignore) = task["ignore_downstream_trigger_rules"].as_bool() {
        spec["ignore_downstream_trigger_rules"] = ignore.into();
    }
    spec
}

fn map_source(source: &Value) -> Value {
    match source.as_u64() {
        Some(length) => json!({"literal": (0..length).collect::<Vec<_>>()}),
        None => json!({"output": source}),
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
