//! Guests that need more than most get slots of their own, and what is kept for the next attempt is bounded.

use std::sync::Arc;

use flow_model::work::{AttemptEnd, ErrorClass};
use flow_sandbox::Attempt;
use tokio_util::sync::CancellationToken;

use crate::support::guests::{Wat, example};
use crate::support::stage::{Stage, attempt, class, task};

/// More elements than a table of a small slot has.
const INTERPRETER: Wat = Wat {
    imports: "",
    pages: 1,
    run: "(i32.const 64)",
    describe: "unreachable",
    rest: "(table 50000 funcref)",
    wit: ("", ""),
};

const SLEEP: &str = "[\"sleep\", null]";

#[tokio::test]
async fn a_large_guest_runs_while_the_small_slots_are_taken() {
    let stage = Stage::with(|config| config.slots = 1);
    let (greedy, interpreter) = (stage.module(example("greedy")).await, stage.module(INTERPRETER.component()).await);
    let (world, cancel) = (Arc::default(), CancellationToken::new());
    let sleep = task("greedy::misbehave", SLEEP);
    let sleeper = Attempt { cancel: cancel.clone(), ..attempt(greedy, sleep, &world) };
    let large = async {
        let report = stage.run(attempt(interpreter, task("main", "[]"), &world)).await;
        cancel.cancel();
        report
    };
    let (small, large) = tokio::join!(stage.run(sleeper), large);
    assert_eq!(large.end, AttemptEnd::Success { value: None });
    assert_eq!(class(&small), ErrorClass::Cancelled);
}

#[tokio::test]
async fn a_large_guest_comes_from_the_code_cache_too() {
    let stage = Stage::new();
    let interpreter = stage.module(INTERPRETER.component()).await;
    let restarted = Stage::over(Arc::clone(&stage.cache), |_| {});
    let report = restarted.run(attempt(interpreter, task("main", "[]"), &Arc::default())).await;
    assert_eq!((report.end, restarted.sandbox.quarantined()), (AttemptEnd::Success { value: None }, 0));
}

#[tokio::test]
async fn components_kept_ready_are_bounded_by_their_code() {
    let stage = Stage::with(|config| config.code_in_memory = 1 << 40);
    let of_pages = |pages| Wat { pages, ..Wat::default() }.component();
    stage.module(of_pages(1)).await;
    let (count, one) = stage.sandbox.kept_ready();
    assert!(count == 1 && one > 0, "{count} components of {one} bytes");
    stage.module(of_pages(2)).await;
    assert_eq!(stage.sandbox.kept_ready().0, 2, "there is room for both");

    let stage = Stage::with(|config| config.code_in_memory = one * 5 / 2);
    for pages in 1..6 {
        stage.module(of_pages(pages)).await;
    }
    let (count, bytes) = stage.sandbox.kept_ready();
    assert!(count == 2 && bytes <= one * 5 / 2, "{count} components of {bytes} bytes");
}

#[tokio::test]
async fn a_component_that_runs_is_kept_however_little_room_there_is() {
    let stage = Stage::with(|config| config.code_in_memory = 0);
    let greedy = stage.module(example("greedy")).await;
    let (world, cancel) = (Arc::default(), CancellationToken::new());
    let sleep = task("greedy::misbehave", SLEEP);
    let sleeper = Attempt { cancel: cancel.clone(), ..attempt(greedy, sleep, &world) };
    let others = async {
        // Its turn to load comes first: the single thread of the test polls in order.
        stage.run(attempt(greedy, task("greedy::bystander", "[]"), &world)).await;
        for pages in 1..4 {
            stage.module(Wat { pages, ..Wat::default() }.component()).await;
        }
        let kept = stage.sandbox.kept_ready().0;
        cancel.cancel();
        kept
    };
    let (_, kept) = tokio::join!(stage.run(sleeper), others);
    assert_eq!(kept, 2, "the one that runs and the one that came last");
    stage.module(Wat { pages: 4, ..Wat::default() }.component()).await;
    assert_eq!(stage.sandbox.kept_ready().0, 1, "the one that ran goes like any other");
}
