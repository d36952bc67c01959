//! Every trigger rule, behind the same three tasks.
//!
//! The run's conf says how those end, such as `{"first": "fail", "second": "skip", "third": "block"}`: a task that is
//! blocked does not even begin, since what comes before it fails. Whatever is not named succeeds.

use flow_sdk::prelude::*;

/// Fails if what follows it is to be blocked.
#[task]
fn before(how: Option<String>) -> Result {
    if how.as_deref() == Some("block") { Err(Error::fail("as it was told")) } else { Ok(()) }
}

#[task]
fn end(how: Option<String>) -> Result {
    match how.as_deref() {
        Some("fail") => Err(Error::fail("as it was told")),
        Some("skip") => Err(skip("as it was told")),
        _ => Ok(()),
    }
}

/// Runs if its rule lets it.
#[task]
fn follow() {}

const RULES: [(&str, TriggerRule); 12] = [
    ("all_success", TriggerRule::AllSuccess),
    ("all_failed", TriggerRule::AllFailed),
    ("all_done", TriggerRule::AllDone),
    ("all_done_min_one_success", TriggerRule::AllDoneMinOneSuccess),
    ("one_success", TriggerRule::OneSuccess),
    ("one_failed", TriggerRule::OneFailed),
    ("one_done", TriggerRule::OneDone),
    ("none_failed", TriggerRule::NoneFailed),
    ("none_failed_min_one_success", TriggerRule::NoneFailedMinOneSuccess),
    ("none_skipped", TriggerRule::NoneSkipped),
    ("all_skipped", TriggerRule::AllSkipped),
    ("always", TriggerRule::Always),
];

/// The thirteenth rule is that of teardowns; the three tasks are what it undoes.
#[dag(description = "Every trigger rule behind the same tasks", tags("example"))]
fn rules() {
    let ends = ["first", "second", "third"].map(|name| {
        let before = before(conf(name)).id(format!("before_{name}"));
        end(conf(name)).id(name).depends_on(before)
    });
    for (id, rule) in RULES {
        follow().id(id).trigger_rule(rule).depends_on(ends);
    }
    follow().id("all_done_setup_success").teardown_of(ends);
}
