//! How task instances and runs end, besides by their rules.

use flow_model::advance::{EndOfRun, Instance, Returned, RunFacts};
use flow_model::graph::{MAX_MAP_LENGTH, TaskIndex};
use flow_model::state::{Phase, RunState, Terminal};
use flow_model::work::AttemptEnd;
use serde_json::json;

use crate::replay::store::Store;
use crate::story::{NOW, Story, dag, graph};

#[test]
fn what_has_been_set_up_is_undone_before_a_stopped_run_has_failed() {
    let graph = graph(
        &[
            json!({"task_id": "up"}),
            json!({"task_id": "work", "depends_on": ["up"]}),
            json!({"task_id": "later", "depends_on": ["work"]}),
            json!({"task_id": "down", "teardown": {"setups": ["up"]}, "depends_on": ["later"]}),
        ],
        json!([]),
    );
    for (cause, of_work) in [(EndOfRun::Stopped, "failed"), (EndOfRun::TimedOut, "skipped")] {
        let mut story = Story::begin(&graph);
        story.succeed("up");
        story.start("work");
        story.change(|progress| {
            progress.end(cause, NOW);
            Ok(())
        });
        story.expect(&format!("work={of_work} later=skipped down=queued"));
        assert_eq!(story.run(), RunState::Running, "it has still to be torn down");
        story.succeed("down");
        assert_eq!(story.run(), RunState::Failed);
    }
}

#[test]
fn a_run_that_has_set_nothing_up_fails_at_once_when_it_is_stopped() {
    let graph =
        graph(&[json!({"task_id": "up"}), json!({"task_id": "down", "teardown": {"setups": ["up"]}})], json!([]));
    let mut story = Story::begin(&graph);
    story.change(|progress| {
        progress.end(EndOfRun::Stopped, NOW);
        Ok(())
    });
    story.expect("up=skipped down=skipped");
    assert_eq!(story.run(), RunState::Failed);
}

#[test]
fn the_first_failure_ends_the_rest_of_a_dag_that_fails_fast() {
    let graph = dag(
        json!({"fail_fast": true}),
        &[
            json!({"task_id": "a", "retries": 1}),
            json!({"task_id": "b"}),
            json!({"task_id": "c"}),
            json!({"task_id": "up", "setup": true}),
            json!({"task_id": "down", "teardown": {"setups": ["up"]}}),
            json!({"task_id": "d", "depends_on": ["c"]}),
        ],
        json!([]),
    );
    let mut story = Story::begin(&graph);
    story.succeed("up");
    story.start("b");
    story.fail("a");
    story.expect("a=up_for_retry b=running c=queued");
    story.fail("a");
    story.expect("a=failed b=failed c=skipped d=skipped down=queued up=success");
    assert_eq!(story.run(), RunState::Running);
    story.succeed("down");
    assert_eq!(story.run(), RunState::Failed, "a leaf has failed");
}

#[test]
fn an_end_that_makes_no_sense_is_a_failure() {
    let graph = graph(
        &[
            json!({"task_id": "a", "decides": "branch", "retries": 1}),
            json!({"task_id": "b", "depends_on": ["a"]}),
            json!({"task_id": "s"}),
            json!({"task_id": "m", "arguments": [{"expand": {"output": "s"}}]}),
        ],
        json!([]),
    );
    let mut story = Story::begin(&graph);
    let follow = |id: &str| AttemptEnd::Branch { follow: vec![id.to_owned()], value: None };
    let (failure, _) = story.end("a", &follow("x"), Returned::Value);
    let message = failure.expect("there is no such task").message;
    assert_eq!(message, "it chose to follow \"x\", which is neither a task nor a group of the DAG");
    story.expect("a=up_for_retry");
    assert_eq!(story.end("a", &follow("b"), Returned::Value).0, None);
    story.expect("a=success b=queued");

    let success = AttemptEnd::Success { value: None };
    for (returned, message) in [
        (Returned::Nothing, "it returned nothing, but other tasks are mapped over it; return a list or an object"),
        (Returned::Value, "it returned neither a list nor an object, but other tasks are mapped over it"),
        (
            Returned::Elements(MAX_MAP_LENGTH as usize + 1),
            "it returned 100001 elements, but other tasks are mapped over it, and at most 100000 can be",
        ),
    ] {
        let mut story = Story::begin(&graph);
        let (failure, _) = story.end("s", &success, returned);
        assert_eq!(failure.map(|failure| failure.message).as_deref(), Some(message));
        story.expect("s=failed m=upstream_failed");
    }
}

