//! What can happen to a task instance, and what a transition is.

use std::time::Duration;

use super::{TaskInstanceState, TaskStatus, Terminal};
use crate::ids::AttemptId;
use crate::time::Millis;
use crate::work::AttemptEnd;

/// Whether a task instance may be tried again, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many tries there can be, the first one included.
    pub max_tries: u32,
    /// The pause before another try.
    pub delay: Duration,
    /// Whether the module's own policy, if it was asked, lets there be another try. It cannot add tries.
    pub again: bool,
}

/// How often one try may be lost with its worker before the task itself is blamed.
pub const MAX_LOSSES: u32 = 5;

/// How a task instance goes on that may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It has its slot, or needs none: it is claimable under this attempt.
    Offered(AttemptId),
    /// It waits for a slot.
    Held,
    /// The host waits in its place.
    Waits(AttemptId),
    /// A person is asked.
    Asks(AttemptId),
    /// There is nothing to run.
    Done(Terminal),
}

/// Something that happened to a task instance.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEvent<'a> {
    /// Its trigger rule is met: a try of it begins.
    Released(Admission),
    /// There is a slot for it: it is claimable under this new attempt.
    Admitted(AttemptId),
    /// Its trigger rule can no longer be met, and this is what it ends as.
    Ruled(Terminal),
    /// A worker began this attempt.
    Started(AttemptId),
    /// A worker reports the end of this attempt, or the broker does in place of a lost worker, of a wait that comes to
    /// nothing more, or of a person whose answer is the task's result.
    Finished {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended.
        end: &'a AttemptEnd,
        /// The attempt that follows, if one does.
        next: AttemptId,
        /// Whether there may be another try.
        retry: RetryPolicy,
    },
    /// This attempt failed for good, and the group that the task is in will be tried again as a whole after this pause.
    FailedInGroup {
        /// Which attempt.
        attempt: AttemptId,
        /// What stands for the group's next try until then.
        next: AttemptId,
        /// The pause before that.
        delay: Duration,
    },
    /// The pause before a retry or another look is over, and its slot is counted.
    Due(Admission),
    /// Its trigger fired or somebody answered: it goes on, as the same try.
    Resumed {
        /// Which wait.
        attempt: AttemptId,
        /// How it goes on.
        admission: Admission,
    },
    /// The run was stopped or marked as failed.
    Stopped,
    /// The run took longer than it may.
    TimedOut,
    /// Another task failed in a DAG where the first failure ends the run.
    FailedFast,
    /// A user wants it to run again.
    Cleared,
    /// A user says that it ended like this.
    Marked(Terminal),
    /// Its task or its index is no longer part of the run.
    Removed,
    /// Its task or its index is part of the run again.
    Restored,
}

/// The event does not fit the state: whoever sent it acts on an old picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a task instance that is {from} cannot be {event}")]
pub struct InvalidTransition {
    /// The state it is in.
    pub from: TaskInstanceState,
    /// What was to happen.
    pub event: &'static str,
}

/// What to do to the queue of claimable work after a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueEffect {
    /// Nothing.
    Keep,
    /// Offer this attempt, not before the instant.
    Offer(AttemptId, Millis),
    /// Withdraw this attempt.
    Withdraw(AttemptId),
    /// Withdraw the first, offer the second, not before the instant.
    Replace(AttemptId, AttemptId, Millis),
}

/// The outcome of [`super::decide`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// What the task instance is from now on.
    pub next: TaskStatus,
    /// What becomes of its place in the queue.
    pub queue: QueueEffect,
}
