//! Mapped tasks: over what, by which arguments, and what their handles stand for.

use std::collections::BTreeMap;

use flow_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::snapshot;

#[derive(Serialize, Deserialize)]
struct File {
    path: String,
    rows: u32,
}

#[task]
fn files() -> Result<Vec<File>> {
    Ok(vec![File { path: "a.csv".to_owned(), rows: 3 }])
}

#[task]
fn numbers() -> Vec<i64> {
    vec![1, 2, 3]
}

#[task]
fn sizes() -> BTreeMap<String, u64> {
    BTreeMap::new()
}

#[task]
fn double(number: i64) -> i64 {
    2 * number
}

#[task]
fn multiply(a: i64, b: Option<i64>) -> i64 {
    a * b.unwrap_or(1)
}

#[task]
fn read(file: File) -> u32 {
    file.rows
}

#[task(map_index_template = "{path}")]
fn load(path: String, rows: u32, table: String) -> usize {
    path.len() + table.len() + rows as usize
}

#[task]
fn describe_size(entry: (String, u64)) -> String {
    entry.0
}

#[task]
fn sum(numbers: Vec<i64>) -> i64 {
    numbers.into_iter().sum()
}

#[dag]
fn mapping() {
    let doubled = double(each(numbers()));
    sum(doubled);
    let products = multiply(each([1, 2]), each(doubled)).map_index_template("{a} x {b}");
    sum(products);
    sum(double(each(1..=3)));
    let squares: Output<Vec<i64>> = multiply(3, each(&vec![4, 5]));
    sum(squares);
    read(each(files()));
    describe_size(each(sizes()));
    describe_size(each(zip(
        ["a", "b"].map(str::to_owned),
        BTreeMap::from([(1, 2)]).into_values().collect::<Vec<u64>>(),
    )));
    double(each(concat(numbers(), [7, 8])));
    let pairs = zip(numbers(), zip([1], [2])).fill(0);
    untangle(each(pairs));
    let file = from_each(files());
    load(file.field("path"), file.field("rows"), "raw");
}

#[task]
fn untangle(pair: (i64, (i64, i64))) -> i64 {
    pair.0
}

#[test]
fn a_mapped_task_says_over_what() {
    snapshot("mapping", [mapping()]);
}
