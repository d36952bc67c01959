//! What it costs to advance: rows that are looked at and rows that are written, never how long it takes.

use flow_model::state::RunState;
use serde_json::{Value, json};

use crate::story::{Story, graph};

const MANY: usize = 10_000;

#[test]
fn ten_thousand_instances_expand_run_and_join_at_a_cost_linear_in_their_number() {
    let graph = graph(
        &[
            json!({"task_id": "s"}),
            json!({"task_id": "m", "arguments": [{"expand": {"output": "s"}}]}),
            json!({"task_id": "n", "arguments": [{"expand": {"literal": [1, 2, 3]}}], "depends_on": ["m"]}),
            json!({"task_id": "j", "depends_on": ["m", "n"], "trigger_rule": "none_failed"}),
        ],
        json!([]),
    );
    let mut story = Story::begin(&graph);
    story.store.traffic = (0, 0);
    story.list("s", MANY);
    let (read, written) = story.store.traffic;
    assert!(read < 10 && written < MANY + 10, "{read} read, {written} written to expand");

    story.store.traffic = (0, 0);
    for index in 0..MANY {
        story.succeed(&format!("m:{index}"));
    }
    let (read, written) = story.store.traffic;
    assert!(read < 6 * MANY && written < 5 * MANY, "{read} read, {written} written to join");
    story.succeed("n:0 n:1 n:2 j");
    assert_eq!(story.run(), RunState::Success);
}

#[test]
fn a_mapped_group_of_many_indices_goes_on_index_by_index() {
    let graph = graph(
        &[
            json!({"task_id": "s"}),
            json!({"task_id": "g.a", "group": "g"}),
            json!({"task_id": "g.b", "group": "g", "depends_on": ["g.a"]}),
        ],
        json!([{"group_id": "g", "expand": [{"name": "x", "over": {"output": "s"}}]}]),
    );
    let mut story = Story::begin(&graph);
    story.list("s", 1_000);
    story.expect("g.a:0=queued g.a:999=queued g.b:0=none g.b:999=none");
    story.store.traffic = (0, 0);
    for index in 0..1_000 {
        story.succeed(&format!("g.a:{index}"));
        assert_eq!(story.state(&format!("g.b:{index}")), "queued");
    }
    let (read, written) = story.store.traffic;
    assert!(read < 6_000 && written < 6_000, "{read} read, {written} written");
}

#[test]
fn an_end_in_a_large_dag_touches_what_it_leads_to_and_nothing_else() {
    let mut tasks: Vec<Value> = (0..5_000).map(|at| json!({"task_id": format!("t{at}")})).collect();
    tasks.extend((0..5_000).map(|at| json!({"task_id": format!("u{at}"), "depends_on": [format!("t{at}")]})));
    let graph = graph(&tasks, json!([]));
    let mut story = Story::begin(&graph);
    story.store.traffic = (0, 0);
    story.succeed("t7");
    story.expect("u7=queued u8=none");
    assert_eq!(story.store.traffic, (2, 2));
}
