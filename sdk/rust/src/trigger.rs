//! Waiting inside of a task: it lets go of its slot, and is called again when the wait is over.
//!
//! A task that has started something elsewhere returns [`defer`] as its error. When what it waits for has happened, the
//! same function runs again, as the same try, and finds in [`Context::resume`](crate::Context::resume) what came of it:
//!
//! ```
//! use flow_sdk::prelude::*;
//!
//! #[trigger(poke_interval = "5s")]
//! fn job_done(job: String) -> Result<Option<u32>> {
//!     Ok(state::get(&job)?)
//! }
//!
//! #[task]
//! fn run_job(context: &Context) -> Result<u32> {
//!     match context.resume() {
//!         None => Err(defer(job_done("job-1")).timeout(Duration::from_mins(10)).resume_with("done")),
//!         Some(over) => over.event(),
//!     }
//! }
//! ```
//!
//! A [`#[trigger]`](macro@crate::trigger) looks once and answers at once; the host calls it again until it answers
//! [`Poll::Ready`](crate::Poll::Ready), `true` or `Some`. What the host knows by itself needs no trigger:
//! `defer(Duration::from_secs(30))`, or any other [`Waitable`]. A task that is nothing but the wait needs no function:
//! `wait_for(job_done("job-1"))` draws one that returns what the trigger finds.

use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Ending;
use crate::runtime::{self, Bound};
use crate::wait::{Until, Waitable};
use crate::{Error, Result};

/// A wait that a task begins; see [`defer`].
#[derive(Debug)]
#[must_use = "the wait begins when the task returns `Err(defer(…).resume_with(\"key\"))`"]
pub struct Deferral {
    until: Result<Until>,
    timeout: Option<Duration>,
    poke_interval: Option<Duration>,
}

/// A deferral on its way to the host.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    pub(crate) until: Until,
    pub(crate) timeout: Option<Duration>,
    pub(crate) poke_interval: Option<Duration>,
    pub(crate) resume_key: String,
}

/// A trigger that finds a `T`, and what it is asked with: the call of a function marked [`#[trigger]`](macro@crate::trigger).
#[derive(Debug)]
#[must_use = "pass it to `defer` or `wait_for`"]
pub struct Awaiting<T> {
    pub(crate) bound: Result<Bound>,
    found: PhantomData<fn() -> T>,
}

#[doc(hidden)]
impl<T> Awaiting<T> {
    pub fn bind(trigger: &'static runtime::Trigger, arguments: Vec<Result<Value>>) -> Self {
        Self { bound: trigger.bind(arguments), found: PhantomData }
    }
}

/// Begins a wait without a slot: `return Err(defer(job_done(id)).resume_with("done"))`.
pub fn defer(until: impl Waitable) -> Deferral {
    Deferral { until: until.wait().map(|wait| wait.until), timeout: None, poke_interval: None }
}

impl Deferral {
    /// How long the wait takes at most; the task fails then.
    pub fn timeout(self, limit: Duration) -> Self {
        Self { timeout: Some(limit), ..self }
    }

    /// How often the host looks by itself; once a minute unless given. A trigger says when to call it again.
    pub fn poke_interval(self, interval: Duration) -> Self {
        Self { poke_interval: Some(interval), ..self }
    }

    /// Ends this part of the task. `key` tells the next part where to go on.
    pub fn resume_with(self, key: impl Into<String>) -> Error {
        let Self { until, timeout, poke_interval } = self;
        match until {
            Ok(until) => {
                let deferred = Deferred { until, timeout, poke_interval, resume_key: key.into() };
                Error::ending(Ending::Defer(Box::new(deferred)), "waiting")
            }
            Err(error) => error,
        }
    }
}

/// What came of a wait: where the task goes on, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// What the task gave to `resume_with`.
    pub key: String,
    /// What happened, as JSON text; or why the wait ended without it. [`Resume::event`] reads it.
    pub event_json: Result<String, String>,
}

impl Resume {
    /// What happened, as a type of yours. A wait that ended without it is an error.
    pub fn event<T: DeserializeOwned>(&self) -> Result<T> {
        let json = self.event_json.as_ref().map_err(|why| Error::new(why).kind("WaitFailed"))?;
        serde_json::from_str(json).map_err(|error| Error::fail(format_args!("what came of the wait: {error}")))
    }
}
