//! The examples describe DAGs that the host accepts: a test of its model reads the snapshot.

use std::path::Path;

use serde_json::Value;

macro_rules! examples {
    ($($name:ident: $path:literal;)+) => { $(#[path = $path] mod $name;)+ };
}

examples! {
    assets: "../../../guest-examples/assets/src/lib.rs";
    branching: "../../../guest-examples/branching/src/lib.rs";
    callbacks: "../../../guest-examples/callbacks/src/lib.rs";
    deadlines: "../../../guest-examples/deadlines/src/lib.rs";
    groups: "../../../guest-examples/groups/src/lib.rs";
    limits: "../../../guest-examples/limits/src/lib.rs";
    mapping: "../../../guest-examples/mapping/src/lib.rs";
    past: "../../../guest-examples/past/src/lib.rs";
    retries: "../../../guest-examples/retries/src/lib.rs";
    rules: "../../../guest-examples/rules/src/lib.rs";
    states: "../../../guest-examples/states/src/lib.rs";
    stops: "../../../guest-examples/stops/src/lib.rs";
    timetable: "../../../guest-examples/timetable/src/lib.rs";
    waiting: "../../../guest-examples/waiting/src/lib.rs";
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether to accept what has changed")]
fn every_example_describes_itself() {
    let described = flow_sdk::describe().expect("every DAG can be drawn");
    let described: Value = serde_json::from_str(&described).expect("it is JSON");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/examples.json");
    if std::env::var_os("FLOW_ACCEPT").is_some() {
        std::fs::write(&path, format!("{described:#}\n")).expect("the snapshot can be written");
    }
    let accepted = std::fs::read_to_string(&path).expect("the snapshot can be read");
    let accepted: Value = serde_json::from_str(&accepted).expect("the snapshot is JSON");
    assert_eq!(accepted, described, "examples.json is not what the examples say; accept it with FLOW_ACCEPT=1");
}
