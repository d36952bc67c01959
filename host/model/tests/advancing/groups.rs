//! Groups that are tried again as a whole.

use flow_model::advance::Changes;
use flow_model::graph::Graph;
use flow_model::state::{RunState, TaskEvent};
use serde_json::{Value, json};

use crate::story::{NOW, Story, graph};

fn group(retries: u32, expand: &Value) -> Graph {
    graph(
        &[
            json!({"task_id": "before"}),
            json!({"task_id": "g.a", "group": "g", "depends_on": ["before"]}),
            json!({"task_id": "g.b", "group": "g", "depends_on": ["g.a"], "retries": 1}),
            json!({"task_id": "after", "depends_on": ["g.b"], "trigger_rule": "one_failed"}),
        ],
        json!([{"group_id": "g", "retries": retries, "retry_delay_ms": 60_000, "expand": expand}]),
    )
}

/// Begins the next try of the group, as when its pause is over.
fn restart(story: &mut Story<'_>, changes: &Changes) {
    let regroup = changes.regroups[0];
    assert_eq!(regroup.due.0, 60_000);
    story.change(|progress| progress.restart(regroup.at, regroup.attempt));
}

#[test]
fn a_group_runs_again_from_its_first_tasks_before_its_failure_counts() {
    let graph = group(1, &json!([]));
    let mut story = Story::begin(&graph);
    story.succeed("before g.a");
    assert!(story.fail("g.b").regroups.is_empty(), "it has a try of its own left");
    let changes = story.fail("g.b");
    story.expect("g.b=up_for_retry after=none before=success");
    restart(&mut story, &changes);
    story.expect("g.a=queued g.b=none after=none before=success");
    story.succeed("g.a");
    story.fail("g.b");
    story.expect("g.b=up_for_retry");
    assert!(story.fail("g.b").regroups.is_empty(), "the group has no try left");
    story.expect("g.b=failed after=queued");
}

#[test]
fn an_index_of_a_mapped_group_is_tried_again_by_itself() {
    let graph = group(1, &json!([{"name": "x", "over": {"literal": [1, 2]}}]));
    let mut story = Story::begin(&graph);
    story.succeed("before g.a:0 g.a:1 g.b:0");
    story.fail("g.b:1");
    let changes = story.fail("g.b:1");
    restart(&mut story, &changes);
    story.expect("g.a:0=success g.b:0=success g.a:1=queued g.b:1=none");
    story.succeed("g.a:1 g.b:1");
    story.expect("after=skipped");
    assert_eq!(story.run(), RunState::Success);
}

#[test]
fn what_stands_for_a_groups_next_try_is_worth_nothing_after_it_was_cleared() {
    let graph = group(1, &json!([]));
    let mut story = Story::begin(&graph);
    story.succeed("before g.a");
    story.fail("g.b");
    let regroup = story.fail("g.b").regroups[0];
    story.clear("g.b");
    let mut progress = story.store.everything(0);
    assert!(progress.restart(regroup.at, regroup.attempt).is_err());
    assert!(progress.happen(regroup.at, &TaskEvent::Started(regroup.attempt), NOW).is_err());
}
