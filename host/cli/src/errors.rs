//! How the command line fails: a message that names the thing and says what to do, and an exit code that programs can rely on.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// What a process ends with. 0 means that everything was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The run or the request failed.
    Failed = 1,
    /// The command line or a setting makes no sense.
    Usage = 2,
    /// The server or the database cannot be reached.
    Unreachable = 3,
    /// The token does not allow it, or there is none.
    NotAllowed = 4,
}

/// A failure that knows its exit code and what the user can do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The request or the run failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The user asked for something that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The other side does not answer.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, message)
    }

    /// The other side refuses.
    pub(crate) fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(Exit::NotAllowed, message)
    }

    /// The same failure with a line that says what to do.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Writes the error to standard error and says how to exit. An error that is no [`Failure`] ends the process with 1.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let known = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    let mut out = std::io::stderr().lock();
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(out, "error: {error:#}");
    if let Some(hint) = known.and_then(|failure| failure.hint.as_deref()) {
        let _ = writeln!(out, "  hint: {hint}");
    }
    ExitCode::from(known.map_or(Exit::Failed, |failure| failure.exit) as u8)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_failure_keeps_its_exit_code_under_context() {
        let error = Err::<(), _>(Failure::unreachable("nobody answers").hint("start it"))
            .context("cannot upload")
            .expect_err("it is an error");
        assert_eq!(report(&error), ExitCode::from(3));
        assert_eq!(format!("{error:#}"), "cannot upload: nobody answers");
    }

    #[test]
    fn any_other_error_is_a_failed_request() {
        assert_eq!(report(&anyhow::anyhow!("odd")), ExitCode::from(1));
    }
}
