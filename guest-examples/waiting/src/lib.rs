//! Waits that cost no slot: for time, for a sensor, for a person, for a trigger, and for another DAG's run.
//!
//! `{"looks": 3}` says how often the sensor and the trigger have to look. The run ends when somebody has answered
//! `release`, or after an hour. `watcher` needs the address of a page on this machine: `{"url": "http://127.0.0.1:8000/"}`.

use std::collections::BTreeMap;

use flow_sdk::prelude::*;

/// How often this was called for the same task instance, this time included.
fn count_looks() -> Result<u32> {
    let looks = state::get("looks")?.unwrap_or(0) + 1;
    state::set("looks", &looks)?;
    Ok(looks)
}

/// Looks again, as the same try, until there is something to find.
#[sensor(poke_interval = "200ms", timeout = "10m", soft_fail)]
fn file_is_there(looks: Option<u32>) -> Result<Option<String>> {
    let seen = count_looks()?;
    Ok((seen >= looks.unwrap_or(3)).then(|| format!("seen at look {seen}")))
}

/// Whether a job elsewhere has ended. The host asks again and again while the task that waits takes up no slot.
#[trigger(poke_interval = "200ms")]
fn job_ended(job: String, looks: u32) -> Result<Option<String>> {
    Ok((count_looks()? >= looks).then(|| format!("{job} ended")))
}

/// Starts a job, waits for its end, and goes on where it was.
#[task]
fn run_job(context: &Context, looks: Option<u32>) -> Result<String> {
    match context.resume() {
        None => Err(defer(job_ended("job-1", looks.unwrap_or(3))).timeout(Duration::from_mins(5)).resume_with("ended")),
        Some(over) => over.event(),
    }
}

#[task]
fn publish(file: String, job: String, answer: Answer) -> Result<String> {
    if !answer.chose("publish") {
        return Err(skip("it was dropped"));
    }
    let copies: Option<u32> = answer.param("copies")?;
    Ok(format!("{file}; {job}; {} copies", copies.unwrap_or(1)))
}

#[dag(description = "Waits for time, a sensor, a trigger and a person", tags("example"))]
fn waiting() {
    let pause = wait_for(Duration::from_millis(200)).id("pause");
    let file = file_is_there(conf("looks")).depends_on(pause);
    let release = question("Publish the file?")
        .options(["publish", "drop"])
        .defaults(["drop"])
        .param("copies", param(1).minimum(1).title("How many copies?"));
    publish(file, run_job(conf("looks")), ask(release).id("release").timeout(Duration::from_hours(1)));
}

#[dag(description = "Waits for the run of `waiting` with the same logical date", tags("example"))]
fn follower() {
    let paused = wait_for(wait::run("waiting").task("pause")).poke_interval(Duration::from_millis(500)).id("paused");
    empty("go").depends_on(paused);
}

/// Goes on once a page answers. The host asks for it, where the task says that it may.
#[task(uses(origins("http://127.0.0.1:*")))]
fn page(context: &Context, url: String) -> Result<u16> {
    match context.resume() {
        None => Err(defer(wait::http(url)).poke_interval(Duration::from_secs(1)).resume_with("answered")),
        Some(over) => Ok(over.event::<BTreeMap<String, u16>>()?["status"]),
    }
}

#[task]
fn report(ended: String, status: u16) -> String {
    format!("{ended}; the page answered {status}")
}

#[dag(description = "Waits for a trigger and then for a page", tags("example"))]
fn watcher() {
    let ended = wait_for(job_ended("job-2", 2)).id("ended");
    report(ended, page(conf("url")).depends_on(ended));
}
