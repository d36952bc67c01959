//! A task in each state that can be held still, named after it. It takes a host with one worker slot and a pool `closed`
//! without any; the run goes on until somebody ends it.

use flow_sdk::prelude::*;

const HOUR: Duration = Duration::from_hours(1);

/// Ends as it is told, or not at all.
#[task]
fn work(how: String) -> Result {
    match how.as_str() {
        "fail" => Err(Error::fail("as it was told")),
        "fail once" => Err(Error::new("as it was told")),
        "skip" => Err(skip("as it was told")),
        "go on" => loop {
            std::thread::sleep(Duration::from_millis(50));
        },
        _ => Ok(()),
    }
}

/// Looks once in an hour, and finds nothing.
#[sensor(poke_interval = "1h")]
fn look() -> bool {
    false
}

#[dag(description = "A task in each state", tags("example"))]
fn states() {
    work("succeed").id("success");
    work("skip").id("skipped");
    let failed = work("fail").id("failed");
    empty("upstream_failed").depends_on(failed);
    work("fail once").id("up_for_retry").retries(1).retry_delay(HOUR);
    look().id("up_for_reschedule");
    wait_for(HOUR).id("deferred");
    ask(question("How long?")).id("awaiting_input");
    work("succeed").id("scheduled").pool("closed");
    // What weighs least gets the one slot last, and keeps it.
    let running = work("go on").id("running").priority_weight(-10);
    empty("none").depends_on(running);
    work("succeed").id("queued").priority_weight(-20);
}
