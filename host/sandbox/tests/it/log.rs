//! What guests print and log arrives line by line, in order, within the attempt's quota.

use std::sync::Arc;

use flow_model::work::{AttemptEnd, AttemptLimits, LogLevel, LogSource};
use flow_sandbox::Attempt;

use crate::support::guests::example;
use crate::support::stage::{NOW, Stage, attempt, task};
use crate::support::world::World;

#[tokio::test]
async fn a_log_line_keeps_its_level_its_fields_and_its_time() {
    let stage = Stage::new();
    let world = Arc::new(World::default());
    let module = stage.module(example("hello")).await;
    let report = stage.run(attempt(module, task("hello::tell", "[\"Hello\", 5]"), &world)).await;
    assert_eq!(report.end, AttemptEnd::Success { value: Some("\"Hello (5 letters)\"".into()) });
    let lines = world.lines.lock().expect("nobody panicked");
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    assert_eq!((line.timestamp, line.level, line.source), (NOW, LogLevel::Info, LogSource::Log));
    assert_eq!(line.event, "Hello");
    assert_eq!(line.fields.as_ref().expect("it has fields")["letters"], 5);
}

#[tokio::test]
async fn a_flood_is_cut_once_at_the_quota_and_the_guest_goes_on() {
    let stage = Stage::new();
    let world = Arc::new(World::default());
    let module = stage.module(example("greedy")).await;
    let limits = AttemptLimits { log_bytes: 64 << 10, ..AttemptLimits::default() };
    let flood = task("greedy::misbehave", "[\"log\", null]");
    let report = stage.run(Attempt { limits, ..attempt(module, flood, &world) }).await;
    assert!(matches!(report.end, AttemptEnd::Success { .. }), "{report:?}");
    let lines = world.lines.lock().expect("nobody panicked");
    let (mark, kept) = lines.split_last().expect("there are lines");
    assert_eq!(mark.event, "log truncated: the attempt's log quota of 65536 bytes is used up");
    assert_eq!(mark.source, LogSource::Host);
    assert!(kept.iter().all(|line| line.source != LogSource::Host), "one mark is enough");
    let bytes: usize = kept.iter().map(|line| line.event.len()).sum();
    assert!((32 << 10..=64 << 10).contains(&bytes), "{bytes} bytes were kept");
    assert!(kept.iter().all(|line| line.event.len() <= 16 << 10));
}

#[tokio::test]
async fn a_failure_is_the_last_line_of_the_log() {
    let stage = Stage::new();
    let world = Arc::new(World::default());
    let module = stage.module(example("greedy")).await;
    stage.run(attempt(module, task("greedy::misbehave", "[\"panic\", null]"), &world)).await;
    assert!(world.events(LogSource::Stderr).iter().any(|line| line == "greedy was asked to panic"));
    let lines = world.lines.lock().expect("nobody panicked");
    let last = lines.last().expect("there are lines");
    assert_eq!((last.source, last.level), (LogSource::Host, LogLevel::Error));
    assert!(last.event.starts_with("the attempt failed (guest-bug): panicked at "), "{}", last.event);
}
