//! The state machines of a task instance and of a DAG run.
//!
//! [`decide`] is the only place that says what may follow what. It is total: every pair of state and event is either a
//! transition or an [`InvalidTransition`], spelled out.

use crate::coded::coded;

mod decide;
mod event;
mod status;

pub use decide::{decide, past_try};
pub use event::{Admission, InvalidTransition, MAX_LOSSES, QueueEffect, RetryPolicy, TaskEvent, Transition};
pub use status::{Phase, TaskStatus};

coded!(
    /// The state of a task instance, by Airflow's names.
    TaskInstanceState {
        /// Its upstream has not yet decided whether it runs. Airflow's API shows it as `null`.
        None = "none",
        /// It may run as soon as there is a slot for it.
        Scheduled = "scheduled",
        /// It has its slot and waits for a worker, or a worker holds it and has not started it.
        Queued = "queued",
        /// A worker runs it.
        Running = "running",
        /// It was cleared while it ran. Here the attempt is fenced at once, so that nothing ever stays in this state.
        Restarting = "restarting",
        /// It failed and will be tried again.
        UpForRetry = "up_for_retry",
        /// It found nothing yet and will look again, as the same try.
        UpForReschedule = "up_for_reschedule",
        /// It waits without a slot for its trigger.
        Deferred = "deferred",
        /// It waits without a slot for a person.
        AwaitingInput = "awaiting_input",
        /// It succeeded.
        Success = "success",
        /// It failed for good.
        Failed = "failed",
        /// It had nothing to do, or its upstream had not.
        Skipped = "skipped",
        /// Its upstream failed.
        UpstreamFailed = "upstream_failed",
        /// Its task, or its index of a mapped task, is no longer part of the run.
        Removed = "removed",
    }
);

coded!(
    /// The state of a DAG run, by Airflow's names.
    RunState {
        /// It exists and has not begun.
        Queued = "queued",
        /// Some of its task instances have not ended.
        Running = "running",
        /// It ended and all its leaves ended well.
        Success = "success",
        /// It ended and a leaf failed, or a user failed it.
        Failed = "failed",
    }
);

/// How a task instance ended, seen by its downstream tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Terminal {
    /// It succeeded.
    Success,
    /// It failed.
    Failed,
    /// It was skipped.
    Skipped,
    /// Its own upstream failed.
    UpstreamFailed,
    /// It is no longer part of the run.
    Removed,
}

impl Terminal {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 5] = [Self::Success, Self::Failed, Self::Skipped, Self::UpstreamFailed, Self::Removed];
}

impl TaskInstanceState {
    /// How it ended; `None` while it has not.
    pub fn terminal(self) -> Option<Terminal> {
        match self {
            Self::None
            | Self::Scheduled
            | Self::Queued
            | Self::Running
            | Self::Restarting
            | Self::UpForRetry
            | Self::UpForReschedule
            | Self::Deferred
            | Self::AwaitingInput => None,
            Self::Success => Some(Terminal::Success),
            Self::Failed => Some(Terminal::Failed),
            Self::Skipped => Some(Terminal::Skipped),
            Self::UpstreamFailed => Some(Terminal::UpstreamFailed),
            Self::Removed => Some(Terminal::Removed),
        }
    }
}

impl RunState {
    /// Whether nothing more happens in the run by itself.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Success | Self::Failed => true,
        }
    }
}

impl Terminal {
    /// The state that ends so.
    pub fn state(self) -> TaskInstanceState {
        match self {
            Self::Success => TaskInstanceState::Success,
            Self::Failed => TaskInstanceState::Failed,
            Self::Skipped => TaskInstanceState::Skipped,
            Self::UpstreamFailed => TaskInstanceState::UpstreamFailed,
            Self::Removed => TaskInstanceState::Removed,
        }
    }

    /// Whether a leaf that ends so fails its run.
    pub fn fails_run(self) -> bool {
        match self {
            Self::Failed | Self::UpstreamFailed => true,
            Self::Success | Self::Skipped | Self::Removed => false,
        }
    }
}
