//! Cancelling an attempt: a guest can see it and end in good order; one that does not is ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flow_model::work::{AttemptEnd, ErrorClass};
use flow_sandbox::Attempt;
use tokio_util::sync::CancellationToken;

use crate::support::guests::{Wat, example};
use crate::support::stage::{Stage, attempt, class, task};
use crate::support::world::World;

const LOG: &str = r#"(import "flow:host/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32 i32)))"#;
/// Says that it runs.
const HERE: &str = "(call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// Runs a guest that says when it runs, cancels it then, and says how long it went on.
async fn cancel(guest: Wat) -> (flow_model::port::Report, Duration) {
    let stage = Stage::new();
    let world = Arc::new(World::default());
    let module = stage.module(guest.component()).await;
    let cancel = CancellationToken::new();
    let run = stage.run(Attempt { cancel: cancel.clone(), ..attempt(module, task("main", "[]"), &world) });
    let stop = async {
        world.logged.notified().await;
        cancel.cancel();
        Instant::now()
    };
    let (report, cancelled) = tokio::join!(run, stop);
    (report, cancelled.elapsed())
}

#[tokio::test]
async fn a_guest_that_looks_ends_in_good_order() {
    let run = format!("{HERE} (loop $again (br_if $again (i32.eqz (call $cancelled)))) (i32.const 64)");
    let imports =
        format!(r#"{LOG} (import "flow:host/task-instance@0.1.0" "is-cancelled" (func $cancelled (result i32)))"#);
    let (report, _) = cancel(Wat { imports: imports.leak(), run: run.leak(), ..Wat::default() }).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
}

#[tokio::test]
async fn a_guest_that_never_looks_is_ended_soon() {
    let run = format!("{HERE} (loop $again (br $again)) unreachable");
    let (report, after) = cancel(Wat { imports: LOG, run: run.leak(), ..Wat::default() }).await;
    assert_eq!(class(&report), ErrorClass::Cancelled);
    assert!(after < Duration::from_secs(2), "it went on for {after:?}");
}

#[tokio::test]
async fn a_guest_that_sleeps_is_ended_as_well_and_one_not_begun_never_begins() {
    let stage = Stage::new();
    let module = stage.module(example("greedy")).await;
    let cancel = CancellationToken::new();
    let sleeper = Attempt {
        cancel: cancel.clone(),
        ..attempt(module, task("greedy::misbehave", "[\"sleep\", null]"), &Arc::default())
    };
    let (report, ()) = tokio::join!(stage.run(sleeper), async { cancel.cancel() });
    assert_eq!(class(&report), ErrorClass::Cancelled);
    let late = Attempt { cancel, ..attempt(module, task("greedy::bystander", "[]"), &Arc::default()) };
    let report = stage.run(late).await;
    assert_eq!((class(&report), report.usage.cpu_us), (ErrorClass::Cancelled, 0));
}

#[tokio::test]
async fn an_attempt_that_nobody_waits_for_frees_its_slot() {
    let stage = Stage::with(|config| config.slots = 1);
    let world = Arc::new(World::default());
    let run = format!("{HERE} (loop $again (br $again)) unreachable");
    let module = stage.module(Wat { imports: LOG, run: run.leak(), ..Wat::default() }.component()).await;
    tokio::select! {
        _ = stage.run(attempt(module, task("main", "[]"), &world)) => panic!("it never ends"),
        () = world.logged.notified() => {}
    }
    // Dropped: the guest is gone as soon as it yields.
    let hello = stage.module(Wat::default().component()).await;
    let report = stage.run(attempt(hello, task("main", "[]"), &world)).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
}
