//! What follows when something happens to a task instance.

use super::event::{Admission, InvalidTransition, MAX_LOSSES, QueueEffect, RetryPolicy, TaskEvent, Transition};
use super::{Phase, TaskInstanceState, TaskStatus, Terminal};
use crate::ids::AttemptId;
use crate::time::Millis;
use crate::work::{AttemptEnd, ErrorClass, Verdict};

/// What follows when `event` happens at `now` to a task instance that is `status`.
///
/// Source: `airflow-core` 3.3, `TaskInstanceState` and the Execution API's `/run` and `/state` routes. Three things differ
/// on purpose: a lost attempt is queued again without consuming a try, at most [`MAX_LOSSES`] times, because the loss says
/// nothing about the task; an attempt that is no longer the current one changes nothing; and a task instance that is
/// cleared while it runs is fenced at once, so that nothing is ever `restarting`.
pub fn decide(status: TaskStatus, event: &TaskEvent<'_>, now: Millis) -> Result<Transition, InvalidTransition> {
    match event {
        TaskEvent::Released(admission) => release(status, *admission, now),
        TaskEvent::Admitted(attempt) => admit(status, *attempt, now),
        TaskEvent::Ruled(terminal) => rule(status, *terminal),
        TaskEvent::Started(attempt) => start(status, *attempt),
        TaskEvent::Finished { attempt, end, next, retry } => {
            if status.attempt() == Some(*attempt) {
                Ok(finish(status, &Ending { attempt: *attempt, end, next: *next, retry: *retry }, now))
            } else {
                Err(InvalidTransition { from: status.state(), event: "finished by an old attempt" })
            }
        }
        TaskEvent::FailedInGroup { attempt, next, delay } => {
            if status.attempt() == Some(*attempt) {
                let retry = RetryPolicy { max_tries: u32::MAX, delay: *delay, again: true };
                Ok(try_again(status, *attempt, *next, retry, now))
            } else {
                Err(InvalidTransition { from: status.state(), event: "failed by an old attempt" })
            }
        }
        TaskEvent::Due(admission) => due(status, *admission, now),
        TaskEvent::Resumed { attempt, admission } => resume(status, *attempt, *admission, now),
        TaskEvent::Stopped => Ok(stop(status)),
        TaskEvent::TimedOut => Ok(cut_off(status, Terminal::Skipped)),
        TaskEvent::FailedFast => Ok(fail_fast(status)),
        TaskEvent::Cleared => Ok(clear(status)),
        TaskEvent::Marked(terminal) => Ok(end_as(status, *terminal, withdraw_present(status))),
        TaskEvent::Removed => Ok(end_as(status, Terminal::Removed, withdraw_present(status))),
        TaskEvent::Restored => Ok(restore(status)),
    }
}

/// If a try that counted is over and another may follow: how it ended, for the record of tries (Airflow's task instance
/// history, where a try that was cut off has failed).
pub fn past_try(before: TaskStatus, next: TaskStatus) -> Option<TaskInstanceState> {
    match next.phase {
        Phase::UpForRetry(..) => Some(TaskInstanceState::Failed),
        Phase::None => match before.phase {
            Phase::Running(_) | Phase::UpForReschedule(..) | Phase::Deferred(_) | Phase::AwaitingInput(_) => {
                Some(TaskInstanceState::Failed)
            }
            Phase::Ended(how) if before.try_number > 0 => Some(how.state()),
            Phase::None | Phase::Scheduled | Phase::Queued(_) | Phase::UpForRetry(..) | Phase::Ended(_) => None,
        },
        Phase::Scheduled
        | Phase::Queued(_)
        | Phase::Running(_)
        | Phase::UpForReschedule(..)
        | Phase::Deferred(_)
        | Phase::AwaitingInput(_)
        | Phase::Ended(_) => None,
    }
}

fn release(status: TaskStatus, admission: Admission, now: Millis) -> Result<Transition, InvalidTransition> {
    only_if(status.phase == Phase::None, status, "released")?;
    Ok(go_on(TaskStatus { losses: 0, ..status }, admission, status.upcoming_try(), now))
}

