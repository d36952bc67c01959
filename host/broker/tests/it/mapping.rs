//! Mapped tasks: which element each of their instances gets, what they are called, and what becomes of both when what they
//! are mapped over runs again.

use std::collections::BTreeMap;

use flow_broker::LocalBroker;
use flow_model::ids::{DagId, RunId};
use flow_model::rest::clearing::ClearDagRun;
use flow_model::state::RunState;
use flow_model::state::TaskInstanceState::{Removed, Success};
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

/// Plays what can be claimed: each instance returns its only argument. Answers what they were given, in map order.
async fn echo(stage: &Stage<LocalBroker>) -> Vec<String> {
    let work = stage.claim(64).await;
    for one in &work {
        let given = arguments(std::slice::from_ref(one)).into_values().next().expect("it is a task");
        stage.play(one, returns(given.trim_matches(['[', ']']))).await;
    }
    arguments(&work).into_values().map(str::to_owned).collect()
}

/// Runs everything again.
async fn clear(stage: &Stage<LocalBroker>, dag: &DagId, run: &RunId) {
    let all = ClearDagRun { dry_run: false, ..ClearDagRun::default() };
    stage.local.clear_run(&stage.admin(), dag, run, all).await.expect("it can be cleared");
}

on_both! {
    async fn when_a_list_is_another_so_are_the_elements_and_what_becomes_of_them(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "again", "tasks": [
            {"task_id": "list", "function": "f"},
            {"task_id": "each", "function": "f", "arguments": [{"expand": {"output": "list"}}]},
            {"task_id": "twice", "function": "f", "arguments": [{"expand": {"output": "each"}}]},
            {"task_id": "join", "function": "f", "arguments": [{"output": "each"}]},
        ]}))).await;
        let run = stage.trigger(&dag).await;
        let grown = |length: usize| { let mut states = vec![Success; 2 * length + 2]; states.sort(); states };
        for list in ["[1,2,3]", "[7,8]", "[4,5,6,9]"] {
            stage.play(&stage.claim_one().await, returns(list)).await;
            let elements: Vec<String> = list.trim_matches(['[', ']']).split(',').map(|one| format!("[{one}]")).collect();
            assert_eq!(echo(&stage).await, elements, "{list}");
            let behind = stage.claim(64).await;
            let mut expected: BTreeMap<Option<u32>, &str> =
                (0..).map(Some).zip(elements.iter().map(String::as_str)).collect();
            let all = format!("[{list}]");
            expected.insert(None, &all);
            assert_eq!(arguments(&behind), expected, "neither `twice` nor `join` sees anything of an earlier list");
            for work in &behind {
                stage.play(work, returns("0")).await;
            }
            assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
            let mut states = stage.task_states(&dag, &run).await;
            states.retain(|state| *state != Removed);
            assert_eq!(states, grown(elements.len()));
            clear(&stage, &dag, &run).await;
        }
    }

    async fn an_index_of_a_group_gets_the_element_that_is_there_now(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "again",
            "groups": [{"group_id": "g", "expand": [{"name": "x", "over": {"output": "list"}}]}],
            "tasks": [
                {"task_id": "list", "function": "f"},
                {"task_id": "g.a", "function": "f", "group": "g", "arguments": [{"group_item": "x"}]},
                {"task_id": "g.b", "function": "f", "group": "g", "arguments": [{"output": "g.a"}, {"group_item": "x"}]},
            ]}))).await;
        let run = stage.trigger(&dag).await;
        for elements in [&[1, 2][..], &[5, 6, 7], &[8]] {
            stage.play(&stage.claim_one().await, returns(&json!(elements).to_string())).await;
            assert_eq!(echo(&stage).await, elements.iter().map(|x| format!("[{x}]")).collect::<Vec<_>>());
            let behind = stage.claim(64).await;
            let both: Vec<String> = elements.iter().map(|x| format!("[{x},{x}]")).collect();
            assert_eq!(arguments(&behind).into_values().collect::<Vec<_>>(), both);
            for work in &behind {
                stage.play(work, returns("0")).await;
            }
            clear(&stage, &dag, &run).await;
        }
    }

    async fn instances_are_called_by_their_arguments(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "called", "tasks": [
            {"task_id": "files", "function": "f"},
            {"task_id": "load", "function": "f", "map_index_template": "{file} ({rows})", "parameters": ["rows", "file"],
             "arguments": [{"literal": 3}, {"expand": {"output": "files"}}]},
            {"task_id": "plain", "function": "f", "map_index_template": "{x}", "parameters": ["x"],
             "arguments": [{"literal": 3}]},
        ]}))).await;
        stage.trigger(&dag).await;
        let label = |work: &Work| match &work.job {
            Job::Task(context) => context.map_label.clone(),
            Job::Parse { .. } | Job::Trigger { .. } | Job::Http { .. } | Job::Timetable(_) | Job::Callback { .. } => None,
        };
        let roots = stage.claim(16).await;
        assert_eq!(roots.iter().map(label).collect::<Vec<_>>(), [None, None], "nobody else of it is in the list");
        for work in &roots {
            stage.play(work, returns(r#"["a.csv", {"name": "b.csv"}]"#)).await;
        }
        let mut labels: Vec<_> = stage.claim(16).await.iter().filter_map(label).collect();
        labels.sort();
        assert_eq!(labels, ["a.csv (3)", r#"{"name":"b.csv"} (3)"#]);
    }

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
