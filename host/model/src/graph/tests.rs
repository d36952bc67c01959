//! What is refused, and what is known of what is not.

use super::*;
use serde_json::json;

fn dag(edges: &[(&str, &[&str])]) -> Result<Graph, GraphError> {
    let tasks: Vec<_> =
        edges.iter().map(|(id, up)| json!({"task_id": id, "function": "f", "depends_on": up})).collect();
    let spec = serde_json::from_value(json!({"dag_id": "d", "tasks": tasks})).expect("a well-formed spec");
    Graph::build(spec)
}

#[test]
fn a_diamond_has_edges_both_ways() {
    let graph = dag(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]).expect("no cycle");
    assert_eq!(graph.downstream(TaskIndex(0)), [TaskIndex(1), TaskIndex(2)]);
    assert_eq!(graph.upstream(TaskIndex(3)), [TaskIndex(1), TaskIndex(2)]);
    assert!(graph.is_leaf(TaskIndex(3)));
    assert_eq!(graph.downstream_closure(&[TaskIndex(1)]), [TaskIndex(1), TaskIndex(3)]);
    assert_eq!(graph.upstream_closure(&[TaskIndex(2)]), [TaskIndex(0), TaskIndex(2)]);
}

#[test]
fn every_mistake_is_named() {
    let message = |edges: &[(&str, &[&str])]| dag(edges).expect_err("a mistake").to_string();
    assert_eq!(message(&[]), "it has no tasks; give it at least one");
    assert_eq!(message(&[("a", &["a"])]), "task \"a\" depends on itself");
    assert_eq!(message(&[("a", &[]), ("a", &[])]), "task id \"a\" is used twice; task ids are unique within a DAG");
    assert_eq!(message(&[("a", &["x"])]), "task \"a\" depends on \"x\", which is not in the DAG");
    assert_eq!(
        message(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"]), ("d", &["c"])]),
        "its tasks form a cycle: a -> b -> c -> a"
    );
}

#[test]
fn a_chain_of_a_hundred_thousand_needs_no_deep_stack() {
    let tasks: Vec<_> = (0..MAX_TASKS)
        .map(|i| {
            let up = if i == 0 { vec![] } else { vec![format!("t{}", i - 1)] };
            json!({"task_id": format!("t{i}"), "function": "f", "depends_on": up})
        })
        .collect();
    let spec = serde_json::from_value(json!({"dag_id": "d", "tasks": tasks})).expect("a well-formed spec");
    let graph = Graph::build(spec).expect("no cycle");
    assert_eq!(graph.downstream_closure(&[TaskIndex(0)]).len(), MAX_TASKS);
}
