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

/// A DAG whose tasks have further members, with groups.
fn shaped(tasks: &serde_json::Value, groups: &serde_json::Value) -> Result<Graph, GraphError> {
    let mut spec = json!({"dag_id": "d", "tasks": tasks, "groups": groups});
    for task in spec["tasks"].as_array_mut().into_iter().flatten() {
        task["function"] = "f".into();
    }
    Graph::build(serde_json::from_value(spec).expect("a well-formed spec"))
}

#[test]
fn every_mistake_in_groups_and_mappings_is_named() {
    let a = json!({"task_id": "a"});
    let over_a = json!([{"name": "x", "over": {"output": "a"}}]);
    let expand = |over: &serde_json::Value| json!([{"expand": over}]);
    let wrong = |tasks: &_, groups: &_| shaped(tasks, groups).expect_err("a mistake").code();
    for (code, tasks, groups) in [
        ("dag-unknown-group", json!([{"task_id": "a", "group": "g"}]), json!([])),
        ("dag-unknown-group", json!([a]), json!([{"group_id": "g", "parent": "h"}])),
        ("dag-duplicate-group", json!([a]), json!([{"group_id": "a"}])),
        ("dag-duplicate-group", json!([a]), json!([{"group_id": "g"}, {"group_id": "g"}])),
        ("dag-group-cycle", json!([a]), json!([{"group_id": "g", "parent": "h"}, {"group_id": "h", "parent": "g"}])),
        (
            "dag-nested-mapping",
            json!([a]),
            json!([{"group_id": "g", "expand": over_a}, {"group_id": "g.h", "parent": "g", "expand": over_a}]),
        ),
        (
            "dag-mapped-in-mapped-group",
            json!([a, {"task_id": "b", "group": "g", "arguments": expand(&json!({"literal": [1]}))}]),
            json!([{"group_id": "g", "expand": over_a}]),
        ),
        (
            "dag-mapped-over-own-task",
            json!([{"task_id": "a", "group": "g"}]),
            json!([{"group_id": "g", "expand": over_a}]),
        ),
        (
            "dag-always-in-mapped-group",
            json!([a, {"task_id": "b", "group": "g", "trigger_rule": "always"}]),
            json!([{"group_id": "g", "expand": over_a}]),
        ),
        ("dag-unknown-upstream", json!([{"task_id": "b", "arguments": expand(&json!({"output": "a"}))}]), json!([])),
        ("dag-unknown-upstream", json!([{"task_id": "b"}]), json!([{"group_id": "g", "expand": over_a}])),
        ("dag-not-mappable", json!([{"task_id": "b", "arguments": expand(&json!({"literal": 7}))}]), json!([])),
        (
            "dag-two-mappings",
            json!([{"task_id": "b", "arguments": expand(&json!({"literal": []})), "expand_kwargs": {"literal": []}}]),
            json!([]),
        ),
        ("dag-keyword-without-mapping", json!([{"task_id": "b", "arguments": [{"keyword": "x"}]}]), json!([])),
        ("dag-unknown-group-item", json!([{"task_id": "b", "arguments": [{"group_item": "x"}]}]), json!([])),
        (
            "dag-unknown-parameter",
            json!([{"task_id": "b", "map_index_template": "{{x}} {y}", "parameters": ["x"]}]),
            json!([]),
        ),
        (
            "dag-unknown-group-item",
            json!([a, {"task_id": "b", "group": "g", "arguments": [{"group_item": "y"}]}]),
            json!([{"group_id": "g", "expand": over_a}]),
        ),
    ] {
        assert_eq!(wrong(&tasks, &groups), code, "{tasks} in {groups}");
    }
}

#[test]
fn every_mistake_with_setups_and_failing_fast_is_named() {
    let wrong = |spec: serde_json::Value| {
        Graph::build(serde_json::from_value(spec).expect("a well-formed spec")).expect_err("a mistake").code()
    };
    let dag = |tasks: &serde_json::Value| json!({"dag_id": "d", "tasks": tasks});
    let both = json!([{"task_id": "a", "function": "f", "setup": true, "teardown": {}}]);
    assert_eq!(wrong(dag(&both)), "dag-setup-and-teardown");
    let ruled = json!([{"task_id": "a", "function": "f", "trigger_rule": "all_done", "teardown": {}}]);
    assert_eq!(wrong(dag(&ruled)), "dag-teardown-with-rule");
    let mut fast = dag(&json!([{"task_id": "a", "function": "f", "trigger_rule": "all_done"}]));
    fast["fail_fast"] = true.into();
    assert_eq!(wrong(fast), "dag-rule-with-fail-fast");
}

