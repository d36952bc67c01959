//! What ends before its time: a run in which the first failure is one too many, a run that takes too long, and a try that
//! works for too long. What has been set up is undone each time.

use flow_sdk::prelude::*;

#[task]
fn set_up() -> String {
    "scratch space".to_owned()
}

#[task]
fn tear_down(space: String) -> String {
    format!("no {space}")
}

/// Works until it is stopped.
#[task]
fn work() {
    loop {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[task]
fn give_up() -> Result {
    Err(Error::fail("there is no point in going on"))
}

/// Something that works, something that waits, and something that follows, all in the space that is set up for them.
fn scratch() {
    let space = set_up();
    let wait = wait_for(Duration::from_hours(1)).id("wait").depends_on(space);
    let later = empty("later").depends_on((work().depends_on(space), wait));
    tear_down(space).teardown_of(space).depends_on(later);
}

/// Ends as soon as a task fails: here, when somebody has answered.
#[dag(description = "Ends with its first failure", tags("example"), fail_fast)]
fn first_failure() {
    scratch();
    give_up().depends_on(ask(question("Give up?")).id("asked"));
}

/// Notes how the run ended.
#[callback]
fn tell(event: &Event) -> Result {
    Ok(variables::set("too_long", event.state.as_deref().unwrap_or_default())?)
}

#[dag(
    description = "Takes longer than it may",
    tags("example"),
    dagrun_timeout = "3s",
    on_failure = tell(),
    uses(variables("too_long"))
)]
fn too_long() {
    scratch();
}

/// Works, waits without a slot, and works on. All of its work, and nothing of its waiting, counts against the limit.
#[task(timeout = "1s")]
fn in_two_parts(context: &Context, first_ms: u64, wait_ms: u64, then_ms: u64) -> Result<&'static str> {
    if context.resume().is_none() {
        std::thread::sleep(Duration::from_millis(first_ms));
        return Err(defer(Duration::from_millis(wait_ms)).resume_with("then"));
    }
    std::thread::sleep(Duration::from_millis(then_ms));
    Ok("in time")
}

#[dag(description = "One limit for both parts of a try", tags("example"))]
fn budget() {
    in_two_parts(conf("first_ms"), conf("wait_ms"), conf("then_ms"));
}
