//! No-op work of several shapes, to measure the host by.

use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use flow_sdk::prelude::*;

const FAN: usize = 100;
const WIDE_FAN: usize = 1_000;
const PAIRS: usize = 10;
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

/// The numbers from 1.
#[task]
fn numbers(count: u32) -> Vec<u32> {
    (1..=count).collect()
}

/// Sleeps, and so keeps its slot.
#[task]
fn nap(number: u32, millis: u64) -> u32 {
    thread::sleep(Duration::from_millis(millis));
    number
}

/// Waits as long, and keeps nothing.
#[task]
fn wait_out(context: &Context, number: u32, millis: u64) -> Result<u32> {
    match context.resume() {
        None => Err(defer(Duration::from_millis(millis)).resume_with("over")),
        Some(_) => Ok(number),
    }
}

/// What time it is, in milliseconds since 1970.
#[task]
fn stamp() -> Result<u64> {
    now()
}

/// When the task before this one ran, and how much later this one does.
#[task]
fn lag(stamp: u64) -> Result<(u64, u64)> {
    Ok((stamp, now()?.saturating_sub(stamp)))
}

fn now() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// What all pairs measured.
#[task]
fn gather(lags: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    lags
}

/// One task.
#[dag(max_active_runs = 1000)]
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

/// A thousand of them.
#[dag(max_active_runs = 10_000)]
fn fan1000() {
    for _ in 0..WIDE_FAN {
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

/// As many tasks as the conf's `count`, and one that waits for all of them.
#[dag]
fn mapped() {
    sum(pass(each(numbers(conf("count")))));
}

/// As many that sleep for `millis`.
#[dag]
fn naps() {
    nap(each(numbers(conf("count"))), conf("millis"));
}

/// As many that wait for `millis` without a slot.
#[dag]
fn waits() {
    wait_out(each(numbers(conf("count"))), conf("millis"));
}

/// Ten times two tasks, the second of which says how long after the first it ran.
#[dag(max_active_runs = 10_000)]
fn pairs() {
    gather([(); PAIRS].map(|()| lag(stamp())));
}
