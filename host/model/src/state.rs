//! The state machines of a task instance and of a DAG run.
//!
//! [`decide`] is the only place that says what may follow what. It is total: every pair of state and event is either a
//! transition or an [`InvalidTransition`], spelled out.

use std::time::Duration;

use crate::coded::coded;
use crate::ids::AttemptId;
use crate::time::Millis;
use crate::work::{AttemptEnd, ErrorClass, Verdict};

coded!(
    /// The state of a task instance, by Airflow's names.
    TaskInstanceState {
        /// Its upstream has not yet decided whether it runs. Airflow's API shows it as `null`.
        None = "none",
        /// It may run and waits for a worker, or a worker holds it and has not started it.
        Queued = "queued",
        /// A worker runs it.
        Running = "running",
        /// It failed and will be tried again.
        UpForRetry = "up_for_retry",
        /// It succeeded.
        Success = "success",
        /// It failed for good.
        Failed = "failed",
        /// It had nothing to do, or its upstream had not.
        Skipped = "skipped",
        /// Its upstream failed.
        UpstreamFailed = "upstream_failed",
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
}

impl TaskInstanceState {
    /// How it ended; `None` while it has not.
    pub fn terminal(self) -> Option<Terminal> {
        match self {
            Self::None | Self::Queued | Self::Running | Self::UpForRetry => None,
            Self::Success => Some(Terminal::Success),
            Self::Failed => Some(Terminal::Failed),
            Self::Skipped => Some(Terminal::Skipped),
            Self::UpstreamFailed => Some(Terminal::UpstreamFailed),
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
        }
    }

    /// Whether a leaf that ends so fails its run.
    pub fn fails_run(self) -> bool {
        match self {
            Self::Failed | Self::UpstreamFailed => true,
            Self::Success | Self::Skipped => false,
        }
    }
}

/// What the state machine knows of a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskStatus {
    /// Where it stands.
    pub phase: Phase,
    /// Which try is under way or was the last; 0 before the first.
    pub try_number: u32,
    /// How often the present try was lost and queued again.
    pub losses: u32,
}

/// A task instance's state with the facts that belong to it and to no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for its upstream.
    None,
    /// Claimable, or claimed and not started, under this attempt.
    Queued(AttemptId),
    /// Running under this attempt.
    Running(AttemptId),
    /// To be tried again at the instant, under this attempt.
    UpForRetry(AttemptId, Millis),
    /// Ended.
    Ended(Terminal),
}

impl TaskStatus {
    /// A task instance nothing has happened to.
    pub const NEW: Self = Self { phase: Phase::None, try_number: 0, losses: 0 };

    /// The state by Airflow's name.
    pub fn state(&self) -> TaskInstanceState {
        match self.phase {
            Phase::None => TaskInstanceState::None,
            Phase::Queued(_) => TaskInstanceState::Queued,
            Phase::Running(_) => TaskInstanceState::Running,
            Phase::UpForRetry(..) => TaskInstanceState::UpForRetry,
            Phase::Ended(how) => how.state(),
        }
    }

    /// The attempt that counts; any other is fenced.
    pub fn attempt(&self) -> Option<AttemptId> {
        match self.phase {
            Phase::Queued(attempt) | Phase::Running(attempt) | Phase::UpForRetry(attempt, _) => Some(attempt),
            Phase::None | Phase::Ended(_) => None,
        }
    }

    /// The number that the next attempt to start will carry.
    pub fn upcoming_try(&self) -> u32 {
        match self.phase {
            Phase::UpForRetry(..) | Phase::None => self.try_number.saturating_add(1),
            Phase::Queued(_) | Phase::Running(_) | Phase::Ended(_) => self.try_number,
        }
    }
}

/// What a task's definition says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many tries there can be, the first one included.
    pub max_tries: u32,
    /// The pause before another try.
    pub delay: Duration,
}

/// How often one try may be lost with its worker before the task itself is blamed.
pub const MAX_LOSSES: u32 = 5;

