//! Mapped tasks: which element each of their instances gets.

use std::collections::BTreeMap;

use flow_model::state::RunState;
use flow_model::work::{Job, Work};
use flow_test_support::{Stage, on_both, returns, spec};
use serde_json::json;

/// The arguments of each instance, by its map index.
fn arguments(claimed: &[Work]) -> BTreeMap<Option<u32>, &str> {
    claimed
        .iter()
        .filter_map(|work| match &work.job {
            Job::Task(context) => Some((context.map_index, context.arguments.as_str())),
            Job::Parse { .. } | Job::Trigger { .. } | Job::Http { .. } | Job::Timetable(_) | Job::Callback { .. } => {
                None
            }
        })
        .collect()
}

on_both! {
    async fn instances_get_the_elements_of_what_a_task_returned(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "mapped", "tasks": [
            {"task_id": "numbers", "function": "f"},
            {"task_id": "times", "function": "f", "arguments": [
                {"expand": {"output": "numbers"}}, {"literal": "x"}, {"expand": {"literal": [10, 100]}},
            ]},
            {"task_id": "again", "function": "f", "arguments": [{"expand": {"output": "times"}}]},
            {"task_id": "total", "function": "f", "arguments": [{"output": "times"}]},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        let numbers = stage.claim_one().await;
        stage.play(&numbers, returns("[1,2]")).await;

        let times = stage.claim(16).await;
        let expected = ["[1,\"x\",10]", "[1,\"x\",100]", "[2,\"x\",10]", "[2,\"x\",100]"];
        assert_eq!(arguments(&times), (0..).map(Some).zip(expected).collect());
        for work in &times {
            let index = arguments(std::slice::from_ref(work)).into_keys().next().flatten().expect("it is mapped");
            stage.play(work, returns(&index.to_string())).await;
        }

        let last = stage.claim(16).await;
        let expected = [(None, "[[0,1,2,3]]"), (Some(0), "[0]"), (Some(1), "[1]"), (Some(2), "[2]"), (Some(3), "[3]")];
        assert_eq!(arguments(&last), BTreeMap::from(expected));
        for work in &last {
            stage.play(work, returns("1")).await;
        }
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }
}
