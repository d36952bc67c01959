//! How a task ends well: with a result, or with a word on what goes on after it.

use std::time::Duration;

use serde::Serialize;

pub use crate::spec::Decides;
use crate::{Error, Result, Timestamp};

/// What a task can return: anything that serde can serialise, or a [`Branch`].
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}`",
    label = "not something that serde can serialise",
    note = "derive `serde::Serialize` for it; a result also has to be `serde::Deserialize` for the tasks that receive it"
)]
pub trait Outcome {
    /// What the tasks downstream receive.
    type Value;

    /// How it decides about them, if it does.
    #[doc(hidden)]
    const DECIDES: Option<Decides> = None;

    #[doc(hidden)]
    fn end(self) -> Result<Ended>;
}

/// How a task ended, as the host is told.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Done, with its result as JSON.
    Success(Option<String>),
    /// Done, and only these go on.
    Branch(Vec<String>),
    /// Done, and nothing downstream goes on.
    ShortCircuit,
    /// A sensor has not seen it yet and looks again.
    Again(Pause),
}

/// How long a sensor or a trigger does not look.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// For so long from now.
    For(Duration),
    /// Until then.
    Until(Timestamp),
}

impl<T: Serialize> Outcome for T {
    type Value = T;

    fn end(self) -> Result<Ended> {
        json(&self).map(Ended::Success)
    }
}

/// `value` as JSON, unless that is `null`.
pub(crate) fn json(value: &impl Serialize) -> Result<Option<String>> {
    let json = serde_json::to_string(value)
        .map_err(|error| Error::fail(format_args!("the result cannot be serialised: {error}")))?;
    Ok(Some(json).filter(|json| json != "null"))
}

/// Which of the direct downstream tasks go on: what a branching task returns. The others are skipped.
///
/// ```
/// use flow_sdk::prelude::*;
///
/// #[task]
/// fn choose(rows: u32) -> Branch {
///     if rows > 0 { Branch::to(load::ID) } else { Branch::to("notify") }
/// }
///
/// #[task]
/// fn load() {}
///
/// #[dag]
/// fn daily() {
///     let chosen = choose(3);
///     let ways = (load().depends_on(chosen), empty("notify").depends_on(chosen));
///     empty("join").depends_on(ways).trigger_rule(TriggerRule::NoneFailedMinOneSuccess);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch(Vec<String>);

impl Branch {
    /// One task, or the group that it is in, by its id. A task that keeps its function's name has it as `load::ID`.
    pub fn to(id: impl Into<String>) -> Self {
        Self(vec![id.into()])
    }

    /// Several tasks or groups, by their ids.
    pub fn to_all<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Self {
        Self(ids.into_iter().map(Into::into).collect())
    }

    /// None of them.
    pub fn none() -> Self {
        Self(Vec::new())
    }
}

impl Outcome for Branch {
    type Value = Vec<String>;

    const DECIDES: Option<Decides> = Some(Decides::Branch);

    fn end(self) -> Result<Ended> {
        Ok(Ended::Branch(self.0))
    }
}

/// What a look came to: a sensor's or a trigger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll<T> {
    /// It has happened.
    Ready(T),
    /// Nothing yet: look again after the usual time.
    Pending,
    /// Nothing yet: look again after this time.
    PendingFor(Duration),
    /// Nothing yet: look again at this instant.
    PendingUntil(Timestamp),
}

impl<T> Poll<T> {
    /// What was found, or how long not to look again; `usual` where the look does not say.
    pub(crate) fn settle(self, usual: Duration) -> std::result::Result<T, Pause> {
        match self {
            Self::Ready(value) => Ok(value),
            Self::Pending => Err(Pause::For(usual)),
            Self::PendingFor(span) => Err(Pause::For(span)),
            Self::PendingUntil(instant) => Err(Pause::Until(instant)),
        }
    }
}

/// The answer to a question that may be no: `bool`, `Option`, or [`Poll`]. Sensors, triggers and short circuits give one.
#[diagnostic::on_unimplemented(
    message = "a sensor, a trigger or a short circuit cannot return `{Self}`",
    label = "neither yes nor no",
    note = "return a `bool`, an `Option` with what was found, or a `Poll`, or a `Result` of one of them"
)]
pub trait Check {
    /// What comes with a yes.
    type Value;

    #[doc(hidden)]
    fn poll(self) -> Poll<Self::Value>;
}

impl Check for bool {
    type Value = Self;

    fn poll(self) -> Poll<Self> {
        if self { Poll::Ready(true) } else { Poll::Pending }
    }
}

impl<T> Check for Option<T> {
    type Value = T;

    fn poll(self) -> Poll<T> {
        self.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Check for Poll<T> {
    type Value = T;

    fn poll(self) -> Self {
        self
    }
}
