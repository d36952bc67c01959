//! Clearing, marking, and going on with another version of the DAG.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::advance::{Instance, Renumbering, Returned, RunFacts};
use flow_model::graph::{Direction, Graph, TaskIndex};
use flow_model::state::{RunState, Terminal};
use flow_model::work::AttemptEnd;
use serde_json::{Value, json};

use crate::replay::store::{Run, Store};
use crate::story::{NOW, Story, graph};

fn mapped() -> Graph {
    graph(
        &[
            json!({"task_id": "s"}),
            json!({"task_id": "m", "arguments": [{"expand": {"output": "s"}}]}),
            json!({"task_id": "j", "depends_on": ["m"]}),
        ],
        json!([]),
    )
}

#[test]
fn a_mapped_task_shrinks_and_grows_when_what_it_is_mapped_over_runs_again() {
    let graph = mapped();
    let mut story = Story::begin(&graph);
    story.list("s", 3);
    story.succeed("m:0 m:1 m:2 j");
    assert_eq!(story.run(), RunState::Success);

    story.clear("s m:0 m:1 m:2 j");
    assert_eq!(story.run(), RunState::Running);
    story.expect("s=queued m:0=none m:1=none m:2=none j=none");
    story.list("s", 2);
    story.expect("m:0=queued m:1=queued m:2=removed j=none");
    story.succeed("m:0 m:1 j");
    assert_eq!(story.run(), RunState::Success);

    story.clear("s m:0 m:1 m:2 j");
    story.list("s", 4);
    story.expect("m:0=queued m:1=queued m:2=queued m:3=queued");
    story.succeed("m:0 m:1 m:2 m:3 j");
    assert_eq!(story.run(), RunState::Success);

    story.clear("s m:0 m:1 m:2 m:3 j");
    story.list("s", 0);
    story.expect("m:0=skipped m:1=removed m:2=removed m:3=removed j=skipped");
    assert_eq!(story.run(), RunState::Success);
}

#[test]
fn what_was_removed_stands_in_no_rules_way() {
    for (rule, how) in [
        ("all_success", "success"),
        ("all_failed", "failed"),
        ("all_done", "failed"),
        ("all_done_min_one_success", "success"),
        ("one_success", "success"),
        ("one_failed", "failed"),
        ("one_done", "failed"),
        ("none_failed", "skipped"),
        ("none_failed_min_one_success", "success"),
        ("none_skipped", "failed"),
        ("all_skipped", "skipped"),
        ("always", "failed"),
    ] {
        let graph = graph(
            &[
                json!({"task_id": "s"}),
                json!({"task_id": "m", "arguments": [{"expand": {"output": "s"}}]}),
                json!({"task_id": "j", "depends_on": ["m"], "trigger_rule": rule}),
            ],
            json!([]),
        );
        let mut story = Story::begin(&graph);
        for length in [2, 1] {
            story.list("s", length);
            for instance in ["m:0", "m:1"].into_iter().take(length) {
                match how {
                    "success" => story.succeed(instance),
                    "failed" => drop(story.fail(instance)),
                    _ => story.skip(0, instance),
                }
            }
            story.succeed("j");
            assert_eq!(story.run(), RunState::Success, "{rule} behind a list of {length}");
            if length == 2 {
                story.clear("s m:0 m:1 j");
            }
        }
        story.expect(&format!("m:0={how} m:1=removed j=success"));
    }
}

#[test]
fn whoever_is_released_last_what_is_mapped_over_another_list_has_its_length() {
    let graph = graph(
        &[
            json!({"task_id": "s"}),
            json!({"task_id": "x"}),
            json!({"task_id": "m", "arguments": [{"expand": {"output": "s"}}], "depends_on": ["x"]}),
            json!({"task_id": "g.a", "group": "g"}),
            json!({"task_id": "g.b", "group": "g", "depends_on": ["g.a"]}),
        ],
        json!([{"group_id": "g", "expand": [{"name": "i", "over": {"output": "s"}}]}]),
    );
    let mut story = Story::begin(&graph);
    story.list("s", 2);
    story.succeed("x m:0 m:1 g.a:0 g.a:1 g.b:0 g.b:1");
    story.clear("s x m:0 m:1 g.a:0 g.a:1 g.b:0 g.b:1");
    story.list("s", 3);
    story.expect("m:0=none m:2=absent g.a:2=queued g.b:2=absent");
    story.succeed("x g.a:2 g.a:0");
    story.expect("m:0=queued m:2=queued g.b:0=queued g.b:1=none g.b:2=queued");
    story.succeed("m:0 m:1 m:2 g.a:1 g.b:0 g.b:1 g.b:2");
    assert_eq!(story.run(), RunState::Success);
}

#[test]
fn what_was_to_be_expanded_too_early_finds_what_it_is_mapped_over_once_it_is_cleared() {
    let graph = graph(
        &[
            json!({"task_id": "a"}),
            json!({"task_id": "s", "depends_on": ["a"]}),
            json!({
                "task_id": "m", "trigger_rule": "one_success", "depends_on": ["a"],
                "arguments": [{"expand": {"output": "s"}}],
            }),
        ],
        json!([]),
    );
    let mut story = Story::begin(&graph);
    story.succeed("a");
    story.list("s", 2);
    story.expect("m=upstream_failed");
    story.clear("m");
    story.succeed("m:0 m:1");
    assert_eq!(story.run(), RunState::Success);

    let mut story = Story::begin(&graph);
    story.succeed("a");
    story.list("s", 1);
    story.clear("a s m");
    story.succeed("a");
    story.list("s", 2);
    story.succeed("m:0 m:1");
    assert_eq!(story.run(), RunState::Success);
}

