//! Retry policies: asked about what a policy can judge, in a store of their own, and never trusted to answer.

use std::sync::Arc;

use flow_model::port::Report;
use flow_model::work::{AttemptEnd, AttemptLimits, ErrorClass, Job, LogSource, RetryDecision, TaskContext};
use flow_sandbox::Attempt;

use crate::support::answers::Part::{Case, Number, Text};
use crate::support::answers::{Part, with_policy};
use crate::support::guests::Wat;
use crate::support::stage::{Stage, attempt, class, task};
use crate::support::world::World;

/// `failure("no luck", retryable, "Unlucky")`
const UNLUCKY: &[(usize, Part<'_>)] =
    &[(0, Case(1)), (8, Text("no luck")), (16, Case(1)), (20, Case(1)), (24, Text("Unlucky"))];
/// Where the policy's answer is.
const ANSWER: &str = "(i32.const 128)";

async fn run(guest: &Wat, limits: AttemptLimits, world: &Arc<World>) -> Report {
    let stage = Stage::new();
    let Job::Task(context) = task("main", "[]") else { panic!("it is a task") };
    let context = TaskContext { retry_policy: Some("patience".into()), try_number: 2, max_tries: 3, ..*context };
    let module = stage.module(guest.component()).await;
    stage.run(Attempt { limits, ..attempt(module, Job::Task(Box::new(context)), world) }).await
}

#[tokio::test]
async fn a_policy_decides_about_a_failure() {
    let later = RetryDecision::Retry { delay_ms: Some(500), reason: Some("soon".into()) };
    let answers = [
        (&[][..], RetryDecision::Default),
        (&[(0, Case(1)), (8, Case(1)), (16, Number(500)), (24, Case(1)), (28, Text("soon"))], later),
        (&[(0, Case(1))], RetryDecision::Retry { delay_ms: None, reason: None }),
        (
            &[(0, Case(2)), (8, Case(1)), (12, Text("hopeless"))],
            RetryDecision::Fail { reason: Some("hopeless".into()) },
        ),
    ];
    for (answer, expected) in answers {
        let report = run(&with_policy(UNLUCKY, ANSWER, answer), AttemptLimits::default(), &Arc::default()).await;
        assert_eq!((class(&report), report.retry), (ErrorClass::Error, Some(expected)));
    }
}

#[tokio::test]
async fn it_is_told_how_the_try_failed() {
    // The parameters: policy 0 1, class 2 3, kind 4 5 6, message 7 8, try 9, tries 10.
    let decide =
        "(if (i32.or (i32.ne (i32.load8_u (local.get 0)) (i32.const 0x70)) (i32.ne (local.get 1) (i32.const 8)))
            (then unreachable))
        (if (i32.or (i32.ne (i32.load8_u (local.get 2)) (i32.const 0x65)) (i32.ne (local.get 3) (i32.const 5)))
            (then unreachable))
        (if (i32.or (i32.eqz (local.get 4)) (i32.ne (i32.load8_u (local.get 5)) (i32.const 0x55))) (then unreachable))
        (if (i32.or (i32.ne (i32.load8_u (local.get 7)) (i32.const 0x6e)) (i32.ne (local.get 8) (i32.const 7)))
            (then unreachable))
        (if (i32.or (i32.ne (local.get 9) (i32.const 2)) (i32.ne (local.get 10) (i32.const 3))) (then unreachable))
        (i32.const 128)";
    let guest = with_policy(UNLUCKY, decide, &[(0, Case(2))]);
    let report = run(&guest, AttemptLimits::default(), &Arc::default()).await;
    assert_eq!(report.retry, Some(RetryDecision::Fail { reason: None }));
}

#[tokio::test]
async fn a_policy_that_fails_decides_nothing_and_the_log_says_so() {
    for (decide, why) in [
        ("unreachable", "(guest-bug): wasm trap: wasm `unreachable` instruction executed"),
        ("(loop $again (br $again)) unreachable", "(cpu-limit): it used up its 500 ms of CPU time"),
        ("(i32.const 65535)", "(abi-violation)"),
    ] {
        let world = Arc::<World>::default();
        let report = run(&with_policy(UNLUCKY, decide, &[]), AttemptLimits::default(), &world).await;
        assert_eq!((class(&report), report.retry), (ErrorClass::Error, Some(RetryDecision::Default)));
        let said = world.events(LogSource::Host);
        assert_eq!(said[0], "the attempt failed (error): no luck");
        let note = "retry policy \"patience\" decided nothing, for it failed itself ";
        assert!(said[1].starts_with(&format!("{note}{why}")), "{said:?}");
    }
}

#[tokio::test]
async fn it_is_asked_about_errors_and_timeouts_alone() {
    let fail = &[(0, Case(2))];
    let slow = Wat { run: "(loop $again (br $again)) unreachable", ..with_policy(&[], ANSWER, fail) };
    let limits = AttemptLimits { wall_ms: 100, ..AttemptLimits::default() };
    let report = run(&slow, limits, &Arc::default()).await;
    assert_eq!((class(&report), report.retry), (ErrorClass::Timeout, Some(RetryDecision::Fail { reason: None })));

    let fatal = with_policy(&[(0, Case(1)), (8, Text("never"))], ANSWER, fail);
    let dead = Wat { run: "unreachable", ..with_policy(&[], ANSWER, fail) };
    let well = with_policy(&[], ANSWER, fail);
    for guest in [fatal, dead, well] {
        let report = run(&guest, AttemptLimits::default(), &Arc::default()).await;
        assert_eq!(report.retry, None, "{report:?}");
    }
}

#[tokio::test]
async fn it_has_nothing_to_read_and_gives_no_labels() {
    let decide = "(call $label (i32.const 500) (i32.const 1))
        (call $get (i32.const 500) (i32.const 1) (i32.const 200))
        ;; An error, and of the second kind.
        (if (i32.or (i32.ne (i32.load8_u (i32.const 200)) (i32.const 1))
                    (i32.ne (i32.load8_u (i32.const 204)) (i32.const 1)))
            (then unreachable))
        (i32.const 128)";
    let guest = Wat {
        imports: r#"(import "flow:host/variables@0.1.0" "get" (func $get (param i32 i32 i32)))
            (import "flow:host/task-instance@0.1.0" "set-map-label" (func $label (param i32 i32)))
            (data (i32.const 500) "k")"#,
        ..with_policy(UNLUCKY, decide, &[(0, Case(2))])
    };
    let world = Arc::<World>::default();
    let report = run(&guest, AttemptLimits::default(), &world).await;
    assert_eq!(report.retry, Some(RetryDecision::Fail { reason: None }), "{report:?}");
    assert_eq!(report.map_label, None);
    assert!(world.calls.lock().expect("nobody panicked").is_empty());
}

#[tokio::test]
async fn a_module_without_policies_leaves_it_to_the_task() {
    let rest = "(data (i32.const 64) \"\\01\") (data (i32.const 80) \"\\01\")";
    let report = run(&Wat { rest, ..Wat::default() }, AttemptLimits::default(), &Arc::default()).await;
    assert!(matches!(&report.end, AttemptEnd::Failed(failure) if failure.class == ErrorClass::Error), "{report:?}");
    assert_eq!(report.retry, Some(RetryDecision::Default));
}
