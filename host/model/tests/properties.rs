//! What must hold for every DAG, every outcome and every order of events.

#[path = "properties/dags.rs"]
mod dags;
#[path = "replay/mod.rs"]
mod replay;

use std::time::Duration;

use flow_model::ids::AttemptId;
use flow_model::state::{Admission, MAX_LOSSES, Phase, RetryPolicy, TaskEvent, TaskStatus, Terminal, decide};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, ErrorClass, Failure};
use proptest::collection::vec;
use proptest::prelude::*;

use replay::play::Play;
use replay::{ORDERS, Order, Vector, difference, play};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_order_in_which_tasks_finish_changes_nothing(vector in dags::vectors()) {
        let vector = Vector::read(&vector).expect("a well-formed vector");
        let first = play(&vector, ORDERS[0]).expect("it ends");
        for order in &ORDERS[1..] {
            let other = play(&vector, *order).expect("it ends");
            prop_assert!(first == other, "{:?}: {}", order, difference(&other, &first));
        }
    }

    #[test]
    fn increments_add_up_to_what_counting_anew_says(vector in dags::vectors(), seed in 1u64..99) {
        let vector = Vector::read(&vector).expect("a well-formed vector");
        let mut play = Play::new(&vector, Order::Mixed(seed)).expect("it begins");
        loop {
            play.store.check_counts().map_err(TestCaseError::fail)?;
            if !play.go_on().expect("it goes on") {
                break;
            }
        }
    }
}

proptest! {
    #[test]
    fn tries_and_losses_stay_within_the_policy(retries in 0u32..4, ends in vec(any_end(), 1..60)) {
        let policy = RetryPolicy { max_tries: retries + 1, delay: Duration::from_secs(1), again: true };
        let mut status = status_after(TaskStatus::NEW, &TaskEvent::Released(Admission::Offered(attempt(0))));
        for (at, end) in (1u8..).zip(&ends) {
            let Some(current) = status.attempt() else { break };
            status = match status.phase {
                Phase::Deferred(_) | Phase::AwaitingInput(_) => {
                    let admission = Admission::Offered(attempt(100 + at));
                    status_after(status, &TaskEvent::Resumed { attempt: current, admission })
                }
                _ => status,
            };
            let current = status.attempt().expect("it has one");
            status = status_after(status, &TaskEvent::Started(current));
            status = status_after(status, &TaskEvent::Finished { attempt: current, end, next: attempt(at), retry: policy });
            prop_assert!(status.try_number <= policy.max_tries, "{:?}", status);
            prop_assert!(status.losses <= MAX_LOSSES, "{:?}", status);
            prop_assert_ne!(status.attempt(), Some(current), "an attempt that ended never counts again");
        }
    }

    #[test]
    fn what_has_ended_stays_as_it_is(how in any_terminal(), end in any_end(), tries in 0u32..9) {
        let status = TaskStatus { phase: Phase::Ended(how), try_number: tries, losses: 0 };
        let retry = RetryPolicy { max_tries: 99, delay: Duration::ZERO, again: true };
        for event in [
            TaskEvent::Released(Admission::Held),
            TaskEvent::Admitted(attempt(1)),
            TaskEvent::Ruled(Terminal::Skipped),
            TaskEvent::Started(attempt(1)),
            TaskEvent::Due(Admission::Held),
            TaskEvent::Resumed { attempt: attempt(1), admission: Admission::Held },
            TaskEvent::Finished { attempt: attempt(1), end: &end, next: attempt(2), retry },
        ] {
            prop_assert!(decide(status, &event, Millis(0)).is_err(), "{:?}", event);
        }
        for event in [TaskEvent::Stopped, TaskEvent::TimedOut] {
            prop_assert_eq!(decide(status, &event, Millis(0)).map(|it| it.next), Ok(status));
        }
    }
}

fn status_after(status: TaskStatus, event: &TaskEvent<'_>) -> TaskStatus {
    decide(status, event, Millis(0)).expect("the event fits the state").next
}

fn attempt(random: u8) -> AttemptId {
    AttemptId::mint(Millis(0), [random; 10])
}

fn any_terminal() -> impl Strategy<Value = Terminal> {
    prop::sample::select(Terminal::ALL.to_vec())
}

/// Mostly failures, so that runs of them are long enough to reach every limit.
fn any_end() -> impl Strategy<Value = AttemptEnd> {
    let failed = prop::sample::select(ErrorClass::ALL.to_vec())
        .prop_map(|class| AttemptEnd::Failed(Failure { class, message: String::new(), location: None }));
    prop_oneof![
        20 => failed,
        1 => Just(AttemptEnd::Success { value: None }),
        3 => Just(AttemptEnd::Reschedule { at: Millis(5) }),
        3 => Just(AttemptEnd::AwaitingInput { form: Box::default(), resume_key: None }),
    ]
}
