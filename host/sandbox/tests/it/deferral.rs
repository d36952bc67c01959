//! Tasks that end in other ways than with a result, and what they are told when they go on.

use std::sync::Arc;

use flow_model::dag::{HumanInputSpec, WaitFor, WaitSpec};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, AttemptLimits, DeferTrigger, Deferral, ErrorClass, Job, Resume, TaskContext};

use crate::support::answers::Part::{Case, Number, Text, Texts};
use crate::support::answers::{Part, returned};
use crate::support::guests::Wat;
use crate::support::stage::{Stage, attempt, class, failure, task};

/// `outcome::CASE`; its payload is from offset 16 on.
fn outcome(case: u8, payload: Vec<(usize, Part<'_>)>) -> Wat {
    let mut answer = vec![(8, Case(case))];
    answer.extend(payload);
    returned(&answer)
}

fn deferred(trigger: DeferTrigger, timeout_ms: Option<u64>) -> AttemptEnd {
    AttemptEnd::Deferred(Deferral { trigger, resume_key: "then".into(), timeout_ms })
}

#[tokio::test]
async fn every_outcome_reaches_the_broker() {
    let value = Some("[1]".to_owned());
    let guest_trigger = DeferTrigger::Guest { trigger: "landed".into(), kwargs: "{\"flight\":1}".into() };
    let wait = WaitSpec { until: WaitFor::Duration(5), poke_interval_ms: 60_000, timeout_ms: None, soft_fail: false };
    let form = HumanInputSpec { subject: "Go?".into(), options: vec!["yes".into()], ..HumanInputSpec::default() };
    let kwargs = [(16, Case(0)), (20, Text("landed")), (28, Text("{\"flight\":1}")), (36, Text("then"))];
    let ends = [
        (outcome(1, vec![(16, Text("nothing new"))]), AttemptEnd::Skipped { reason: "nothing new".into() }),
        (
            outcome(2, vec![(16, Texts(&["left", "group.right"])), (24, Case(1)), (28, Text("[1]"))]),
            AttemptEnd::Branch { follow: vec!["left".into(), "group.right".into()], value: value.clone() },
        ),
        (outcome(2, vec![]), AttemptEnd::Branch { follow: Vec::new(), value: None }),
        (outcome(3, vec![(16, Case(1)), (20, Text("[1]"))]), AttemptEnd::ShortCircuit { value }),
        (
            outcome(4, kwargs.into_iter().chain([(48, Case(1)), (56, Number(9))]).collect()),
            deferred(guest_trigger, Some(9)),
        ),
        (
            outcome(4, vec![(16, Case(1)), (20, Text("{\"until\":{\"duration\":5}}")), (36, Text("then"))]),
            deferred(DeferTrigger::Host { wait: Box::new(wait) }, None),
        ),
        (outcome(5, vec![(16, Number(77))]), AttemptEnd::Reschedule { at: Millis(77) }),
        (
            outcome(
                6,
                vec![(16, Text("{\"subject\":\"Go?\",\"options\":[\"yes\"]}")), (24, Case(1)), (28, Text("then"))],
            ),
            AttemptEnd::AwaitingInput { form: Box::new(form), resume_key: Some("then".into()) },
        ),
    ];
    let stage = Stage::new();
    for (guest, expected) in ends {
        let report = stage.task(guest.component(), AttemptLimits::default()).await;
        assert_eq!(report.end, expected);
    }
}

#[tokio::test]
async fn what_does_not_fit_the_contract_is_the_guests_mistake() {
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    let wrong = [
        (outcome(2, vec![(16, Texts(&["../x"]))]), ErrorClass::GuestBug, "cannot be its downstream"),
        (outcome(3, vec![(16, Case(1)), (20, Text("{"))]), ErrorClass::GuestBug, "what the task returned is not JSON"),
        (outcome(4, vec![(16, Case(0)), (28, Text("{}"))]), ErrorClass::GuestBug, "the trigger's name must be"),
        (outcome(4, vec![(16, Case(0)), (20, Text("x")), (28, Text("?"))]), ErrorClass::GuestBug, "kwargs is not JSON"),
        (
            outcome(4, vec![(16, Case(1)), (20, Text("{\"until\":\"noon\"}"))]),
            ErrorClass::GuestBug,
            "what the task waits for does not fit the contract",
        ),
        (outcome(4, vec![(16, Case(1)), (20, Text("{"))]), ErrorClass::GuestBug, "what the task waits for is not JSON"),
        (outcome(5, vec![(16, Number(i64::MAX))]), ErrorClass::GuestBug, "must be in the years 1 to 9999"),
        (outcome(6, vec![(16, Text("[]"))]), ErrorClass::GuestBug, "the task's form does not fit the contract"),
        (
            Wat { pages: 40, ..outcome(3, vec![(16, Case(1)), (20, Text(&long))]) },
            ErrorClass::Quota,
            "what the task returned has 1048578 bytes; it may have 1048576",
        ),
    ];
    let stage = Stage::new();
    for (guest, expected, words) in wrong {
        let report = stage.task(guest.component(), AttemptLimits::default()).await;
        assert_eq!(class(&report), expected, "{report:?}");
        assert!(failure(&report).message.contains(words), "{report:?}");
    }
}

/// A guest that checks when it first looked and skips with the text whose address is at `offset` of its context.
fn reader(offset: u32) -> Wat {
    let run = format!(
        "(if (i64.ne (i64.load offset=144 (local.get 0)) (i64.const 40)) (then unreachable))
        (i32.store8 (i32.const 72) (i32.const 1))
        (i64.store (i32.const 80) (i64.load offset={offset} (local.get 0)))
        (i32.const 64)"
    );
    Wat { run: run.leak(), ..Wat::default() }
}

#[tokio::test]
async fn a_task_that_goes_on_is_told_what_happened() {
    let Job::Task(first) = task("main", "[]") else { panic!("it is a task") };
    let context = TaskContext {
        resume: Some(Resume { key: "then".into(), event: Err("too late".into()) }),
        first_poke: Some(Millis(40)),
        triggering_asset_events: "[{}]".into(),
        partition_key: Some("2026-11".into()),
        ..*first
    };
    let stage = Stage::new();
    for (offset, expected) in [(116, "then"), (128, "too late"), (152, "[{}]"), (164, "2026-11")] {
        let module = stage.module(reader(offset).component()).await;
        let job = Job::Task(Box::new(context.clone()));
        let report = stage.run(attempt(module, job, &Arc::default())).await;
        assert_eq!(report.end, AttemptEnd::Skipped { reason: expected.into() });
    }
}

#[tokio::test]
async fn a_mapped_instance_has_the_label_it_gave_itself_last_even_if_it_dies() {
    let guest = Wat {
        imports: r#"(import "flow:host/task-instance@0.1.0" "set-map-label" (func $label (param i32 i32)))"#,
        pages: 2,
        run: "(call $label (i32.const 500) (i32.const 3))
            (memory.fill (i32.const 65000) (i32.const 0x78) (i32.const 1000))
            (i32.store8 (i32.const 65000) (i32.const 10))
            (call $label (i32.const 65000) (i32.const 1000))
            unreachable",
        rest: r#"(data (i32.const 500) "one")"#,
        ..Wat::default()
    };
    let report = Stage::new().task(guest.component(), AttemptLimits::default()).await;
    assert_eq!(class(&report), ErrorClass::GuestBug);
    assert_eq!(report.map_label, Some(format!("\u{fffd}{}", "x".repeat(249))));
}