fn admit(status: TaskStatus, attempt: AttemptId, now: Millis) -> Result<Transition, InvalidTransition> {
    only_if(status.phase == Phase::Scheduled, status, "given a slot")?;
    Ok(go_on(status, Admission::Offered(attempt), status.try_number, now))
}

fn due(status: TaskStatus, admission: Admission, now: Millis) -> Result<Transition, InvalidTransition> {
    only_if(status.due().is_some(), status, "due")?;
    Ok(go_on(status, admission, status.upcoming_try(), now))
}

fn rule(status: TaskStatus, terminal: Terminal) -> Result<Transition, InvalidTransition> {
    only_if(status.phase == Phase::None, status, "decided by its upstream")?;
    Ok(end_as(status, terminal, QueueEffect::Keep))
}

fn only_if(fits: bool, status: TaskStatus, event: &'static str) -> Result<(), InvalidTransition> {
    if fits { Ok(()) } else { Err(InvalidTransition { from: status.state(), event }) }
}

/// The task instance goes on as `try_number`, as it was admitted.
fn go_on(status: TaskStatus, admission: Admission, try_number: u32, now: Millis) -> Transition {
    let withdrawn = withdraw_present(status);
    let (phase, queue) = match admission {
        Admission::Offered(attempt) => {
            let queue = match status.attempt() {
                Some(old) => QueueEffect::Replace(old, attempt, now),
                None => QueueEffect::Offer(attempt, now),
            };
            (Phase::Queued(attempt), queue)
        }
        Admission::Held => (Phase::Scheduled, withdrawn),
        Admission::Waits(attempt) => (Phase::Deferred(attempt), withdrawn),
        Admission::Asks(attempt) => (Phase::AwaitingInput(attempt), withdrawn),
        Admission::Done(how) => (Phase::Ended(how), withdrawn),
    };
    Transition { next: TaskStatus { phase, try_number, ..status }, queue }
}

fn start(status: TaskStatus, attempt: AttemptId) -> Result<Transition, InvalidTransition> {
    let refused = Err(InvalidTransition { from: status.state(), event: "started by this attempt" });
    match status.phase {
        Phase::Queued(current) | Phase::UpForRetry(current, _) | Phase::UpForReschedule(current, _)
            if current == attempt =>
        {
            Ok(Transition {
                next: TaskStatus { phase: Phase::Running(attempt), try_number: status.upcoming_try(), ..status },
                queue: QueueEffect::Keep,
            })
        }
        // A worker that did not hear the answer says it again; the second time changes nothing.
        Phase::Running(current) if current == attempt => Ok(Transition { next: status, queue: QueueEffect::Keep }),
        Phase::None
        | Phase::Scheduled
        | Phase::Queued(_)
        | Phase::Running(_)
        | Phase::UpForRetry(..)
        | Phase::UpForReschedule(..)
        | Phase::Deferred(_)
        | Phase::AwaitingInput(_)
        | Phase::Ended(_) => refused,
    }
}

fn resume(
    status: TaskStatus,
    attempt: AttemptId,
    admission: Admission,
    now: Millis,
) -> Result<Transition, InvalidTransition> {
    let waits = [Phase::Deferred(attempt), Phase::AwaitingInput(attempt)];
    only_if(waits.contains(&status.phase), status, "resumed after another wait")?;
    Ok(go_on(status, admission, status.try_number, now))
}

struct Ending<'a> {
    attempt: AttemptId,
    end: &'a AttemptEnd,
    next: AttemptId,
    retry: RetryPolicy,
}