#[test]
fn natives_need_no_worker() {
    let form = json!({"subject": "?", "options": ["b", "c"], "branch": true});
    let graph = graph(
        &[
            json!({"task_id": "empty", "native": "empty"}),
            json!({"task_id": "wait", "native": {"wait": {"until": {"duration": 5}}}, "depends_on": ["empty"]}),
            json!({"task_id": "ask", "native": {"human_input": form}, "depends_on": ["wait"]}),
            json!({"task_id": "b", "depends_on": ["ask"]}),
            json!({"task_id": "c", "depends_on": ["ask"]}),
        ],
        json!([]),
    );
    let mut story = Story::begin(&graph);
    story.expect("empty=success wait=deferred");
    assert!(matches!(story.phase("wait"), Phase::Deferred(_)));
    story.end("wait", &AttemptEnd::Success { value: None }, Returned::Nothing);
    story.expect("wait=success ask=awaiting_input");
    story.end("ask", &AttemptEnd::Branch { follow: vec!["c".to_owned()], value: None }, Returned::Value);
    story.expect("ask=success b=skipped c=queued");
}

#[test]
fn only_the_latest_run_goes_on_behind_latest_only() {
    let graph = graph(
        &[
            json!({"task_id": "latest", "native": "latest_only"}),
            json!({"task_id": "a", "depends_on": ["latest"]}),
            json!({"task_id": "b", "depends_on": ["a"], "trigger_rule": "all_done"}),
        ],
        json!([]),
    );
    let latest = Story::begin(&graph);
    latest.expect("latest=success a=queued");
    let older = Story::of(&graph, RunFacts { is_latest: false, ..RunFacts::default() });
    older.expect("latest=success a=skipped b=queued");
}

#[test]
fn a_run_that_waits_to_begin_does_nothing() {
    let graph = graph(
        &[json!({"task_id": "a"}), json!({"task_id": "m", "arguments": [{"expand": {"literal": [1, 2]}}]})],
        json!([]),
    );
    let mut story = Story::of(&graph, RunFacts { state: RunState::Queued, ..RunFacts::default() });
    story.expect("a=none m:0=none m:1=none");
    story.change(|progress| {
        progress.begin();
        Ok(())
    });
    story.expect("a=queued m:0=queued m:1=queued");
    story.change(|progress| progress.mark(&[Instance::of(TaskIndex(0))], Terminal::Success, NOW));
    story.succeed("m:0 m:1");
    assert_eq!(story.run(), RunState::Success);
}

#[test]
fn a_skip_does_not_wait_for_what_the_run_before_holds_up_for_ever() {
    let graph = graph(
        &[
            json!({"task_id": "a"}),
            json!({"task_id": "b", "depends_on_past": true}),
            json!({"task_id": "c", "depends_on": ["a", "b"]}),
            json!({"task_id": "d", "depends_on": ["c"], "trigger_rule": "all_skipped"}),
        ],
        json!([]),
    );
    let has_past = RunFacts { has_past: true, ..RunFacts::default() };
    let mut story = Story { store: Store::of_runs(&graph, vec![RunFacts::default(), has_past]).expect("they begin") };
    story.skip(1, "a");
    assert_eq!(story.state_in(1, "c"), "none", "the run before may still let b run, and it may fail");
    story.succeed("a");
    story.fail("b");
    assert_eq!(story.run(), RunState::Success, "its only leaf is skipped");
    assert_eq!(story.state_in(1, "b"), "none");
    assert_eq!(story.state_in(1, "c"), "skipped");
    assert_eq!(story.state_in(1, "d"), "queued");
    assert_eq!(story.store.runs[1].facts.state, RunState::Running);
}
