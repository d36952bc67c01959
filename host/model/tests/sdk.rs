//! What the Rust SDK says of DAGs is what the model reads, and holds before every check that an upload has to pass. The
//! SDK's own tests hold it to the same snapshots.

use std::path::Path;

use flow_model::dag::{Argument, Decides, MapSource, Native, ScheduleSpec, WaitFor};
use flow_model::description;
use flow_model::graph::Graph;
use flow_model::quota::{Policy, Quota};
use serde_json::Value;

const SNAPSHOTS: [&str; 10] = [
    "assets.json",
    "branching.json",
    "dags.json",
    "examples.json",
    "groups.json",
    "limits.json",
    "mapping.json",
    "schedules.json",
    "waiting.json",
    "words.json",
];

fn snapshot(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust/tests/snapshots").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The checked DAGs of a snapshot.
fn graphs(name: &str) -> Vec<Graph> {
    description::read(&snapshot(name), &Quota::default(), &Policy::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn upstream<'g>(graph: &'g Graph, task: &str) -> Vec<&'g str> {
    let index = graph.find(&task.parse().expect("an id")).expect("the task is in the DAG");
    graph.upstream(index).iter().map(|&index| graph.task(index).task_id.as_str()).collect()
}

#[test]
fn a_plain_dag_arrives() {
    let graphs = graphs("dags.json");
    let ids: Vec<&str> = graphs.iter().map(|graph| graph.spec().dag_id.as_str()).collect();
    assert_eq!(ids, ["shop.daily", "sensor", "by_hand"]);
    assert_eq!(graphs[1].spec().schedule, Some(ScheduleSpec::Interval { every_ms: 5_400_000 }));
    assert_eq!(graphs[0].spec().tasks[3].arguments[1], Argument::Conf("title".to_owned()));
    assert_eq!(upstream(&graphs[0], "join"), ["convert_1", "convert_2"]);
}

#[test]
fn everything_arrives_and_nothing_gets_lost() {
    for name in SNAPSHOTS {
        let said: Vec<Value> = serde_json::from_str(&snapshot(name)).expect("the snapshot is JSON");
        for (said, read) in said.iter().zip(graphs(name)) {
            let kept = serde_json::to_value(read.spec()).expect("a DAG serialises");
            assert_kept(said, &kept, name);
        }
    }
}

/// Whether everything that was said is also in what was kept, which may have defaults besides and spell instants otherwise.
fn assert_kept(said: &Value, kept: &Value, place: &str) {
    match (said, kept) {
        (Value::Object(said), Value::Object(kept)) => {
            for (key, said) in said.iter().filter(|(_, said)| !said.is_null()) {
                let place = format!("{place}/{key}");
                assert_kept(said, kept.get(key).unwrap_or_else(|| panic!("{place} is lost")), &place);
            }
        }
        (Value::Array(said), Value::Array(kept)) => {
            assert_eq!(said.len(), kept.len(), "{place}");
            said.iter().zip(kept).for_each(|(said, kept)| assert_kept(said, kept, place));
        }
        (Value::String(said), Value::String(kept)) if place.ends_with("_date") => {
            let instant = |text: &str| text.parse::<flow_model::time::Millis>().expect("an instant");
            assert_eq!(instant(said), instant(kept), "{place}");
        }
        (said, kept) => assert_eq!(said, kept, "{place}"),
    }
}

#[test]
fn what_is_special_about_a_task_arrives() {
    let branching = &graphs("branching.json")[0];
    let tasks = &branching.spec().tasks;
    assert_eq!((tasks[0].decides, tasks[5].decides), (Some(Decides::Branch), Some(Decides::ShortCircuit)));
    assert_eq!(upstream(branching, "join"), ["load", "archive"]);
    let mapping = &graphs("mapping.json")[0];
    let product = mapping.spec().tasks[3].mapped().expect("it is mapped");
    let doubled = MapSource::Output("double".parse().expect("an id"));
    assert_eq!(product.factors, [&MapSource::Literal(serde_json::json!([1, 2])), &doubled]);
    let waiting = &graphs("waiting.json")[0];
    let pause = waiting.spec().tasks[5].native.as_ref().expect("the host waits");
    assert!(matches!(pause, Native::Wait(wait) if wait.until == WaitFor::Duration(30_000)));
    let groups = &graphs("groups.json");
    assert_eq!(upstream(&groups[0], "region.fetch"), ["check.access.authorised", "check.open", "regions"]);
    assert_eq!(upstream(&groups[1], "work.drop_it"), ["work.create", "work.query"]);
}