fn finish(status: TaskStatus, ending: &Ending<'_>, now: Millis) -> Transition {
    let withdraw = QueueEffect::Withdraw(ending.attempt);
    // A claimed attempt that ends before it was started has not yet been counted.
    let counted = TaskStatus { try_number: status.upcoming_try(), ..status };
    let parked = |phase, queue| Transition { next: TaskStatus { phase, losses: 0, ..counted }, queue };
    match ending.end {
        AttemptEnd::Success { .. } | AttemptEnd::Branch { .. } | AttemptEnd::ShortCircuit { .. } => {
            end_as(counted, Terminal::Success, withdraw)
        }
        AttemptEnd::Skipped { .. } => end_as(counted, Terminal::Skipped, withdraw),
        AttemptEnd::Deferred(_) => parked(Phase::Deferred(ending.next), withdraw),
        AttemptEnd::AwaitingInput { .. } => parked(Phase::AwaitingInput(ending.next), withdraw),
        AttemptEnd::Reschedule { at } => {
            let queue = QueueEffect::Replace(ending.attempt, ending.next, *at);
            parked(Phase::UpForReschedule(ending.next, *at), queue)
        }
        // These end work of other kinds; from a task they are a worker's mistake, and the task has no result.
        AttemptEnd::Parsed { .. } | AttemptEnd::Pending { .. } | AttemptEnd::Fired { .. } | AttemptEnd::NextRun(_) => {
            end_as(counted, Terminal::Failed, withdraw)
        }
        AttemptEnd::Failed(failure) => match failure.class.verdict() {
            Verdict::Fail => end_as(counted, Terminal::Failed, withdraw),
            Verdict::Retry => try_again(status, ending.attempt, ending.next, ending.retry, now),
            Verdict::Requeue => requeue(status, ending, failure.class, now),
        },
    }
}

fn try_again(status: TaskStatus, old: AttemptId, next: AttemptId, retry: RetryPolicy, now: Millis) -> Transition {
    let tried = status.upcoming_try();
    if tried >= retry.max_tries || !retry.again {
        return end_as(TaskStatus { try_number: tried, ..status }, Terminal::Failed, QueueEffect::Withdraw(old));
    }
    let due = now.after(retry.delay);
    Transition {
        next: TaskStatus { phase: Phase::UpForRetry(next, due), try_number: tried, losses: 0 },
        queue: QueueEffect::Replace(old, next, due),
    }
}

fn requeue(status: TaskStatus, ending: &Ending<'_>, class: ErrorClass, now: Millis) -> Transition {
    let losses = status.losses.saturating_add(u32::from(class == ErrorClass::Lost));
    if losses > MAX_LOSSES {
        return try_again(status, ending.attempt, ending.next, ending.retry, now);
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
        Phase::Running(_) => cut_off(status, Terminal::Failed),
        Phase::None
        | Phase::Scheduled
        | Phase::Queued(_)
        | Phase::UpForRetry(..)
        | Phase::UpForReschedule(..)
        | Phase::Deferred(_)
        | Phase::AwaitingInput(_)
        | Phase::Ended(_) => cut_off(status, Terminal::Skipped),
    }
}

/// As [`stop`], and what is `upstream_failed` is skipped too (Airflow's `fail_fast`).
fn fail_fast(status: TaskStatus) -> Transition {
    match status.phase {
        Phase::Ended(Terminal::UpstreamFailed) => end_as(status, Terminal::Skipped, QueueEffect::Keep),
        Phase::None
        | Phase::Scheduled
        | Phase::Queued(_)
        | Phase::Running(_)
        | Phase::UpForRetry(..)
        | Phase::UpForReschedule(..)
        | Phase::Deferred(_)
        | Phase::AwaitingInput(_)
        | Phase::Ended(Terminal::Success | Terminal::Failed | Terminal::Skipped | Terminal::Removed) => stop(status),
    }
}

/// Ends as `how` what has not ended.
fn cut_off(status: TaskStatus, how: Terminal) -> Transition {
    match status.ended() {
        Some(_) => Transition { next: status, queue: QueueEffect::Keep },
        None => end_as(status, how, withdraw_present(status)),
    }
}

fn clear(status: TaskStatus) -> Transition {
    Transition { next: TaskStatus { phase: Phase::None, losses: 0, ..status }, queue: withdraw_present(status) }
}

fn restore(status: TaskStatus) -> Transition {
    match status.ended() {
        Some(Terminal::Removed) => clear(status),
        Some(Terminal::Success | Terminal::Failed | Terminal::Skipped | Terminal::UpstreamFailed) | None => {
            Transition { next: status, queue: QueueEffect::Keep }
        }
    }
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
