//! Where a task instance stands, with the facts that belong to each state and to no other.

use super::{TaskInstanceState, Terminal};
use crate::ids::AttemptId;
use crate::time::Millis;

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
    /// Waiting for a slot. Its try has been counted.
    Scheduled,
    /// Claimable, or claimed and not started, under this attempt.
    Queued(AttemptId),
    /// Running under this attempt.
    Running(AttemptId),
    /// To be tried again at the instant, under this attempt.
    UpForRetry(AttemptId, Millis),
    /// To go on with the same try at the instant, under this attempt.
    UpForReschedule(AttemptId, Millis),
    /// Waiting for its trigger. The attempt says which wait it is.
    Deferred(AttemptId),
    /// Waiting for a person. The attempt says which question it is.
    AwaitingInput(AttemptId),
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
            Phase::Scheduled => TaskInstanceState::Scheduled,
            Phase::Queued(_) => TaskInstanceState::Queued,
            Phase::Running(_) => TaskInstanceState::Running,
            Phase::UpForRetry(..) => TaskInstanceState::UpForRetry,
            Phase::UpForReschedule(..) => TaskInstanceState::UpForReschedule,
            Phase::Deferred(_) => TaskInstanceState::Deferred,
            Phase::AwaitingInput(_) => TaskInstanceState::AwaitingInput,
            Phase::Ended(how) => how.state(),
        }
    }

    /// The attempt that counts; any other is fenced.
    pub fn attempt(&self) -> Option<AttemptId> {
        match self.phase {
            Phase::Queued(attempt)
            | Phase::Running(attempt)
            | Phase::UpForRetry(attempt, _)
            | Phase::UpForReschedule(attempt, _)
            | Phase::Deferred(attempt)
            | Phase::AwaitingInput(attempt) => Some(attempt),
            Phase::None | Phase::Scheduled | Phase::Ended(_) => None,
        }
    }

    /// When it goes on by itself.
    pub fn due(&self) -> Option<Millis> {
        match self.phase {
            Phase::UpForRetry(_, at) | Phase::UpForReschedule(_, at) => Some(at),
            Phase::None
            | Phase::Scheduled
            | Phase::Queued(_)
            | Phase::Running(_)
            | Phase::Deferred(_)
            | Phase::AwaitingInput(_)
            | Phase::Ended(_) => None,
        }
    }

    /// How it ended; `None` while it has not.
    pub fn ended(&self) -> Option<Terminal> {
        match self.phase {
            Phase::Ended(how) => Some(how),
            Phase::None
            | Phase::Scheduled
            | Phase::Queued(_)
            | Phase::Running(_)
            | Phase::UpForRetry(..)
            | Phase::UpForReschedule(..)
            | Phase::Deferred(_)
            | Phase::AwaitingInput(_) => None,
        }
    }

    /// Whether it has begun and not ended: something will happen to it without its upstream.
    pub fn is_active(&self) -> bool {
        match self.phase {
            Phase::None | Phase::Ended(_) => false,
            Phase::Scheduled
            | Phase::Queued(_)
            | Phase::Running(_)
            | Phase::UpForRetry(..)
            | Phase::UpForReschedule(..)
            | Phase::Deferred(_)
            | Phase::AwaitingInput(_) => true,
        }
    }

    /// The number that the next attempt to start will carry.
    pub fn upcoming_try(&self) -> u32 {
        match self.phase {
            Phase::UpForRetry(..) | Phase::None => self.try_number.saturating_add(1),
            Phase::Scheduled
            | Phase::Queued(_)
            | Phase::Running(_)
            | Phase::UpForReschedule(..)
            | Phase::Deferred(_)
            | Phase::AwaitingInput(_)
            | Phase::Ended(_) => self.try_number,
        }
    }
}
