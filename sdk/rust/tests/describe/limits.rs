//! Trying again, limits, callbacks and deadlines: of tasks, by attribute and by method.

use flow_sdk::prelude::*;
use flow_sdk::runtime::{decide, notify};

use crate::snapshot;

const SLOTS: u32 = 2;

/// Gives up on bad input.
#[retry_policy]
fn by_kind(failure: &Failure) -> RetryDecision {
    match failure.kind.as_deref() {
        Some("RateLimited") => RetryDecision::retry_in(Duration::from_secs(failure.try_number.into())),
        Some("InvalidInput") => RetryDecision::fail("bad input stays bad"),
        _ => RetryDecision::Default,
    }
}

#[callback(retries = 2)]
fn tell(event: &Event, channel: String, urgent: Option<bool>) -> Result {
    let at: Timestamp = event.get("timestamp")?;
    match (event.on.as_str(), channel.as_str(), urgent, event.try_number, at.as_millis()) {
        ("on_failure", "ops", None, Some(3), 0) => Ok(()),
        other => Err(Error::new(format_args!("{other:?}"))),
    }
}

#[callback]
fn note() {}

#[task(
    retries = 5,
    retry_delay = "1s",
    retry_exponential_backoff = 2.0,
    max_retry_delay = "1m",
    retry_policy = by_kind,
    pool = "crm",
    pool_slots = SLOTS,
    priority_weight = 10,
    weight_rule = "absolute",
    max_active_tis_per_dag = 4,
    max_active_tis_per_dagrun = 2,
    depends_on_past,
    wait_for_downstream = true,
    display_name = "Fetch it",
    owner = "ada",
    on_failure = tell("ops", true),
    on_failure = note(),
    on_retry = tell("team", None).retries(0),
    deadline = Deadline::after_queued(Duration::from_hours(1)).name("late").on_miss(tell("ops", None))
)]
fn fetch() -> Result {
    Err(Error::new("slow down").kind("RateLimited"))
}

/// Fetches nothing.
#[task(depends_on_past = false)]
fn rest() {}

#[dag]
fn limits() {
    fetch();
    rest()
        .retries(1)
        .retry_delay(Duration::from_secs(2))
        .retry_exponential_backoff(1.5)
        .max_retry_delay(Duration::from_mins(1))
        .retry_policy(by_kind)
        .pool("crm")
        .pool_slots(3)
        .priority_weight(-1)
        .weight_rule(WeightRule::Upstream)
        .max_active_tis_per_dag(1)
        .max_active_tis_per_dagrun(1)
        .depends_on_past()
        .wait_for_downstream()
        .display_name("Rest")
        .doc_md("Rests *a lot*.")
        .owner("grace")
        .on_execute(note())
        .on_success(note())
        .on_skipped(note())
        .deadline(Deadline::after_logical_date(Duration::from_hours(2)))
        .deadline(Deadline::after_average_runtime(Duration::from_mins(5), 10, 3).on_miss(note()))
        .deadline(Deadline::at(Timestamp::from_millis(0)));
}

#[test]
fn options_and_methods_say_the_same() {
    snapshot("limits", [limits()]);
}

fn here(function: &str) -> String {
    format!("{}::{function}", module_path!())
}

#[test]
fn a_policy_decides_by_the_kind_of_the_failure() {
    let failure = |kind: &str| Failure { kind: Some(kind.to_owned()), try_number: 3, ..Failure::default() };
    let decide = |kind| decide(&here("by_kind"), &failure(kind));
    assert_eq!(decide("RateLimited"), RetryDecision::retry_in(Duration::from_secs(3)));
    assert_eq!(decide("InvalidInput"), RetryDecision::fail("bad input stays bad"));
    assert_eq!(decide("Other"), RetryDecision::Default);
}

#[test]
fn a_callback_hears_what_happened() {
    let event = r#"{"on": "on_failure", "dag_id": "d", "run_id": "r", "task_id": "t", "map_index": null, "try_number": 3,
        "timestamp": "1970-01-01T00:00:00Z"}"#;
    assert_eq!(notify(&here("tell"), r#"{"channel": "ops"}"#, event), Ok(()));
    assert!(notify(&here("tell"), r#"{"channel": "team"}"#, event).is_err(), "another channel");
    assert_eq!(notify(&here("note"), "null", event), Ok(()));
    let unknown = notify(&here("gone"), "null", event).expect_err("there is no such function");
    assert!(unknown.to_string().contains("has no callback function"), "{unknown}");
}
