//! Every way an attempt can end, each by a guest that ends so, and the class that the host gives it.

use std::sync::Arc;

use flow_model::work::{AttemptEnd, AttemptLimits, ErrorClass};
use flow_sandbox::Attempt;

use crate::support::guests::{Wat, example};
use crate::support::stage::{Stage, attempt, class, failure, task};

/// An import of `log` whose core signature is level, message, and optional fields.
const LOG: &str = r#"(import "flow:host/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32 i32)))"#;

const TIGHT: AttemptLimits =
    AttemptLimits { cpu_ms: 200, wall_ms: 60_000, memory_bytes: 64 << 20, log_bytes: 64 << 10 };

async fn greedy(mode: &str, limits: AttemptLimits) -> flow_model::port::Report {
    let stage = Stage::new();
    let module = stage.module(example("greedy")).await;
    let job = task("greedy::misbehave", &format!("[{mode:?}, null]"));
    stage.run(Attempt { limits, ..attempt(module, job, &Arc::default()) }).await
}

#[tokio::test]
async fn an_endless_loop_is_stopped_at_its_cpu_budget() {
    let report = greedy("loop", TIGHT).await;
    assert_eq!(class(&report), ErrorClass::CpuLimit);
    assert_eq!(failure(&report).message, "it used up its 200 ms of CPU time");
    let overrun = report.usage.cpu_us.checked_sub(200_000).expect("the budget is used up");
    assert!(overrun < 30_000, "it overran by {overrun} µs");
}

#[tokio::test]
async fn a_memory_bomb_dies_of_its_memory_limit() {
    let report = greedy("memory", AttemptLimits { cpu_ms: 30_000, ..TIGHT }).await;
    assert_eq!(class(&report), ErrorClass::MemoryLimit);
    assert_eq!(failure(&report).message, "it needed more than its 67108864 bytes of memory");
    assert!((60 << 20..=64 << 20).contains(&report.usage.peak_memory_bytes), "{:?}", report.usage);
}

#[tokio::test]
async fn a_recursion_that_fills_the_guests_own_stack_is_a_stack_overflow() {
    let report = greedy("recursion", AttemptLimits { cpu_ms: 30_000, ..TIGHT }).await;
    assert_eq!(class(&report), ErrorClass::StackOverflow, "{report:?}");
}

#[tokio::test]
async fn a_sleeper_times_out_and_costs_no_cpu() {
    let report = greedy("sleep", AttemptLimits { wall_ms: 300, ..TIGHT }).await;
    assert_eq!(class(&report), ErrorClass::Timeout);
    assert!(report.usage.wall_us >= 300_000 && report.usage.cpu_us < 100_000, "{:?}", report.usage);
}

#[tokio::test]
async fn a_panic_is_told_with_its_words_and_its_place() {
    let report = greedy("panic", TIGHT).await;
    let failure = failure(&report);
    assert_eq!(failure.class, ErrorClass::GuestBug);
    assert!(failure.message.ends_with("greedy was asked to panic"), "{}", failure.message);
    let location = failure.location.as_ref().expect("the panic said where");
    assert!(location.file.ends_with("greedy/src/lib.rs") && location.line.is_some(), "{location:?}");
}

#[tokio::test]
async fn other_endings_of_a_rust_guest() {
    let report = greedy("exit", TIGHT).await;
    assert_eq!(class(&report), ErrorClass::GuestBug);
    assert_eq!(failure(&report).message, "it exited with status 1 before it returned a result");
    assert_eq!(class(&greedy("xcom", AttemptLimits { cpu_ms: 5_000, ..TIGHT }).await), ErrorClass::Quota);
    let report = greedy("no-such-mode", TIGHT).await;
    assert_eq!(class(&report), ErrorClass::Fatal);
    assert_eq!(failure(&report).message, "there is no mode \"no-such-mode\"");
}

#[tokio::test]
async fn a_guest_that_says_how_it_ended_is_believed() {
    let stage = Stage::new();
    let module = stage.module(example("flaky")).await;
    let world = Arc::default();
    let end = async |arguments| stage.run(attempt(module, task("flaky::attempt", arguments), &world)).await.end;
    assert_eq!(end("[null, null]").await, AttemptEnd::Success { value: Some("1".into()) });
    assert_eq!(end("[\"skip\", null]").await, AttemptEnd::Skipped { reason: "there is nothing to do".into() });
    let AttemptEnd::Failed(failure) = end("[\"retry\", 1]").await else { panic!("it fails") };
    assert_eq!((failure.class, failure.message.as_str()), (ErrorClass::Error, "failure 1 of 1"));
}

