//! Triggers, timetables and callbacks: what they answer, and what becomes of hostile ones.

use std::sync::Arc;

use bytes::Bytes;
use flow_model::inspect::{Optional, Rejection};
use flow_model::port::Report;
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun, Restriction};
use flow_model::work::{AttemptEnd, AttemptLimits, ErrorClass, Job, TimetableQuery};
use flow_sandbox::Attempt;

use crate::support::answers::Part::{Case, Number, Text};
use crate::support::answers::{callback, called_back, polled, scheduled, timetable, trigger};
use crate::support::guests::{Wat, component, contract};
use crate::support::stage::{Stage, attempt, class, failure};

const TIGHT: AttemptLimits = AttemptLimits { cpu_ms: 100, ..AttemptLimits::TRIGGER };

fn poll() -> Job {
    Job::Trigger { trigger: "landed".into(), kwargs: "{}".into() }
}

fn next() -> Job {
    Job::Timetable(TimetableQuery {
        timetable: "lunar".into(),
        params: "null".into(),
        last: Some(DataInterval { start: Millis(1), end: Millis(2) }),
        restriction: Restriction { earliest: None, latest: Some(Millis(9)), catchup: true },
        now: Millis(5),
    })
}

fn call_back() -> Job {
    Job::Callback { function: "tell".into(), arguments: "null".into(), event: "{}".into() }
}

async fn run(stage: &Stage, guest: &Wat, job: Job) -> Report {
    let module = stage.module(guest.component()).await;
    stage.run(Attempt { limits: TIGHT, ..attempt(module, job, &Arc::default()) }).await
}

#[tokio::test]
async fn answers_reach_the_broker() {
    let next_run = NextRun { run_after: Millis(7), interval: DataInterval { start: Millis(3), end: Millis(6) } };
    let interval = [(8, Case(1)), (16, Number(7)), (24, Number(3)), (32, Number(6))];
    let answers = [
        (polled(&[(16, Number(44))]), poll(), AttemptEnd::Pending { until: Millis(44) }),
        (polled(&[(8, Case(1)), (16, Text("[2]"))]), poll(), AttemptEnd::Fired { event: "[2]".into() }),
        (scheduled(&interval), next(), AttemptEnd::NextRun(Some(next_run))),
        (scheduled(&[]), next(), AttemptEnd::NextRun(None)),
        (called_back(&[]), call_back(), AttemptEnd::Success { value: None }),
    ];
    let stage = Stage::new();
    for (guest, job, expected) in answers {
        assert_eq!(run(&stage, &guest, job).await.end, expected);
    }
}

#[tokio::test]
async fn refusals_have_the_class_that_the_guest_gave_them() {
    let refusals = [
        (polled(&[(0, Case(1)), (8, Text("no such flight"))]), poll(), ErrorClass::Error),
        (scheduled(&[(0, Case(1)), (8, Text("no such flight"))]), next(), ErrorClass::Error),
        (called_back(&[(0, Case(1)), (4, Text("no such flight")), (12, Case(1))]), call_back(), ErrorClass::Error),
        (called_back(&[(0, Case(1)), (4, Text("no such flight"))]), call_back(), ErrorClass::Fatal),
    ];
    let stage = Stage::new();
    for (guest, job, expected) in refusals {
        let report = run(&stage, &guest, job).await;
        assert_eq!((class(&report), failure(&report).message.as_str()), (expected, "no such flight"));
    }
}

#[tokio::test]
async fn hostile_ones_end_as_tasks_would() {
    let stage = Stage::new();
    for (body, expected) in [
        ("(loop $again (br $again)) unreachable", ErrorClass::CpuLimit),
        ("unreachable", ErrorClass::GuestBug),
        ("(i32.const 65535)", ErrorClass::AbiViolation),
        (
            "(drop (memory.grow (i32.const 60000))) (i32.store8 (i32.const 64) (i32.const 9)) (i32.const 64)",
            ErrorClass::MemoryLimit,
        ),
        ("(i32.store8 (i32.const 64) (i32.const 9)) (i32.const 64)", ErrorClass::AbiViolation),
    ] {
        for (guest, job) in [(trigger(body), poll()), (timetable(body), next()), (callback(body), call_back())] {
            assert_eq!(class(&run(&stage, &guest, job).await), expected, "{body}");
        }
    }
}

#[tokio::test]
async fn answers_that_do_not_fit_are_the_guests_mistake() {
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    let mut giant = trigger(
        "(i32.store8 (i32.const 72) (i32.const 1)) (i32.store (i32.const 80) (i32.const 4096))
         (i32.store (i32.const 84) (i32.const 5000000)) (i32.const 64)",
    );
    giant.pages = 100;
    let backwards = [(8, Case(1)), (16, Number(7)), (24, Number(6)), (32, Number(3))];
    let wrong = [
        (polled(&[(8, Case(1)), (16, Text("{"))]), poll(), ErrorClass::GuestBug),
        (polled(&[(16, Number(i64::MIN))]), poll(), ErrorClass::GuestBug),
        (Wat { pages: 40, ..polled(&[(8, Case(1)), (16, Text(&large))]) }, poll(), ErrorClass::Quota),
        (giant, poll(), ErrorClass::Quota),
        (scheduled(&backwards), next(), ErrorClass::GuestBug),
        (scheduled(&[(8, Case(1)), (16, Number(i64::MAX))]), next(), ErrorClass::GuestBug),
    ];
    let stage = Stage::new();
    for (guest, job, expected) in wrong {
        let report = run(&stage, &guest, job).await;
        assert_eq!(class(&report), expected, "{report:?}");
    }
}

#[tokio::test]
async fn what_a_module_does_not_export_fails_at_once() {
    let stage = Stage::new();
    for (job, interface) in [(poll(), "triggers"), (next(), "timetables"), (call_back(), "callbacks")] {
        let report = run(&stage, &Wat::default(), job).await;
        assert_eq!(class(&report), ErrorClass::Fatal);
        assert_eq!(failure(&report).message, format!("the module does not export the interface `{interface}`"));
    }
}

#[tokio::test]
async fn an_upload_tells_what_there_is_and_is_refused_if_that_is_not_the_contracts() {
    let stage = Stage::new();
    let exports = stage.admit(polled(&[]).component()).await.expect("it is accepted").exports;
    assert!(Optional::Triggers.is_among(&exports), "{exports:?}");
    assert!(!Optional::Timetables.is_among(&exports), "{exports:?}");
    let rejection = stage.admit(misshapen_trigger()).await.expect_err("it is refused");
    assert!(matches!(&rejection, Rejection::WrongSignature(why) if why.contains("triggers.poll")), "{rejection}");
}

/// A module whose triggers answer yes or no.
fn misshapen_trigger() -> Bytes {
    let contract = contract()
        .replace("poll: func(name: string, kwargs: json) -> result<poll-result, string>", "poll: func() -> bool");
    let module = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "flow:host/tasks@0.1.0#run") (param i32) (result i32) unreachable)
        (func (export "flow:host/dags@0.1.0#describe") (result i32) unreachable)
        (func (export "flow:host/triggers@0.1.0#poll") (result i32) unreachable))"#;
    component(module, &contract, ("", "export triggers;"))
}
