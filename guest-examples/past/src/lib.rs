//! Runs that know each other: tasks that wait for the run before, and days that only a backfill makes runs for.
//!
//! `{"fail": "load"}` and `{"fail": "publish"}` let a task of `past` and `past_downstream` fail.

use flow_sdk::prelude::*;

fn succeed_unless(fail: Option<&str>, this: &str) -> Result {
    if fail == Some(this) { Err(Error::fail("as it was told")) } else { Ok(()) }
}

#[task]
fn load(fail: Option<String>) -> Result {
    succeed_unless(fail.as_deref(), "load")
}

#[task]
fn publish(fail: Option<String>) -> Result {
    succeed_unless(fail.as_deref(), "publish")
}

/// What was not loaded in the run before is loaded first.
#[dag(description = "A task waits for itself in the run before", tags("example"))]
fn past() {
    let loaded = load(conf("fail")).depends_on_past();
    publish(conf("fail")).depends_on(loaded);
}

/// Nothing is loaded before everything is published that was loaded in the run before.
#[dag(description = "A task waits for what follows it in the run before", tags("example"))]
fn past_downstream() {
    let loaded = load(conf("fail")).wait_for_downstream();
    publish(conf("fail")).depends_on(loaded);
}

const FOUND_BY: &str = "the first way to count";

/// The day that its run stands for.
#[task(pool = "archive")]
fn count(context: &Context) -> Option<String> {
    let day = context.logical_date?.to_string();
    Some(format!("{}, {FOUND_BY}", &day[..10]))
}

/// Has no runs of its own for a long time. It needs a pool `archive`.
#[dag(
    description = "A run for each day that is asked for",
    tags("example"),
    schedule = "@daily",
    start_date = "2100-01-01"
)]
fn archive() {
    count();
}
