//! Mistakes that no compiler sees are named when the DAG is drawn.

use std::collections::HashMap;

use flow_sdk::prelude::*;
use flow_sdk::runtime::inventory;
use flow_sdk::{Dag, Schedule};

#[task]
fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[task]
fn take(_table: HashMap<Option<String>, u32>) {}

#[callback]
fn tell(_table: HashMap<Option<String>, u32>) {}

fn no_text() -> HashMap<Option<String>, u32> {
    HashMap::from([(None, 1)])
}

fn with_a_bad_literal() {
    take(no_text());
}

fn with_a_bad_callback() {
    add(1, 2).on_failure(tell(no_text()));
}

fn with_fields_of_two_lists() {
    add(from_each([1]).field("a"), from_each([2]).field("b"));
}

fn mapped_in_two_ways() {
    add(from_each([1]).field("a"), each([1, 2]));
}

fn that_gives_up_on_nothing() {
    add(1, 2).id("sum").soft_fail();
}

fn that_waits_for_no_page() {
    wait_for(wait::http("example.org"));
}

/// Why a DAG with these tasks cannot be drawn. It is not registered, so that the module as a whole can be described.
fn refused(body: fn()) -> String {
    Dag::new("refused").draw(body).expect_err("it has a mistake").to_string()
}

#[test]
fn a_mistake_names_the_task() {
    let unwritable = "cannot be serialised: key must be a string";
    let cases: [(fn(), &str); 6] = [
        (with_a_bad_literal, &format!("argument `table` of task `take` {unwritable}")),
        (with_a_bad_callback, &format!("argument `table` of callback `tell` {unwritable}")),
        (with_fields_of_two_lists, "task `add` takes fields of two lists"),
        (mapped_in_two_ways, "task `add` is mapped by `each` and by `from_each`"),
        (that_gives_up_on_nothing, "task `sum` does not wait in a way that has a `soft_fail`"),
        (that_waits_for_no_page, "\"example.org\" is not a URL"),
    ];
    for (body, expected) in cases {
        let message = refused(body);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_schedule_without_a_clock_has_no_time_zone() {
    let late = |schedule: Schedule| Dag::new("refused").schedule(schedule).draw(|| ()).expect_err("it has a mistake");
    let message = late(schedule::once().timezone("Europe/Amsterdam")).to_string();
    assert!(message.contains("a schedule of this kind has no `timezone`"), "{message}");
    let message = late(schedule::data_interval(schedule::once())).to_string();
    assert!(message.contains("takes a cron expression, a `Duration` or a `Calendar` span"), "{message}");
}

#[test]
fn functions_are_registered_once() {
    let mut names: Vec<&str> = inventory::iter::<flow_sdk::runtime::Task>().map(|task| task.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
