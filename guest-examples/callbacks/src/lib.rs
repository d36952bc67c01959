//! What runs after something has happened, as work of its own: callbacks of tasks and of the run, and one for a deadline
//! that is missed. Each notes what it heard in the variable `callbacks_…` of its channel.
//!
//! The param `mode` says how `work` ends: `success`, `retry` (once), `fail` or `skip`.

use flow_sdk::prelude::*;

/// Notes what happened to whom. It has tries of its own.
#[callback(retries = 1)]
fn tell(event: &Event, channel: String) -> Result {
    let whom = event.task_id.as_deref().unwrap_or("the run");
    log::warn!(run = event.run_id, "{}: {} of {whom}", event.dag_id, event.on);
    Ok(variables::set(&format!("callbacks_{channel}"), &format!("{} of {whom}", event.on))?)
}

/// Ends as the param says, and tells about it.
#[task(
    retries = 1,
    retry_delay = "100ms",
    on_execute = tell("execute"),
    on_success = tell("success"),
    on_failure = tell("failure"),
    on_retry = tell("retry"),
    on_skipped = tell("skipped")
)]
fn work(context: &Context, mode: String) -> Result<u32> {
    match mode.as_str() {
        "fail" => Err(Error::fail("this can never work")),
        "skip" => Err(skip("there is nothing to do")),
        "retry" if context.try_number == 1 => Err(Error::new("not the first time")),
        _ => Ok(context.try_number),
    }
}

#[dag(
    description = "Tells what has happened",
    tags("example"),
    params(
        mode = param("success").title("How it ends").one_of(["success", "retry", "fail", "skip"]),
        note = param("none").description("Shown in the form, and of no use")
    ),
    on_success = tell("run"),
    on_failure = tell("run"),
    deadline = Deadline::after_queued(Duration::from_millis(100)).name("soon").on_miss(tell("deadline")),
    uses(variables("callbacks_*"))
)]
fn callbacks() {
    let late = wait_for(Duration::from_millis(500)).id("late");
    work(conf("mode")).depends_on(late);
}
