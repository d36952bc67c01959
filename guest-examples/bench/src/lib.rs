//! No-op work of several shapes, to measure the host by.

use std::time::Instant;

use flow_sdk::prelude::*;

const FAN: usize = 100;
const CHAIN: usize = 10;
const READS: u32 = 10_000;

/// Returns a small value.
#[task]
fn noop() -> u32 {
    1
}

/// Hands on what it is given.
#[task]
fn pass(value: u32) -> u32 {
    value
}

/// Adds up what many tasks returned.
#[task]
fn sum(values: Vec<u32>) -> u32 {
    values.into_iter().sum()
}

/// The mean time that reading a variable takes, in nanoseconds.
#[task(uses(variables("bench")))]
fn read_variable(reads: Option<u32>) -> Result<u64> {
    let reads = reads.unwrap_or(READS).max(1);
    let start = Instant::now();
    for _ in 0..reads {
        variables::get("bench")?;
    }
    let nanos = start.elapsed().as_nanos() / u128::from(reads);
    Ok(u64::try_from(nanos)?)
}

/// One task.
#[dag]
fn single() {
    noop();
}

/// A hundred tasks that know nothing of each other.
#[dag]
fn fan100() {
    for _ in 0..FAN {
        noop();
    }
}

/// Ten tasks, one after the other.
#[dag]
fn chain10() {
    let mut last = noop();
    for _ in 1..CHAIN {
        last = pass(last);
    }
}

/// One task, then a hundred, then one.
#[dag]
fn fanout100() {
    let first = noop();
    sum([first; FAN].map(pass));
}

/// Reads the variable `bench` again and again; the conf can say how many `reads`.
#[dag]
fn variable_get() {
    read_variable(conf("reads"));
}