/// Something that happened to a task instance.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEvent<'a> {
    /// Its trigger rule is met: it may run, under this new attempt.
    Released(AttemptId),
    /// Its trigger rule can no longer be met, and this is what it ends as.
    Ruled(Terminal),
    /// A worker began this attempt.
    Started(AttemptId),
    /// A worker, or the broker in place of a lost one, reports the end of this attempt.
    Finished {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended.
        end: &'a AttemptEnd,
        /// The attempt that follows, if one does.
        next: AttemptId,
        /// The task's policy.
        retry: RetryPolicy,
    },
    /// The run was stopped or marked as failed.
    Stopped,
    /// A user wants it to run again.
    Cleared,
    /// A user says that it ended like this.
    Marked(Terminal),
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

/// The outcome of [`decide`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// What the task instance is from now on.
    pub next: TaskStatus,
    /// What becomes of its place in the queue.
    pub queue: QueueEffect,
}

/// What follows when `event` happens at `now` to a task instance that is `status`.
///
/// Source: `airflow-core` 3.3, `TaskInstanceState` and the Execution API's `/run` and `/state` routes. Two things differ on
/// purpose: a lost attempt is queued again without consuming a try, at most [`MAX_LOSSES`] times, because the loss says
/// nothing about the task; and an attempt that is no longer the current one changes nothing.
pub fn decide(status: TaskStatus, event: &TaskEvent<'_>, now: Millis) -> Result<Transition, InvalidTransition> {
    match event {
        TaskEvent::Released(attempt) => release(status, *attempt, now),
        TaskEvent::Ruled(terminal) => rule(status, *terminal),
        TaskEvent::Started(attempt) => start(status, *attempt),
        TaskEvent::Finished { attempt, end, next, retry } => {
            if status.attempt() == Some(*attempt) {
                Ok(finish(status, &Ending { attempt: *attempt, end, next: *next, retry: *retry }, now))
            } else {
                Err(InvalidTransition { from: status.state(), event: "finished by an old attempt" })
            }
        }
        TaskEvent::Stopped => Ok(stop(status)),
        TaskEvent::Cleared => Ok(clear(status)),
        TaskEvent::Marked(terminal) => Ok(mark(status, *terminal)),
    }
}

/// If a try that counted is over and another may follow: how it ended, for the record of tries (Airflow's task instance
/// history, where a try that was cut off has failed).
pub fn past_try(before: TaskStatus, next: TaskStatus) -> Option<TaskInstanceState> {
    match (next.phase, before.phase) {
        (Phase::UpForRetry(..), _) | (Phase::None, Phase::Running(_)) => Some(TaskInstanceState::Failed),
        (Phase::None, Phase::Ended(how)) if before.try_number > 0 => Some(how.state()),
        (Phase::None, Phase::None | Phase::Queued(_) | Phase::UpForRetry(..) | Phase::Ended(_))
        | (Phase::Queued(_) | Phase::Running(_) | Phase::Ended(_), _) => None,
    }
}

fn release(status: TaskStatus, attempt: AttemptId, now: Millis) -> Result<Transition, InvalidTransition> {
    match status.phase {
        Phase::None => Ok(Transition {
            next: TaskStatus { phase: Phase::Queued(attempt), try_number: status.upcoming_try(), losses: 0 },
            queue: QueueEffect::Offer(attempt, now),
        }),
        Phase::Queued(_) | Phase::Running(_) | Phase::UpForRetry(..) | Phase::Ended(_) => {
            Err(InvalidTransition { from: status.state(), event: "released" })
        }
    }
}

fn rule(status: TaskStatus, terminal: Terminal) -> Result<Transition, InvalidTransition> {
    match status.phase {
        Phase::None => Ok(end_as(status, terminal, QueueEffect::Keep)),
        Phase::Queued(_) | Phase::Running(_) | Phase::UpForRetry(..) | Phase::Ended(_) => {
            Err(InvalidTransition { from: status.state(), event: "decided by its upstream" })
        }
    }
}

fn start(status: TaskStatus, attempt: AttemptId) -> Result<Transition, InvalidTransition> {
    let refused = Err(InvalidTransition { from: status.state(), event: "started by this attempt" });
    match status.phase {
        Phase::Queued(current) | Phase::UpForRetry(current, _) if current == attempt => Ok(Transition {
            next: TaskStatus { phase: Phase::Running(attempt), try_number: status.upcoming_try(), ..status },
            queue: QueueEffect::Keep,
        }),
        // A worker that did not hear the answer says it again; the second time changes nothing.
        Phase::Running(current) if current == attempt => Ok(Transition { next: status, queue: QueueEffect::Keep }),
        Phase::None | Phase::Queued(_) | Phase::Running(_) | Phase::UpForRetry(..) | Phase::Ended(_) => refused,
    }
}

