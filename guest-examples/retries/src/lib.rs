//! What is worth another try, and when, by the run's conf.
//!
//! `{"kind": "RateLimited", "failures": 2}` fails twice and then succeeds; `{"kind": "InvalidInput"}` fails for good at
//! once, although there are tries left; `{"slow_ms": 2000}` makes the first try of `patient` run out of time.

use flow_sdk::prelude::*;

/// Decides by the kind of a failure. It cannot give more tries than the task has.
#[retry_policy]
fn by_kind(failure: &Failure) -> RetryDecision {
    match failure.kind.as_deref() {
        Some("RateLimited") => RetryDecision::retry_in(Duration::from_millis(100)),
        Some("InvalidInput") => RetryDecision::fail("bad input stays bad"),
        _ => RetryDecision::Default,
    }
}

/// Fails as the conf says.
#[task(retries = 3, retry_delay = "1h", retry_policy = by_kind)]
fn fetch(context: &Context, kind: Option<String>, failures: Option<u32>) -> Result<u32> {
    match kind {
        Some(kind) if context.try_number <= failures.unwrap_or(2) => {
            Err(Error::new(format_args!("try {} failed", context.try_number)).kind(kind))
        }
        _ => Ok(context.try_number),
    }
}

/// Pauses 100, 200 and 400 milliseconds and a bit between its tries, but never longer than 300.
#[task(retries = 3, retry_delay = "100ms", retry_exponential_backoff = 2.0, max_retry_delay = "300ms")]
fn back_off(context: &Context) -> Result<u32> {
    if context.is_last_try() { Ok(context.try_number) } else { Err(Error::new("not yet")) }
}

/// Takes as long at its first try as the conf says. A try that takes longer than its limit is a failed one.
#[task(retries = 1, retry_delay = "100ms", timeout = "500ms")]
fn patient(context: &Context, slow_ms: Option<u64>) -> u32 {
    if context.try_number == 1 {
        std::thread::sleep(Duration::from_millis(slow_ms.unwrap_or(0)));
    }
    context.try_number
}

#[dag(description = "Tries again, by a policy, with a backoff, after a timeout", tags("example"))]
fn retries() {
    fetch(conf("kind"), conf("failures"));
    back_off();
    patient(conf("slow_ms"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_not_tried_again() {
        let failure = Failure { kind: Some("InvalidInput".to_owned()), ..Failure::default() };
        assert_eq!(by_kind::body(&failure), RetryDecision::fail("bad input stays bad"));
    }
}
