//! Branches, short circuits, what only the latest run does, and what joins the ways again.

use flow_sdk::prelude::*;
use flow_sdk::runtime::{Ended, run};

use crate::snapshot;

#[task]
fn choose(rows: u32) -> Branch {
    match rows {
        0 => Branch::none(),
        1..=9 => Branch::to(load::ID),
        _ => Branch::to_all([load::ID, "archive"]),
    }
}

#[task]
fn try_to_choose(rows: u32) -> Result<Branch> {
    Ok(choose::body(rows))
}

/// Loads the rows.
///
/// Several at once.
#[task]
fn load() {}

#[task(short_circuit)]
fn is_workday(day: u32) -> bool {
    day < 6
}

#[task(short_circuit, ignore_downstream_trigger_rules = false)]
fn first(rows: Vec<u32>) -> Result<Option<u32>> {
    Ok(rows.first().copied())
}

#[task]
fn double(row: u32) -> u32 {
    2 * row
}

#[dag]
fn branching() {
    let chosen = choose(conf("rows"));
    let ways = (load().depends_on(chosen), empty("archive").depends_on(chosen));
    empty("join").depends_on(ways).trigger_rule(TriggerRule::NoneFailedMinOneSuccess);
    try_to_choose(3).depends_on(is_workday(conf("day")));
    double(first(vec![1, 2]));
    load().depends_on(latest_only());
}

#[test]
fn what_decides_says_how() {
    snapshot("branching", [branching()]);
}

#[test]
fn a_task_ends_as_it_decides() {
    let run = |function: &str, arguments: &str| {
        run(&format!("{}::{function}", module_path!()), &Context::default(), arguments).expect("it ends well")
    };
    let success = |json: &str| Ended::Success(Some(json.to_owned()));
    assert_eq!(run("choose", "[0]"), Ended::Branch(vec![]));
    assert_eq!(run("choose", "[5]"), Ended::Branch(vec!["load".to_owned()]));
    assert_eq!(run("try_to_choose", "[50]"), Ended::Branch(vec!["load".to_owned(), "archive".to_owned()]));
    assert_eq!(run("is_workday", "[5]"), success("true"));
    assert_eq!(run("is_workday", "[6]"), Ended::ShortCircuit);
    assert_eq!(run("first", "[[7]]"), success("7"));
    assert_eq!(run("first", "[[]]"), Ended::ShortCircuit);
}
