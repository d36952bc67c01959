//! Groups in groups, mapped ones, what goes before and after them, setups and teardowns.

use flow_sdk::prelude::*;

use crate::{at, snapshot};

#[task]
fn fetch(region: String) -> Vec<u32> {
    region.bytes().map(u32::from).collect()
}

#[task]
fn add(rows: Vec<u32>, factor: Option<u32>) -> u32 {
    rows.into_iter().sum::<u32>() * factor.unwrap_or(1)
}

#[task]
fn regions() -> Vec<String> {
    vec!["eu".to_owned()]
}

#[task]
fn compare(totals: Vec<u32>) -> usize {
    totals.len()
}

#[dag]
fn groups() {
    let check = group("check", || {
        let reachable = empty("reachable");
        group("access", || empty("authorised").depends_on(reachable)).tooltip("May we?");
        empty("open");
    })
    .retries(2)
    .retry_delay(Duration::from_secs(5))
    .max_active(3)
    .deadline(Deadline::after_start(Duration::from_mins(5)));
    let totals = group_each("region", regions(), |region| add(fetch(region), None)).depends_on(check);
    compare(totals);
    let pairs = group_each("pair", (["eu", "us"], 1..3), |(region, factor)| {
        let rows = fetch(region);
        (rows, add(rows, factor))
    });
    let (rows, totals): (Output<Vec<Vec<u32>>>, Output<Vec<u32>>) = pairs.output;
    compare(totals).depends_on(rows);
    group("check", || empty("again"));
}

#[task]
fn create() -> String {
    "scratch".to_owned()
}

#[task]
fn query(database: String) -> Vec<u32> {
    database.bytes().map(u32::from).collect()
}

#[task]
fn drop_it(_database: String) {}

#[dag]
fn scratch() {
    let work = group("work", || {
        let database = create();
        let rows = query(database);
        drop_it(database).teardown_of(database).depends_on(rows);
        rows
    });
    let total = add(work.output, None).depends_on(work);
    let lock = empty("lock").setup();
    drop_it("lock").id("unlock").teardown().depends_on((lock, total)).on_failure_fail_dagrun();
}

#[test]
fn groups_say_what_is_in_them() {
    snapshot("groups", [groups(), scratch()]);
}

#[test]
fn a_teardown_holds_up_nothing_behind_its_group() {
    let add = |pointer: &str| at(scratch(), &format!("/tasks/3{pointer}"));
    assert_eq!(add("/task_id"), "add");
    assert_eq!(add("/depends_on"), serde_json::json!(["work.query"]));
}

#[test]
fn a_group_begins_with_what_follows_nothing_of_it() {
    let fetch = |pointer: &str| at(groups(), &format!("/tasks/4{pointer}"));
    assert_eq!(fetch("/task_id"), "region.fetch");
    assert_eq!(fetch("/depends_on"), serde_json::json!(["check.access.authorised", "check.open"]));
    assert!(at(groups(), "/tasks/5/depends_on").is_null(), "`region.add` follows `region.fetch` already");
}
