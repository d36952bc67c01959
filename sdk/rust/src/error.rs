//! How a task ends other than well, and how the host refuses a call.

use std::fmt::{self, Display};

use crate::bindings::flow::host::types;
use crate::question::Asked;
use crate::trigger::Deferred;

/// What most fallible functions return.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a task did not succeed, or stops for now.
///
/// Every standard error becomes one by `?`, and means that another try may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub(crate) ending: Ending,
    pub(crate) message: String,
    pub(crate) kind: Option<String>,
}

/// What an [`Error`] does to the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Another try, if there is one left.
    Retry,
    /// Failed, whatever tries are left.
    Fail,
    /// Skipped.
    Skip,
    /// It waits without a slot.
    Defer(Box<Deferred>),
    /// It waits for a person.
    Ask(Box<Asked>),
}

impl Error {
    /// A failure after which another try may help.
    pub fn new(message: impl Display) -> Self {
        Self::ending(Ending::Retry, message)
    }

    /// A failure after which no other try can help: the task fails at once.
    pub fn fail(message: impl Display) -> Self {
        Self::ending(Ending::Fail, message)
    }

    /// Names the kind of failure, for a retry policy. That of a standard error is the name of its type.
    #[must_use]
    pub fn kind(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }

    pub(crate) fn ending(ending: Ending, message: impl Display) -> Self {
        Self { ending, message: message.to_string(), kind: None }
    }
}

/// Ends a task that has nothing to do: `return Err(skip("no new files"))`.
pub fn skip(reason: impl Display) -> Error {
    Error::ending(Ending::Skip, reason)
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    /// The error with all its causes.
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(message).kind(type_name::<E>())
    }
}

/// The name of a type without its path and its own parameters.
fn type_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    let path = path.split_once('<').map_or(path, |(path, _)| path);
    path.rsplit_once("::").map_or(path, |(_, name)| name)
}

/// A call that the host refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    call: String,
    /// Why.
    pub reason: Refusal,
}

/// Why the host refused a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such object.
    NotFound,
    /// The role, or the `uses` list, of the task does not allow it.
    Denied,
    /// An argument or an answer is malformed.
    Invalid(String),
    /// An argument or the answer is too large.
    TooLarge,
    /// The object already exists, or changed in between.
    Conflict,
    /// A quota is used up.
    Quota(String),
    /// The host could not answer now.
    Unavailable(String),
}

impl CallError {
    /// The host's refusal of `function(subject)`.
    pub(crate) fn new(function: &str, subject: &str, error: types::Error) -> Self {
        Self { call: format!("{function}({subject:?})"), reason: error.into() }
    }

    /// A value under `function(subject)` that is not of the type it should be.
    pub(crate) fn unreadable(function: &str, subject: &str, error: &serde_json::Error) -> Self {
        let reason = Refusal::Invalid(format!("the value is of another type: {error}"));
        Self { call: format!("{function}({subject:?})"), reason }
    }
}

impl Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.reason)
    }
}

impl std::error::Error for CallError {}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such object"),
            Self::Denied => f.write_str("denied; is it on the `uses` list of the task or the DAG?"),
            Self::Invalid(why) => write!(f, "invalid: {why}"),
            Self::TooLarge => f.write_str("too large"),
            Self::Conflict => f.write_str("it already exists, or changed in between"),
            Self::Quota(which) => write!(f, "a quota is used up: {which}"),
            Self::Unavailable(why) => write!(f, "the host could not answer: {why}"),
        }
    }
}

impl From<types::Error> for Refusal {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::NotFound => Self::NotFound,
            types::Error::Denied => Self::Denied,
            types::Error::Invalid(why) => Self::Invalid(why),
            types::Error::TooLarge => Self::TooLarge,
            types::Error::Conflict => Self::Conflict,
            types::Error::Quota(which) => Self::Quota(which),
            types::Error::Unavailable(why) => Self::Unavailable(why),
        }
    }
}