#[test]
fn only_what_is_cleared_runs_again_and_has_all_its_tries_before_it() {
    let graph = graph(
        &[
            json!({"task_id": "a"}),
            json!({"task_id": "b", "depends_on": ["a"], "retries": 2}),
            json!({"task_id": "c", "depends_on": ["b"]}),
        ],
        json!([]),
    );
    let mut story = Story::begin(&graph);
    story.succeed("a");
    for _ in 0..3 {
        story.fail("b");
    }
    story.expect("a=success b=failed c=upstream_failed");
    assert_eq!(story.run(), RunState::Failed);
    story.clear("b c");
    story.expect("a=success b=queued c=none");
    let node = &story.store.runs[0].nodes[&story.at("b")];
    assert_eq!((node.status.try_number, node.max_tries), (4, 5));
    story.succeed("b c");
    assert_eq!(story.run(), RunState::Success);
}

#[test]
fn marking_a_failure_as_a_success_lets_the_run_go_on() {
    let graph = mapped();
    let mut story = Story::begin(&graph);
    story.list("s", 2);
    story.succeed("m:0");
    story.fail("m:1");
    story.expect("j=upstream_failed");
    let failed = story.at("m:1");
    story.change(|progress| progress.mark(&[failed], Terminal::Success, NOW));
    story.clear("j");
    story.expect("j=queued");
}

#[test]
fn a_decision_outlives_what_it_was_about() {
    let graph = graph(
        &[
            json!({"task_id": "b", "decides": "branch"}),
            json!({"task_id": "x", "depends_on": ["b"]}),
            json!({"task_id": "y", "depends_on": ["b"]}),
        ],
        json!([]),
    );
    let mut story = Story::begin(&graph);
    let end = AttemptEnd::Branch { follow: vec!["x".to_owned()], value: None };
    story.end("b", &end, Returned::Value);
    story.expect("x=queued y=skipped");
    story.clear("x y");
    story.expect("x=queued y=skipped");
}

#[test]
fn clearing_a_task_clears_what_it_needs_set_up_and_undone() {
    let graph = graph(
        &[
            json!({"task_id": "up"}),
            json!({"task_id": "a", "depends_on": ["up"]}),
            json!({"task_id": "b", "depends_on": ["a"]}),
            json!({"task_id": "down", "teardown": {"setups": ["up"]}, "depends_on": ["b"]}),
            json!({"task_id": "c", "depends_on": ["b"]}),
        ],
        json!([]),
    );
    let story = Story::begin(&graph);
    let of = |names| story.tasks(names);
    assert_eq!(graph.to_clear(&of("b"), &[]), of("up b down"));
    assert_eq!(graph.to_clear(&of("c"), &[]), of("c"), "by then it is torn down");
    assert_eq!(graph.to_clear(&of("b"), &[Direction::Downstream]), of("up b down c"));
    assert_eq!(graph.to_clear(&of("b"), &[Direction::Upstream]), of("up a b down"));
    assert_eq!(graph.to_clear(&of("up"), &[]), of("up down"));
}

#[test]
fn what_is_mapped_over_another_list_is_dealt_anew() {
    let mapped =
        |list: Value| graph(&[json!({"task_id": "m", "arguments": [{"expand": {"literal": list}}]})], json!([]));
    let (first, second) = (mapped(json!([1, 2])), mapped(json!([3, 4])));
    let mut story = Story::begin(&first);
    story.succeed("m:0 m:1");
    let before = story.store.runs.remove(0);
    let mut after = Story { store: Store::of_runs(&second, vec![]).expect("it is empty") };
    after.store.runs.push(before);
    let changes = after.change(|progress| {
        progress.fit(NOW);
        Ok(())
    });
    assert_eq!(changes.dealt_anew, BTreeSet::from([TaskIndex(0)]));
}

fn version(tasks: &[(&str, &[&str])]) -> Graph {
    let tasks: Vec<Value> = tasks.iter().map(|(id, up)| json!({"task_id": id, "depends_on": up})).collect();
    graph(&tasks, json!([]))
}

#[test]
fn a_run_goes_on_with_another_version_of_its_dag() {
    let first = version(&[("a", &[]), ("gone", &["a"]), ("c", &["gone"])]);
    let mut story = Story::begin(&first);
    story.succeed("a gone");
    story.fail("c");
    let second = version(&[("new", &["a"]), ("c", &["new"]), ("a", &[])]);

    let ids = first.tasks().map(|task| (task, first.task(task).task_id.clone()));
    let renumbering = Renumbering::new(ids, &second);
    assert_eq!(renumbering.of(TaskIndex(0)), TaskIndex(2));
    assert!(renumbering.is_gone(renumbering.of(TaskIndex(1))));

    let mut after = Story { store: Store::of_runs(&second, vec![]).expect("it is empty") };
    let before = story.store.runs.remove(0);
    let nodes = before.nodes.into_iter().map(|(at, mut node)| {
        renumbering.apply_to(&mut node);
        (Instance { task: renumbering.of(at.task), ..at }, node)
    });
    let facts = RunFacts { state: RunState::Running, ..before.facts };
    after.store.runs.push(Run { facts, nodes: nodes.collect(), expansions: BTreeMap::new() });
    after.change(|progress| {
        progress.fit(NOW);
        Ok(())
    });
    after.expect("a=success new=queued c=failed");
    after.clear("c");
    after.succeed("new c");
    assert_eq!(after.run(), RunState::Success);
}
