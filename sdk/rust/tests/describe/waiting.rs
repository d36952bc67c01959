//! Waits: what the host looks at, sensors, people, and triggers that a task waits for in the middle of its work.

use flow_sdk::prelude::*;
use flow_sdk::runtime::{Ended, poll, run};
use flow_sdk::{Poll, Resume};

use crate::snapshot;

#[sensor(poke_interval = "5s", timeout = "1h", soft_fail, execution_timeout = "10s", mode = "reschedule", retries = 1)]
fn is_there(file: String) -> bool {
    file.is_empty()
}

#[sensor]
fn newest(_context: &Context, files: Vec<String>) -> Result<Option<String>> {
    Ok(files.into_iter().max())
}

#[task]
fn load(file: String) -> usize {
    file.len()
}

#[task]
fn publish(answer: Answer) -> Result<u32> {
    answer.param("copies")
}

#[task]
fn double(found: u32) -> u32 {
    found * 2
}

#[dag]
fn waiting() -> Result {
    load(newest(vec!["a".to_owned()])).depends_on(is_there("b"));
    is_there("c").timeout(Duration::from_mins(2));
    wait_for("2026-01-31T08:00:00+01:00".parse::<Timestamp>()?);
    wait_for(Duration::from_secs(30)).id("pause").poke_interval(Duration::from_secs(1));
    wait_for(wait::after_interval(Duration::from_mins(10))).soft_fail();
    let other = wait::run("etl").task("load").earlier_by(Duration::from_hours(1));
    wait_for(other.failed_states([wait::State::Failed, wait::State::UpstreamFailed])).timeout(Duration::from_hours(2));
    wait_for(wait::run("etl").later_by(Duration::from_hours(1)).allowed_states([wait::State::Failed]));
    wait_for(asset("orders"));
    wait_for(wait::http("https://Example.org:443/ready").statuses([200, 204]));
    let release = question("Publish?")
        .body("It is **final**.")
        .options(["publish", "drop"])
        .defaults(["drop"])
        .param("copies", param(1).minimum(1))
        .assigned_to(["ada"]);
    publish(ask(release).timeout(Duration::from_hours(4)));
    ask(approval("Delete the drafts?")).id("cleanup");
    ask(question("Which ones?").options(["load", "publish"]).multiple().branch());
    double(wait_for(job_done("3", 1)).id("job").timeout(Duration::from_hours(3)));
    wait_for(wait::run("etl").id("manual__1")).id("known");
    Ok(())
}

#[test]
fn waits_say_for_what() {
    snapshot("waiting", [waiting()]);
}

#[trigger(poke_interval = "2s")]
fn job_done(job: String, at_least: u32) -> Result<Poll<u32>> {
    match job.parse::<u32>()? {
        0 => Ok(Poll::Pending),
        1 => Ok(Poll::PendingFor(Duration::from_secs(9))),
        2 => Ok(Poll::PendingUntil(Timestamp::from_millis(7))),
        done => Ok(Poll::Ready(done.max(at_least))),
    }
}

#[task]
fn run_job(context: &Context, how: String) -> Result<u32> {
    match (context.resume(), how.as_str()) {
        (Some(over), _) => over.event(),
        (None, "trigger") => Err(defer(job_done("3", 1)).timeout(Duration::from_mins(1)).resume_with("done")),
        (None, "host") => Err(defer(Duration::from_secs(5)).resume_with("slept")),
        (None, _) => Err(question("Go on?").resume_with("answered")),
    }
}

fn here(function: &str) -> String {
    format!("{}::{function}", module_path!())
}

#[test]
fn a_sensor_looks_again_until_it_finds_something() {
    let look = |function: &str, arguments: &str| run(&here(function), &Context::default(), arguments);
    assert_eq!(look("is_there", "[\"\"]"), Ok(Ended::Success(Some("true".to_owned()))));
    assert!(matches!(look("is_there", "[\"x\"]"), Ok(Ended::Again(pause)) if format!("{pause:?}") == "For(5s)"));
    assert_eq!(look("newest", "[[\"a\", \"b\"]]"), Ok(Ended::Success(Some("\"b\"".to_owned()))));
    assert!(matches!(look("newest", "[[]]"), Ok(Ended::Again(pause)) if format!("{pause:?}") == "For(60s)"));
}

#[test]
fn a_trigger_says_when_to_look_again() {
    let look = |job: u32| {
        let kwargs = format!("{{\"at_least\": 5, \"job\": \"{job}\"}}");
        poll(&here("job_done"), &kwargs).expect("it looks").map_err(|pause| format!("{pause:?}"))
    };
    assert_eq!(look(0), Err("For(2s)".to_owned()));
    assert_eq!(look(1), Err("For(9s)".to_owned()));
    assert_eq!(look(2), Err("Until(Timestamp(7))".to_owned()));
    assert_eq!(look(4), Ok("5".to_owned()));
    assert!(poll(&here("job_done"), "{\"job\": \"4\"}").is_err(), "an argument is missing");
}

#[test]
fn a_task_goes_on_after_its_wait() {
    let part = |how: &str, resume: Option<Resume>| {
        let context = Context { resume, ..Context::default() };
        run(&here("run_job"), &context, &format!("[\"{how}\"]"))
    };
    for how in ["trigger", "host", "person"] {
        assert!(part(how, None).expect_err("it waits").to_string().starts_with("waiting"));
    }
    let over = |event_json| Some(Resume { key: "done".to_owned(), event_json });
    assert_eq!(part("", over(Ok("5".to_owned()))), Ok(Ended::Success(Some("5".to_owned()))));
    let failed = part("", over(Err("it took too long".to_owned()))).expect_err("the wait failed");
    assert_eq!(failed, Error::new("it took too long").kind("WaitFailed"));
}