#[test]
fn the_lengths_of_sources_make_the_length_of_the_whole() {
    let out = json!({"output": "a"});
    let two = json!({"literal": [1, 2]});
    let pairs = json!({"literal": {"x": 1, "y": 2, "z": 3}});
    for (arguments, length) in [
        (json!([{"expand": two}, {"expand": pairs}]), Some(6)),
        (json!([{"expand": two}, {"expand": out}]), Some(10)),
        (json!([{"expand": {"zip": {"sources": [two, out]}}}]), Some(2)),
        (json!([{"expand": {"zip": {"sources": [two, out], "fill": null}}}]), Some(2)),
        (json!([{"expand": {"zip": {"sources": [two, out], "fill": 0}}}]), Some(5)),
        (json!([{"expand": {"concat": [two, out, pairs]}}]), Some(10)),
    ] {
        let tasks = json!([{"task_id": "a"}, {"task_id": "m", "arguments": arguments}]);
        let graph = shaped(&tasks, &json!([])).expect("it can run");
        let mapping = graph.mapping(TaskIndex(1)).expect("it is mapped");
        assert_eq!(mapping.length(&|_| Some(5)), length, "{arguments}");
        assert_eq!(mapping.literal().is_some(), mapping.sources().is_empty());
    }
}

#[test]
fn the_sources_of_a_mapped_group_are_upstream_of_its_first_tasks() {
    let tasks = json!([
        {"task_id": "s"},
        {"task_id": "g.a", "group": "g"},
        {"task_id": "g.h.b", "group": "g.h", "depends_on": ["g.a"]},
        {"task_id": "g.h.c", "group": "g.h"},
    ]);
    let groups = json!([
        {"group_id": "g", "expand": [{"name": "x", "over": {"output": "s"}}]},
        {"group_id": "g.h", "parent": "g"},
    ]);
    let graph = shaped(&tasks, &groups).expect("it can run");
    assert_eq!(graph.downstream(TaskIndex(0)), [TaskIndex(1), TaskIndex(3)]);
    assert!(graph.is_aligned(TaskIndex(1), TaskIndex(2)));
    assert!(!graph.is_aligned(TaskIndex(0), TaskIndex(1)));
    assert_eq!(graph.targets("g.h"), Ok(vec![TaskIndex(2), TaskIndex(3)]));
    assert_eq!(graph.targets("g"), Ok(vec![TaskIndex(1), TaskIndex(3)]));
}

#[test]
fn teardowns_are_no_leaves_unless_they_say_so_or_there_is_nothing_else() {
    let leaves = |tasks: serde_json::Value| {
        let graph = shaped(&tasks, &json!([])).expect("it can run");
        let leaves = graph.tasks().filter(|&task| graph.is_leaf(task));
        leaves.map(|task| graph.task(task).task_id.to_string()).collect::<Vec<_>>()
    };
    let teardown = |fails: bool| json!({"setups": ["a"], "on_failure_fail_dagrun": fails});
    let chain = |fails| {
        json!([{"task_id": "a"}, {"task_id": "b", "depends_on": ["a"]},
            {"task_id": "z", "depends_on": ["b"], "teardown": teardown(fails)}])
    };
    assert_eq!(leaves(chain(false)), ["b"]);
    assert_eq!(leaves(chain(true)), ["z"]);
    assert_eq!(
        leaves(json!([{"task_id": "y", "teardown": {}}, {"task_id": "z", "depends_on": ["y"], "teardown": {}}])),
        ["z"]
    );
}

#[test]
fn a_hundred_thousand_tasks_within_a_setup_are_not_too_many() {
    let tasks: Vec<_> = (0..MAX_TASKS)
        .map(|i| match i {
            0 => json!({"task_id": "up", "function": "f"}),
            _ if i + 1 == MAX_TASKS => {
                json!({"task_id": "down", "function": "f", "depends_on": [format!("t{}", i - 1)], "teardown": {"setups": ["up"]}})
            }
            1 => json!({"task_id": "t1", "function": "f", "depends_on": ["up"]}),
            _ => json!({"task_id": format!("t{i}"), "function": "f", "depends_on": [format!("t{}", i - 1)]}),
        })
        .collect();
    let spec = serde_json::from_value(json!({"dag_id": "d", "tasks": tasks})).expect("a well-formed spec");
    let graph = Graph::build(spec).expect("it can run");
    assert_eq!(graph.setups_before(TaskIndex(2)), [TaskIndex(0)]);
}