struct Ending<'a> {
    attempt: AttemptId,
    end: &'a AttemptEnd,
    next: AttemptId,
    retry: RetryPolicy,
}

fn finish(status: TaskStatus, ending: &Ending<'_>, now: Millis) -> Transition {
    let withdraw = QueueEffect::Withdraw(ending.attempt);
    match ending.end {
        AttemptEnd::Success { .. } | AttemptEnd::Branch { .. } | AttemptEnd::ShortCircuit { .. } => {
            end_as(status, Terminal::Success, withdraw)
        }
        AttemptEnd::Skipped { .. } => end_as(status, Terminal::Skipped, withdraw),
        // Only a parse attempt describes DAGs; from a task it is a worker's mistake and the task has no result.
        AttemptEnd::Parsed { .. }
        | AttemptEnd::Deferred(_)
        | AttemptEnd::Reschedule { .. }
        | AttemptEnd::AwaitingInput { .. }
        | AttemptEnd::Pending { .. }
        | AttemptEnd::Fired { .. }
        | AttemptEnd::NextRun(_) => end_as(status, Terminal::Failed, withdraw),
        AttemptEnd::Failed(failure) => match failure.class.verdict() {
            Verdict::Fail => end_as(status, Terminal::Failed, withdraw),
            Verdict::Retry => retry(status, ending, now),
            Verdict::Requeue => requeue(status, ending, failure.class, now),
        },
    }
}

fn retry(status: TaskStatus, ending: &Ending<'_>, now: Millis) -> Transition {
    // A claimed attempt that fails before it was started has not yet been counted.
    let tried = status.upcoming_try();
    if tried >= ending.retry.max_tries {
        return end_as(
            TaskStatus { try_number: tried, ..status },
            Terminal::Failed,
            QueueEffect::Withdraw(ending.attempt),
        );
    }
    let due = now.after(ending.retry.delay);
    Transition {
        next: TaskStatus { phase: Phase::UpForRetry(ending.next, due), try_number: tried, losses: 0 },
        queue: QueueEffect::Replace(ending.attempt, ending.next, due),
    }
}

fn requeue(status: TaskStatus, ending: &Ending<'_>, class: ErrorClass, now: Millis) -> Transition {
    let losses = status.losses.saturating_add(u32::from(class == ErrorClass::Lost));
    if losses > MAX_LOSSES {
        return retry(status, ending, now);
    }
    Transition {
        next: TaskStatus { phase: Phase::Queued(ending.next), try_number: status.upcoming_try(), losses },
        queue: QueueEffect::Replace(ending.attempt, ending.next, now),
    }
}

/// A user failed the run: what runs has failed, what has not begun is skipped, what ended stays (Airflow's
/// `set_dag_run_state_to_failed`).
fn stop(status: TaskStatus) -> Transition {
    match status.phase {
        Phase::None => end_as(status, Terminal::Skipped, QueueEffect::Keep),
        Phase::Queued(attempt) | Phase::UpForRetry(attempt, _) => {
            end_as(status, Terminal::Skipped, QueueEffect::Withdraw(attempt))
        }
        Phase::Running(attempt) => end_as(status, Terminal::Failed, QueueEffect::Withdraw(attempt)),
        Phase::Ended(_) => Transition { next: status, queue: QueueEffect::Keep },
    }
}

fn clear(status: TaskStatus) -> Transition {
    Transition { next: TaskStatus { phase: Phase::None, losses: 0, ..status }, queue: withdraw_present(status) }
}

fn mark(status: TaskStatus, terminal: Terminal) -> Transition {
    end_as(status, terminal, withdraw_present(status))
}

fn withdraw_present(status: TaskStatus) -> QueueEffect {
    match status.attempt() {
        Some(attempt) => QueueEffect::Withdraw(attempt),
        None => QueueEffect::Keep,
    }
}

fn end_as(status: TaskStatus, terminal: Terminal, queue: QueueEffect) -> Transition {
    Transition { next: TaskStatus { phase: Phase::Ended(terminal), ..status }, queue }
}
