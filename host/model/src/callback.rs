//! Callbacks: after what they run, what they are told, and whether one that failed is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coded::coded;
use crate::dag::CallbackEvent;
use crate::ids::{DagId, GroupId, RunId, TaskId};
use crate::state::{MAX_LOSSES, RunState, TaskInstanceState};
use crate::time::Millis;
use crate::work::{AttemptEnd, ErrorClass, Verdict};

coded!(
    /// Where a callback stands.
    CallbackState {
        /// It waits for a worker, for its next try, or it runs.
        Queued = "queued",
        /// It ran.
        Success = "success",
        /// No try of it succeeded.
        Failed = "failed",
    }
);

/// What happened, and to whom: what a callback is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// What happened.
    pub on: CallbackEvent,
    /// The DAG.
    pub dag_id: DagId,
    /// The run.
    pub run_id: RunId,
    /// The task, if it happened to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// The group, if its deadline was missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    /// The index of a mapped instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index: Option<u32>,
    /// Which try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub try_number: Option<u32>,
    /// How many tries there can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tries: Option<u32>,
    /// The state that the task instance or the run is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What kind of failure it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<ErrorClass>,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the run stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logical_date: Option<Millis>,
    /// Where the run's data begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_interval_start: Option<Millis>,
    /// Where the run's data ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_interval_end: Option<Millis>,
    /// The name of the deadline that was missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// When it happened.
    pub timestamp: Millis,
}

/// What brought a task instance or a run where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It did so itself: it began, or an attempt of it ended.
    Itself,
    /// The rules: its upstream, its run's end, or a deadlock.
    Rules,
    /// A user.
    User,
}

/// The callback event of a task instance that is now in `state`; as in Airflow, what a user or the rules made of it is
/// none. `resumes` is whether it goes on after a wait.
pub fn after_task(state: TaskInstanceState, reason: Reason, resumes: bool) -> Option<CallbackEvent> {
    match reason {
        Reason::Itself => {}
        Reason::Rules | Reason::User => return None,
    }
    match state {
        TaskInstanceState::Running => (!resumes).then_some(CallbackEvent::Execute),
        TaskInstanceState::Success => Some(CallbackEvent::Success),
        TaskInstanceState::Failed => Some(CallbackEvent::Failure),
        TaskInstanceState::UpForRetry => Some(CallbackEvent::Retry),
        TaskInstanceState::Skipped => Some(CallbackEvent::Skipped),
        TaskInstanceState::None
        | TaskInstanceState::Scheduled
        | TaskInstanceState::Queued
        | TaskInstanceState::Restarting
        | TaskInstanceState::UpForReschedule
        | TaskInstanceState::Deferred
        | TaskInstanceState::AwaitingInput
        | TaskInstanceState::UpstreamFailed
        | TaskInstanceState::Removed => None,
    }
}

/// The callback event of a run that has come to `state`.
pub fn after_run(state: RunState, reason: Reason) -> Option<CallbackEvent> {
    let event = match state {
        RunState::Success => CallbackEvent::Success,
        RunState::Failed => CallbackEvent::Failure,
        RunState::Queued | RunState::Running => return None,
    };
    match reason {
        Reason::Itself | Reason::Rules => Some(event),
        Reason::User => None,
    }
}

/// What becomes of a callback after an attempt at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It ran.
    Done,
    /// It has failed for good.
    GivenUp,
    /// It is tried again after this pause, as the next try.
    Again(Duration),
    /// The attempt did not count: it is offered anew at once. `lost` is whether it was lost with its worker.
    Anew {
        /// Whether its worker was not heard of again.
        lost: bool,
    },
}

/// The pause before the second try.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// What follows the end of a try. `retries` is how many tries there may be after the first, `losses` how many attempts
/// were lost with their workers.
pub fn next(end: &AttemptEnd, try_number: u32, retries: u32, losses: u32) -> Next {
    let Some(failure) = end.failure() else { return Next::Done };
    let lost = failure.class == ErrorClass::Lost;
    match failure.class.verdict() {
        Verdict::Requeue if !lost || losses < MAX_LOSSES => Next::Anew { lost },
        Verdict::Retry | Verdict::Requeue if try_number <= retries => Next::Again(pause(try_number)),
        Verdict::Requeue | Verdict::Retry | Verdict::Fail => Next::GivenUp,
    }
}

/// The pause after a try: twice as long each time.
fn pause(try_number: u32) -> Duration {
    let doublings = try_number.saturating_sub(1).min(16);
    (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Failure;

    fn failed(class: ErrorClass) -> AttemptEnd {
        AttemptEnd::Failed(Failure { class, message: String::new(), location: None })
    }

    #[test]
    fn a_callback_is_tried_as_often_as_it_may() {
        let error = failed(ErrorClass::Error);
        assert_eq!(next(&AttemptEnd::Success { value: None }, 1, 0, 0), Next::Done);
        assert_eq!(next(&error, 1, 0, 0), Next::GivenUp);
        assert_eq!(next(&error, 1, 2, 0), Next::Again(Duration::from_secs(10)));
        assert_eq!(next(&error, 2, 2, 0), Next::Again(Duration::from_secs(20)));
        assert_eq!(next(&error, 3, 2, 0), Next::GivenUp);
        assert_eq!(next(&error, 90, 100, 0), Next::Again(Duration::from_mins(10)));
        assert_eq!(next(&failed(ErrorClass::Fatal), 1, 2, 0), Next::GivenUp);
    }

    #[test]
    fn what_is_not_its_fault_costs_no_try() {
        assert_eq!(next(&failed(ErrorClass::Capacity), 1, 0, 0), Next::Anew { lost: false });
        assert_eq!(next(&failed(ErrorClass::Lost), 1, 0, 0), Next::Anew { lost: true });
        assert_eq!(next(&failed(ErrorClass::Lost), 1, 0, MAX_LOSSES), Next::GivenUp);
    }

    #[test]
    fn users_and_rules_set_off_no_callback_of_a_task() {
        use CallbackEvent::{Execute, Failure, Retry, Skipped, Success};
        let events: Vec<_> =
            TaskInstanceState::ALL.iter().filter_map(|&state| after_task(state, Reason::Itself, false)).collect();
        assert_eq!(events.len(), 5);
        for event in [Execute, Failure, Retry, Skipped, Success] {
            assert!(events.contains(&event), "{event}");
        }
        for &state in TaskInstanceState::ALL {
            assert_eq!(after_task(state, Reason::Rules, false), None);
            assert_eq!(after_task(state, Reason::User, false), None);
        }
        assert_eq!(after_task(TaskInstanceState::Running, Reason::Itself, true), None);
    }

    #[test]
    fn a_run_that_ends_by_itself_sets_off_one() {
        assert_eq!(after_run(RunState::Failed, Reason::Rules), Some(CallbackEvent::Failure));
        assert_eq!(after_run(RunState::Success, Reason::Itself), Some(CallbackEvent::Success));
        assert_eq!(after_run(RunState::Failed, Reason::User), None);
        assert_eq!(after_run(RunState::Running, Reason::Itself), None);
    }
}
