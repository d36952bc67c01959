//! By when runs, groups and tasks have to be done. What is late goes on nevertheless; the variables `missed_…` say which
//! deadlines were missed, and by whom. `{"millis": 1500}` says how long the work of the group takes.

use flow_sdk::prelude::*;

const HOUR: Duration = Duration::from_hours(1);

/// Notes who has missed a deadline.
#[callback]
fn tell(event: &Event) -> Result {
    let deadline = event.deadline.as_deref().unwrap_or_default();
    let who = event.task_id.as_deref().or(event.group_id.as_deref()).unwrap_or("the run");
    Ok(variables::set(&format!("missed_{deadline}"), who)?)
}

/// So early that it is missed.
fn soon(name: &str) -> Deadline {
    Deadline::after_start(Duration::from_millis(100)).name(name).on_miss(tell())
}

/// Takes a while.
#[task]
fn work(millis: Option<u64>) {
    std::thread::sleep(Duration::from_millis(millis.unwrap_or(0)));
}

#[dag(
    description = "Misses deadlines, and keeps one",
    tags("example"),
    deadline = soon("of_run"),
    deadline = Deadline::after_logical_date(HOUR).name("by_date").on_miss(tell()),
    deadline = Deadline::after_average_runtime(Duration::ZERO, 10, 2).name("by_average").on_miss(tell()),
    uses(variables("missed_*"))
)]
fn deadlines() {
    let quick = work(None).id("quick").deadline(Deadline::after_start(HOUR).name("kept").on_miss(tell()));
    let slow = group("slow", || {
        let worked = work(conf("millis")).deadline(soon("of_task"));
        empty("after").depends_on(worked);
    });
    slow.deadline(soon("of_group")).depends_on(quick);
}
