//! What guests ask of the host arrives as they asked it, and refusals reach them as values.

use std::sync::Arc;

use flow_model::call::Call;
use flow_model::work::{AttemptEnd, AttemptLimits, ErrorClass};
use flow_sandbox::Attempt;

use crate::support::guests::{Wat, example};
use crate::support::stage::{Stage, attempt, class, task};
use crate::support::world::World;

/// A guest that reads the variable at `address length` and skips with the discriminants of the answer: `e` and the
/// number of the error, or `o`.
fn reader(text: &'static str) -> Wat {
    let run = format!(
        r"(call $get {text} (i32.const 200))
        (if (i32.load8_u (i32.const 200))
            (then (i32.store8 (i32.const 300) (i32.const 101))
                (i32.store8 (i32.const 301) (i32.add (i32.const 48) (i32.load8_u (i32.const 204)))))
            (else (i32.store16 (i32.const 300) (i32.const 0x6b6f))))
        (i32.store8 (i32.const 72) (i32.const 1))
        (i32.store (i32.const 80) (i32.const 300)) (i32.store (i32.const 84) (i32.const 2))
        (i32.const 64)"
    );
    Wat {
        imports: r#"(import "flow:host/variables@0.1.0" "get" (func $get (param i32 i32 i32)))"#,
        run: run.leak(),
        rest: r#"(data (i32.const 500) "key") (data (i32.const 510) "../x") (data (i32.const 520) "gone")"#,
        ..Wat::default()
    }
}

#[tokio::test]
async fn answers_and_refusals_are_values() {
    let stage = Stage::new();
    let world = Arc::new(World { variables: [("key".into(), "value".into())].into(), ..World::default() });
    for (text, expected) in [
        ("(i32.const 500) (i32.const 3)", "ok"),
        ("(i32.const 520) (i32.const 4)", "e0"), // not-found
        ("(i32.const 510) (i32.const 4)", "e2"), // invalid, and never asked
        ("(i32.const 500) (i32.const 0)", "e2"),
    ] {
        let module = stage.module(reader(text).component()).await;
        let report = stage.run(attempt(module, task("main", "[]"), &world)).await;
        assert_eq!(report.end, AttemptEnd::Skipped { reason: expected.into() }, "{text}");
    }
    let asked = world.calls.lock().expect("nobody panicked").clone();
    let get = |key: &str| Call::VariableGet { key: key.parse().expect("a key") };
    assert_eq!(asked, [get("key"), get("gone")]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_question_is_unavailable() {
    let guest = Wat {
        imports: r#"(import "flow:host/runs@0.1.0" "trigger"
            (func $trigger (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32)))"#,
        run: r"(call $trigger (i32.const 500) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 200))
            ;; An error, and of the seventh kind.
            (if (i32.or (i32.ne (i32.load8_u (i32.const 200)) (i32.const 1))
                        (i32.ne (i32.load8_u (i32.const 204)) (i32.const 6)))
                (then unreachable))
            (i32.const 64)",
        rest: r#"(data (i32.const 500) "dag")"#,
        ..Wat::default()
    };
    let report = Stage::new().task(guest.component(), AttemptLimits::default()).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
}

#[tokio::test]
async fn a_guest_that_waits_for_an_answer_can_be_timed_out() {
    let stage = Stage::new();
    let world = Arc::new(World { silent: true, ..World::default() });
    let module = stage.module(reader("(i32.const 500) (i32.const 3)").component()).await;
    let limits = AttemptLimits { wall_ms: 200, ..AttemptLimits::default() };
    let report = stage.run(Attempt { limits, ..attempt(module, task("main", "[]"), &world) }).await;
    assert_eq!(class(&report), ErrorClass::Timeout);
}

#[tokio::test]
async fn a_thousand_calls_of_a_rust_guest_are_answered() {
    let stage = Stage::new();
    let world = Arc::new(World { variables: [("bench".into(), "x".into())].into(), ..World::default() });
    let module = stage.module(example("bench")).await;
    let report = stage.run(attempt(module, task("bench::read_variable", "[1000]"), &world)).await;
    assert!(matches!(report.end, AttemptEnd::Success { value: Some(_) }), "{report:?}");
    assert_eq!(world.calls.lock().expect("nobody panicked").len(), 1000);
}

#[tokio::test]
async fn progress_reaches_the_broker_now_and_then_and_at_the_end() {
    let guest = Wat {
        imports: r#"(import "flow:host/task-instance@0.1.0" "heartbeat" (func $beat (param i32 f64 i32)))"#,
        run: "(local $n i32)
            (loop $again
                (call $beat (i32.const 1) (f64.const 0.5) (i32.const 200))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $n) (i32.const 1000))))
            (call $beat (i32.const 1) (f64.const 1) (i32.const 200))
            (call $beat (i32.const 0) (f64.const 0) (i32.const 200))
            ;; Not a fraction, which is refused.
            (call $beat (i32.const 1) (f64.const nan) (i32.const 200))
            (if (i32.ne (i32.load8_u (i32.const 200)) (i32.const 1)) (then unreachable))
            (i32.const 64)",
        ..Wat::default()
    };
    let stage = Stage::new();
    let world = Arc::new(World::default());
    let module = stage.module(guest.component()).await;
    let report = stage.run(attempt(module, task("main", "[]"), &world)).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
    let calls = world.calls.lock().expect("nobody panicked");
    assert!((2..100).contains(&calls.len()), "{} of 1001 reports arrived", calls.len());
    assert_eq!(calls.last(), Some(&Call::Progress { fraction: 1.0 }));
}