#[tokio::test]
async fn ends_that_only_webassembly_can_spell() {
    let guests = [
        ("unreachable", ErrorClass::GuestBug, Wat { run: "unreachable", ..Wat::default() }),
        (
            "division by zero",
            ErrorClass::GuestBug,
            Wat { run: "(i32.div_u (i32.const 1) (i32.const 0))", ..Wat::default() },
        ),
        (
            "an address out of bounds, where a stack would have ended",
            ErrorClass::GuestBug,
            Wat { run: "(i32.load (i32.const 0xfffffff0))", ..Wat::default() },
        ),
        (
            "a recursion that runs below the stack in its memory",
            ErrorClass::StackOverflow,
            Wat { run: "(call $sink (i32.const 8192))", rest: SINK, ..Wat::default() },
        ),
        (
            "a recursion that misses its memory elsewhere",
            ErrorClass::GuestBug,
            Wat { run: "(call $sink (i32.const 0x7fffffff))", rest: SINK, ..Wat::default() },
        ),
        (
            "an endless loop while instantiating",
            ErrorClass::CpuLimit,
            Wat { rest: "(func $spin (loop $again (br $again))) (start $spin)", ..Wat::default() },
        ),
        (
            "a trap while instantiating",
            ErrorClass::GuestBug,
            Wat { rest: "(func $trap unreachable) (start $trap)", ..Wat::default() },
        ),
        (
            "recursion on WebAssembly's own stack",
            ErrorClass::StackOverflow,
            Wat { run: "(call $deeper (local.get 0))", rest: DEEPER, ..Wat::default() },
        ),
        (
            "more initial memory than the attempt may have",
            ErrorClass::MemoryLimit,
            Wat { pages: 2_000, ..Wat::default() },
        ),
        ("a string that is not UTF-8", ErrorClass::AbiViolation, log_call("(i32.const 60) (i32.const 4)")),
        ("a string out of bounds", ErrorClass::AbiViolation, log_call("(i32.const 65000) (i32.const 9999)")),
        ("an unknown case", ErrorClass::AbiViolation, Wat { run: UNKNOWN_CASE, ..Wat::default() }),
        ("a result out of bounds", ErrorClass::AbiViolation, Wat { run: "(i32.const 65532)", ..Wat::default() }),
        (
            "a message that is too large to carry",
            ErrorClass::Quota,
            Wat { pages: 100, ..log_call("(i32.const 4096) (i32.const 5000000)") },
        ),
        ("a result that is not JSON", ErrorClass::GuestBug, Wat { run: NOT_JSON, ..Wat::default() }),
        ("pollables without end", ErrorClass::Quota, pollables()),
    ];
    let stage = Stage::new();
    for (what, expected, guest) in guests {
        let report = stage.task(guest.component(), TIGHT).await;
        assert_eq!(class(&report), expected, "{what}: {report:?}");
    }
}

const DEEPER: &str = "(func $deeper (param i32) (result i32) \
    (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))";
/// Uses 128 bytes of a stack in memory for each call, at least 30 calls deep before the first is written to.
const SINK: &str = "(func $sink (param $sp i32) (result i32) (call $sink_at (local.get $sp) (i32.const 0)))
    (func $sink_at (param $sp i32) (param $depth i32) (result i32)
        (if (i32.gt_u (local.get $depth) (i32.const 30)) (then (i32.store (local.get $sp) (i32.const 1))))
        (i32.add (i32.const 1)
            (call $sink_at (i32.sub (local.get $sp) (i32.const 128)) (i32.add (local.get $depth) (i32.const 1)))))";
const UNKNOWN_CASE: &str = "(i32.store8 (i32.const 64) (i32.const 9)) (i32.const 64)";
/// `success(some("{"))`
const NOT_JSON: &str = "(i32.store8 (i32.const 80) (i32.const 1)) (i32.store8 (i32.const 100) (i32.const 123)) \
    (i32.store (i32.const 84) (i32.const 100)) (i32.store (i32.const 88) (i32.const 1)) (i32.const 64)";

/// A guest that logs the text at `address length`. At 60 there are bytes that are not UTF-8.
fn log_call(text: &'static str) -> Wat {
    let run = format!(
        "(i32.store (i32.const 60) (i32.const -1)) \
         (call $log (i32.const 1) {text} (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 64)"
    );
    Wat { imports: LOG, run: run.leak(), ..Wat::default() }
}

/// A guest that asks for one timer after the other and keeps them all.
fn pollables() -> Wat {
    Wat {
        imports: r#"(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
            (func $subscribe (param i64) (result i32)))"#,
        run: "(loop $again (drop (call $subscribe (i64.const 1))) (br $again)) unreachable",
        wit: (
            "package wasi:io@0.2.0 { interface poll { resource pollable; } }
             package wasi:clocks@0.2.0 { interface monotonic-clock {
                use wasi:io/poll@0.2.0.{pollable};
                subscribe-duration: func(when: u64) -> pollable;
             } }",
            "import wasi:clocks/monotonic-clock@0.2.0;",
        ),
        ..Wat::default()
    }
}

#[tokio::test]
async fn where_no_slot_is_free_the_attempt_waits_for_one() {
    let stage = Stage::with(|config| config.slots = 1);
    let module = stage.module(example("greedy")).await;
    let world = Arc::default();
    let sleeper = stage.run(Attempt {
        limits: AttemptLimits { wall_ms: 500, ..TIGHT },
        ..attempt(module, task("greedy::misbehave", "[\"sleep\", null]"), &world)
    });
    let second = stage.run(attempt(module, task("greedy::bystander", "[]"), &world));
    let (first, second) = tokio::join!(sleeper, second);
    assert_eq!(class(&first), ErrorClass::Timeout);
    assert_eq!(second.end, AttemptEnd::Success { value: Some("\"undisturbed\"".into()) });
}

#[tokio::test]
async fn a_module_that_cannot_be_fetched_is_the_hosts_failure() {
    let stage = Stage::new();
    let unknown = flow_model::ids::Digest([0; 32]);
    let report = stage.run(attempt(unknown, task("main", "[]"), &Arc::default())).await;
    assert_eq!(class(&report), ErrorClass::HostError);
}
