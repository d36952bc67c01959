//! What one guest leaves behind, the next one must not find.

use std::sync::Arc;

use flow_model::work::{AttemptEnd, AttemptLimits, ErrorClass};
use flow_sandbox::Attempt;

use crate::support::guests::Wat;
use crate::support::stage::{Stage, attempt, class, task};

/// Fills 64 MiB of memory, and the whole stack that it can reach, with a pattern.
const VICTIM: &str = "
    (drop (memory.grow (i32.const 1023)))
    (memory.fill (i32.const 128) (i32.const 0xa5) (i32.const 67100000))
    (drop (call $dive (i64.const 0xa5a5a5a5a5a5a5a5) (i32.const 2000)))
    (i32.const 64)";
const DIVE: &str = "(func $dive (param i64 i32) (result i64)
    (if (result i64) (i32.eqz (local.get 1)) (then (local.get 0))
        (else (i64.xor (local.get 0) (call $dive (local.get 0) (i32.sub (local.get 1) (i32.const 1)))))))";
/// Grows as far and traps at the first byte that is not zero, above the arguments that it was given itself.
const SPY: &str = "(local $at i32)
    (drop (memory.grow (i32.const 1023)))
    (local.set $at (i32.const 8192))
    (loop $next
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 67108864))))
    (i32.const 64)";

#[tokio::test]
async fn a_guest_finds_nothing_of_the_one_before_it_in_the_same_slot() {
    let stage = Stage::with(|config| config.slots = 1);
    let victim = stage.module(Wat { run: VICTIM, rest: DIVE, ..Wat::default() }.component()).await;
    let spy_component = Wat { run: SPY, ..Wat::default() }.component();
    for _ in 0..3 {
        // Of two memories in the pool the slot of the last one is the likeliest; the spy takes turns on both.
        let report = stage.run(attempt(victim, task("main", "[]"), &Arc::default())).await;
        assert_eq!(report.end, AttemptEnd::Success { value: None });
        assert!(report.usage.peak_memory_bytes >= 64 << 20, "the victim filled its memory");
        for _ in 0..2 {
            let spy = stage.task(spy_component.clone(), AttemptLimits::default()).await;
            assert_eq!(spy.end, AttemptEnd::Success { value: None }, "the spy found something");
        }
    }
}

#[tokio::test]
async fn memory_is_counted_over_all_memories_of_a_guest() {
    let limits = AttemptLimits { memory_bytes: 64 << 20, ..AttemptLimits::default() };
    let stage = Stage::new();
    // Each of the two fits alone; together they are over the limit.
    let two = Wat { pages: 600, rest: "(memory $second 600)", ..Wat::default() };
    assert_eq!(class(&stage.task(two.component(), limits).await), ErrorClass::MemoryLimit);
    let one = Wat { pages: 600, ..Wat::default() };
    assert_eq!(stage.task(one.component(), limits).await.end, AttemptEnd::Success { value: None });
}

#[tokio::test]
async fn a_busy_guest_leaves_others_their_time() {
    let stage = Stage::new();
    let spin = stage.module(Wat { run: "(loop $again (br $again)) unreachable", ..Wat::default() }.component()).await;
    let limits = AttemptLimits { cpu_ms: 400, ..AttemptLimits::default() };
    let spinner = stage.run(Attempt { limits, ..attempt(spin, task("main", "[]"), &Arc::default()) });
    // There is one thread for guests: the victims run between the spinner's slices.
    let victims = async {
        for _ in 0..5 {
            let report = stage.task(Wat::default().component(), AttemptLimits::default()).await;
            assert_eq!(report.end, AttemptEnd::Success { value: None });
        }
    };
    let (report, ()) = tokio::join!(spinner, victims);
    assert_eq!(class(&report), ErrorClass::CpuLimit);
}

#[tokio::test]
async fn a_guest_sees_no_environment_no_arguments_and_no_directories() {
    let guest = Wat {
        imports: r#"
            (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
            (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
            (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))"#,
        run: "(call $environment (i32.const 200)) (call $arguments (i32.const 208)) (call $directories (i32.const 216))
            ;; Each is a list: an address and a length.
            (if (i32.or (i32.load (i32.const 204)) (i32.or (i32.load (i32.const 212)) (i32.load (i32.const 220))))
                (then unreachable))
            (i32.const 64)",
        wit: (
            "package wasi:cli@0.2.0 { interface environment {
                get-environment: func() -> list<tuple<string, string>>;
                get-arguments: func() -> list<string>;
             } }
             package wasi:filesystem@0.2.0 {
                interface types { resource descriptor; }
                interface preopens {
                    use types.{descriptor};
                    get-directories: func() -> list<tuple<descriptor, string>>;
                }
             }",
            "import wasi:cli/environment@0.2.0; import wasi:filesystem/preopens@0.2.0;",
        ),
        ..Wat::default()
    };
    let report = Stage::new().task(guest.component(), AttemptLimits::default()).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
}
