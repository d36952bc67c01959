//! Parsing sees a clock that stands and random numbers that follow from the module; tasks see neither.

use std::sync::Arc;

use flow_model::time::Millis;
use flow_model::timetable::Restriction;
use flow_model::work::{AttemptEnd, Job, TimetableQuery};

use crate::support::guests::{Wat, example};
use crate::support::stage::{Stage, attempt, failure, task};

/// Imports of everything that could differ from one parse to the next.
const SOURCES: &str = r#"
    (import "wasi:random/random@0.2.0" "get-random-u64" (func $secure (result i64)))
    (import "wasi:random/insecure@0.2.0" "get-insecure-random-u64" (func $insecure (result i64)))
    (import "wasi:random/insecure-seed@0.2.0" "insecure-seed" (func $seed (param i32)))
    (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic (result i64)))
    (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall (param i32)))"#;
/// Writes all of it, as 16 letters for each number, to address 1024.
const COLLECT: &str = "
    (call $seed (i32.const 512)) (call $wall (i32.const 528))
    (call $letters (i32.const 1024) (call $secure))
    (call $letters (i32.const 1040) (call $insecure))
    (call $letters (i32.const 1056) (i64.load (i32.const 512)))
    (call $letters (i32.const 1072) (call $monotonic))
    (call $letters (i32.const 1088) (i64.load (i32.const 528)))";
const LETTERS: &str = "(func $letters (param $at i32) (param $n i64) (local $i i32)
    (loop $next
        (i32.store8 (i32.add (local.get $at) (local.get $i))
            (i32.add (i32.const 97) (i32.and (i32.wrap_i64 (local.get $n)) (i32.const 15))))
        (local.set $n (i64.shr_u (local.get $n) (i64.const 4)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 16)))))";
const WIT: (&str, &str) = (
    "package wasi:random@0.2.0 {
        interface random { get-random-u64: func() -> u64; }
        interface insecure { get-insecure-random-u64: func() -> u64; }
        interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
     }
     package wasi:clocks@0.2.0 {
        interface monotonic-clock { now: func() -> u64; }
        interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
     }",
    "import wasi:random/random@0.2.0; import wasi:random/insecure@0.2.0; import wasi:random/insecure-seed@0.2.0;
     import wasi:clocks/monotonic-clock@0.2.0; import wasi:clocks/wall-clock@0.2.0;",
);

/// A guest that describes, or skips with, what its clocks and random numbers say.
fn oracle(rest: &'static str) -> Wat {
    let describe = format!(
        "{COLLECT} (i32.store (i32.const 68) (i32.const 1024)) (i32.store (i32.const 72) (i32.const 80)) (i32.const 64)"
    );
    let run = format!(
        "{COLLECT} (i32.store8 (i32.const 72) (i32.const 1)) (i32.store (i32.const 80) (i32.const 1024)) \
         (i32.store (i32.const 84) (i32.const 80)) (i32.const 64)"
    );
    Wat {
        imports: SOURCES,
        run: run.leak(),
        describe: describe.leak(),
        rest: format!("{LETTERS} {rest}").leak(),
        wit: WIT,
        ..Wat::default()
    }
}

async fn parse(stage: &Stage, guest: &Wat, now: Millis) -> String {
    let module = stage.module(guest.component()).await;
    let end = stage.run(attempt(module, Job::Parse { now }, &Arc::default())).await.end;
    let AttemptEnd::Parsed { dags } = end else { panic!("it does not parse: {end:?}") };
    dags
}

#[tokio::test]
async fn two_parses_of_one_module_on_two_hosts_see_the_same() {
    let first = parse(&Stage::new(), &oracle(""), Millis(1_000)).await;
    assert_eq!(first.len(), 80);
    assert_eq!(first, parse(&Stage::new(), &oracle(""), Millis(1_000)).await);
    let later = parse(&Stage::new(), &oracle(""), Millis(9_000)).await;
    assert_eq!((&first[..64], first[64..] == later[64..]), (&later[..64], false), "only the wall clock differs");
    let other = parse(&Stage::new(), &oracle("(func $other)"), Millis(1_000)).await;
    assert_ne!(first[..48], other[..48], "another module draws other numbers");
}

#[tokio::test]
async fn a_timetable_sees_the_same_as_long_as_it_is_asked_the_same() {
    let next = format!(
        "(func (export \"flow:host/timetables@0.1.0#next\")
            (param i32 i32 i32 i32 i32 i64 i64 i32 i64 i32 i64 i32) (result i32)
            {COLLECT} (i32.store8 (i32.const 64) (i32.const 1))
            (i32.store (i32.const 72) (i32.const 1024)) (i32.store (i32.const 76) (i32.const 80)) (i32.const 64))"
    );
    let wit = (WIT.0, &*format!("{} export timetables;", WIT.1).leak());
    let guest = Wat { wit, ..oracle(next.leak()) };
    let ask = async |now| {
        let query = TimetableQuery {
            timetable: "lunar".into(),
            params: "null".into(),
            last: None,
            restriction: Restriction { earliest: None, latest: None, catchup: false },
            now,
        };
        let stage = Stage::new();
        let module = stage.module(guest.component()).await;
        let report = stage.run(attempt(module, Job::Timetable(query), &Arc::default())).await;
        failure(&report).message.clone()
    };
    let first = ask(Millis(1_000)).await;
    assert_eq!(first.len(), 80);
    assert_eq!(first, ask(Millis(1_000)).await);
    let later = ask(Millis(9_000)).await;
    assert_eq!((&first[..64], first[64..] == later[64..]), (&later[..64], false), "only the wall clock differs");
}

#[tokio::test]
async fn tasks_draw_fresh_numbers() {
    let stage = Stage::new();
    let module = stage.module(oracle("").component()).await;
    let draw = async || stage.run(attempt(module, task("main", "[]"), &Arc::default())).await.end;
    assert_ne!(draw().await, draw().await);
}

#[tokio::test]
async fn the_examples_describe_themselves_alike_every_time() {
    let stage = Stage::new();
    let module = stage.module(example("hello")).await;
    let parse = async || stage.run(attempt(module, Job::Parse { now: Millis(0) }, &Arc::default())).await.end;
    let first = parse().await;
    assert!(matches!(&first, AttemptEnd::Parsed { dags } if dags.contains("\"hello\"")), "{first:?}");
    assert_eq!(first, parse().await);
}
