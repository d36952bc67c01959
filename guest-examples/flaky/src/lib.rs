//! Every way a task can end, chosen by the run's conf.
//!
//! `{"mode": "retry", "failures": 2}` fails twice, then succeeds; `{"mode": "fail"}` fails for good at once;
//! `{"mode": "skip"}` skips; anything else succeeds. `after` needs the task's success, `always` only its end.

use flow_sdk::prelude::*;

/// Ends as the conf says, and returns the number of the try that succeeded.
#[task(retries = 3, retry_delay = "1s")]
fn attempt(context: &Context, mode: Option<String>, failures: Option<u32>) -> Result<u32> {
    let failures = failures.unwrap_or(2);
    match mode.as_deref() {
        Some("fail") => Err(Error::fail("this can never work")),
        Some("skip") => Err(skip("there is nothing to do")),
        Some("retry") if context.try_number <= failures => {
            Err(Error::new(format_args!("failure {} of {failures}", context.try_number)))
        }
        _ => Ok(context.try_number),
    }
}

#[task]
fn after(tries: u32) -> String {
    format!("it took {tries}")
}

#[task(trigger_rule = "all_done")]
fn always(tries: Option<u32>) -> String {
    match tries {
        Some(tries) => format!("it took {tries}"),
        None => "it never worked".to_owned(),
    }
}

#[dag(description = "Fails, fails for good, skips or succeeds, by conf", tags("example"))]
fn flaky() {
    let tries = attempt(conf("mode"), conf("failures"));
    after(tries);
    always(tries);
}
