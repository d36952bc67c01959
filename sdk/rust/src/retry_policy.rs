//! Deciding by the kind of a failure whether another try is worth it.
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[retry_policy]
//! fn by_kind(failure: &Failure) -> RetryDecision {
//!     match failure.kind.as_deref() {
//!         Some("RateLimited") => RetryDecision::retry_in(Duration::from_mins(5)),
//!         Some("InvalidInput") => RetryDecision::fail("bad input stays bad"),
//!         _ => RetryDecision::Default,
//!     }
//! }
//!
//! #[task(retries = 5, retry_policy = by_kind)]
//! fn fetch() -> Result {
//!     Err(Error::new("slow down").kind("RateLimited"))
//! }
//! ```

use std::time::Duration;

/// How a try failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// The host's class of the failure: `error` if the task said so, `timeout` if it ran out of time.
    pub class: String,
    /// The kind of the error that the task ended with: see [`Error::kind`](crate::Error::kind).
    pub kind: Option<String>,
    /// What went wrong.
    pub message: String,
    /// The number of the try, from 1.
    pub try_number: u32,
    /// How many tries there can be. No policy can give more.
    pub max_tries: u32,
}

/// What follows from a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryDecision {
    /// What the task's own settings say.
    Default,
    /// Another try, if there is one left.
    Retry {
        /// The pause before it, in place of the task's.
        delay: Option<Duration>,
        /// Why.
        reason: Option<String>,
    },
    /// No other try.
    Fail {
        /// Why.
        reason: Option<String>,
    },
}

impl RetryDecision {
    /// Another try after the task's own pause.
    pub fn retry() -> Self {
        Self::Retry { delay: None, reason: None }
    }

    /// Another try after this pause.
    pub fn retry_in(delay: Duration) -> Self {
        Self::Retry { delay: Some(delay), reason: None }
    }

    /// No other try.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::Fail { reason: Some(reason.into()) }
    }
}

/// A function marked [`#[retry_policy]`](macro@crate::retry_policy).
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    #[doc(hidden)]
    pub name: &'static str,
    #[doc(hidden)]
    pub decide: fn(&Failure) -> RetryDecision,
}
