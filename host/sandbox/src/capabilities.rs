//! What a running guest reaches of the outside world, as its owner provides it.

use flow_model::call::{Call, CallError, Reply};
use flow_model::work::LogLine;
use futures::future::BoxFuture;

/// Answers what one attempt's guest asks. A call that is not answered at its first poll goes on, on the runtime that
/// called [`crate::Sandbox::run`] and not on the guests' own, so that a busy guest delays nobody's transaction.
pub trait Capabilities: Send + Sync {
    /// One brokered call. Dropping the future gives the call up.
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Reply, CallError>>;

    /// Takes lines of the attempt's log, in order. The guest waits while too many lines are underway, and the attempt's
    /// report waits for the last ones: how long an absent broker is waited for is decided here.
    fn log(&self, lines: Vec<LogLine>) -> BoxFuture<'static, ()>;
}
