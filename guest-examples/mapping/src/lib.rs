//! Tasks that run once for each element of a list, such as that of `{"count": 4}`; without it the variable `count` says
//! how long the list is, so that it is another one when the run is cleared and goes on.
//!
//! ```text
//! numbers ── double (×4) ── total
//!      └──── multiply (×4×2) ── total__1
//! files ── load (×2) ── total__2
//! ```

use flow_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The list is known only when this task has returned it. With a count of 0 whatever is mapped over it is skipped.
#[task(uses(variables("count")))]
fn numbers(count: Option<u64>) -> Result<Vec<u64>> {
    let count = match count {
        Some(count) => count,
        None => variables::get_or("count", "4")?.parse()?,
    };
    Ok((1..=count).collect())
}

/// Each instance gets one number, and is called by it in lists.
#[task(map_index_template = "number {number}")]
fn double(number: u64) -> u64 {
    2 * number
}

/// Names itself while it runs.
#[task]
fn multiply(number: u64, factor: u64) -> u64 {
    set_map_label(&format!("{number} × {factor}"));
    number * factor
}

/// Receives what all instances returned, in the order of the list.
#[task]
fn total(parts: Vec<u64>) -> u64 {
    parts.into_iter().sum()
}

/// Something to load.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    path: String,
    rows: u64,
}

#[task]
fn files() -> Vec<File> {
    let file = |path: &str, rows| File { path: path.to_owned(), rows };
    vec![file("a.csv", 3), file("b.csv", 4)]
}

#[task(map_index_template = "{path}")]
fn load(path: String, rows: u64) -> u64 {
    log::info!(path = path, "loaded {rows} rows");
    rows
}

#[dag(description = "Maps tasks over lists", tags("example"))]
fn mapping() {
    let numbers = numbers(conf("count"));
    total(double(each(numbers)));
    total(multiply(each(numbers), each([10, 100])));
    let file = from_each(files());
    total(load(file.field("path"), file.field("rows")));
}
