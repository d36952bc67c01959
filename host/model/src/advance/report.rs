//! How a task instance says that it has ended, and what it decided with that.

use super::group::Parting;
use super::{Instance, Progress, Skips};
use crate::graph::{MAX_MAP_LENGTH, TaskIndex};
use crate::ids::AttemptId;
use crate::state::{InvalidTransition, RetryPolicy, TaskEvent, Terminal};
use crate::time::Millis;
use crate::work::{AttemptEnd, ErrorClass, Failure};

/// The end of an attempt, with what the caller knows about it.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// Which attempt.
    pub attempt: AttemptId,
    /// How it ended.
    pub end: &'a AttemptEnd,
    /// What it returned.
    pub returned: Returned,
    /// Whether there may be another try.
    pub retry: RetryPolicy,
    /// The attempt that follows, if one does.
    pub next: AttemptId,
}

/// What a task returned, as far as it can be mapped over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Returned {
    /// Nothing, or null.
    #[default]
    Nothing,
    /// Something that is neither a list nor an object.
    Value,
    /// A list or an object of so many elements.
    Elements(usize),
}

/// Why something cannot happen to a task instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was not handed in, or does not exist.
    #[error("task instance {0:?} is not in memory")]
    NotInMemory(Instance),
    /// It is in a state in which this does not happen.
    #[error(transparent)]
    Invalid(#[from] InvalidTransition),
}

impl Progress<'_> {
    /// Lets an attempt end. A wait that is over, and an answer that is a task's result, end in the same way. An end that makes
    /// no sense, such as a branch to what is not there, is a failure of the try; the answer says which.
    pub fn finish(&mut self, at: Instance, finish: &Finish<'_>, now: Millis) -> Result<Option<Failure>, Refusal> {
        let node = self.rows.node(at).ok_or(Refusal::NotInMemory(at))?;
        if node.status.attempt() != Some(finish.attempt) {
            let from = node.status.state();
            return Err(InvalidTransition { from, event: "finished by an old attempt" }.into());
        }
        let accepted = self.length(at, finish).and_then(|length| Ok((length, self.decision(at.task, finish.end)?)));
        let Finish { attempt, end, retry, next, .. } = *finish;
        let (end, failure) = match accepted {
            Ok((length, skips)) => {
                if let Some(node) = self.rows.node_mut(at) {
                    (node.length, node.skips) = (length, skips);
                }
                (end.clone(), None)
            }
            Err(message) => {
                let failure = Failure { class: ErrorClass::Error, message, location: None };
                (AttemptEnd::Failed(failure.clone()), Some(failure))
            }
        };
        let event = TaskEvent::Finished { attempt, end: &end, next, retry };
        match self.saved_by_group(at, &event, now) {
            Some(delay) => self.fail_in_group(at, &Parting { attempt, next, delay }, now)?,
            None => self.happen(at, &event, now)?,
        }
        let has_failed = self.rows.node(at).is_some_and(|node| node.status.ended() == Some(Terminal::Failed));
        if has_failed && self.graph.spec().fail_fast {
            self.failed_fast = Some(at.task);
        }
        Ok(failure)
    }

    /// How many elements there are to map over, if the task succeeded and something is mapped over it.
    fn length(&self, at: Instance, finish: &Finish<'_>) -> Result<Option<u32>, String> {
        let has_succeeded = match finish.end {
            AttemptEnd::Success { .. } | AttemptEnd::Branch { .. } | AttemptEnd::ShortCircuit { .. } => true,
            AttemptEnd::Skipped { .. }
            | AttemptEnd::Deferred(_)
            | AttemptEnd::Reschedule { .. }
            | AttemptEnd::AwaitingInput { .. }
            | AttemptEnd::Pending { .. }
            | AttemptEnd::Fired { .. }
            | AttemptEnd::NextRun(_)
            | AttemptEnd::Parsed { .. }
            | AttemptEnd::Failed(_) => false,
        };
        if !has_succeeded || !self.graph.is_source(at.task) {
            return Ok(None);
        }
        match finish.returned {
            // What instances returned is mapped over together; each that returned something is one element.
            Returned::Nothing if at.map_index.is_some() => Ok(None),
            Returned::Value | Returned::Elements(_) if at.map_index.is_some() => Ok(Some(1)),
            Returned::Nothing => {
                Err("it returned nothing, but other tasks are mapped over it; return a list or an object".to_owned())
            }
            Returned::Value => {
                Err("it returned neither a list nor an object, but other tasks are mapped over it".to_owned())
            }
            Returned::Elements(length) => match u32::try_from(length) {
                Ok(length) if length <= MAX_MAP_LENGTH => Ok(Some(length)),
                Ok(_) | Err(_) => Err(format!(
                    "it returned {length} elements, but other tasks are mapped over it, and at most {MAX_MAP_LENGTH} can be"
                )),
            },
        }
    }

    /// What the task decided not to be followed.
    fn decision(&self, task: TaskIndex, end: &AttemptEnd) -> Result<Option<Skips>, String> {
        match end {
            AttemptEnd::Branch { follow, .. } => self.branch(task, follow).map(Some),
            AttemptEnd::ShortCircuit { .. } => Ok(Some(self.short_circuit(task))),
            AttemptEnd::Success { .. }
            | AttemptEnd::Skipped { .. }
            | AttemptEnd::Deferred(_)
            | AttemptEnd::Reschedule { .. }
            | AttemptEnd::AwaitingInput { .. }
            | AttemptEnd::Pending { .. }
            | AttemptEnd::Fired { .. }
            | AttemptEnd::NextRun(_)
            | AttemptEnd::Parsed { .. }
            | AttemptEnd::Failed(_) => Ok(None),
        }
    }

    /// Direct downstream tasks that are neither named nor behind one that is.
    fn branch(&self, task: TaskIndex, follow: &[String]) -> Result<Skips, String> {
        let mut followed = Vec::new();
        for id in follow {
            let targets = self.graph.targets(id).map_err(|unknown| format!("it chose to follow {unknown}"))?;
            followed.extend(targets);
        }
        let reached = self.graph.downstream_closure(&followed);
        let tasks = self.graph.downstream(task).iter().copied();
        let tasks = tasks.filter(|child| reached.binary_search(child).is_err()).collect();
        Ok(Skips { tasks, sweeps: false })
    }

    fn short_circuit(&self, task: TaskIndex) -> Skips {
        let tasks =
            self.graph.downstream(task).iter().copied().filter(|&child| !self.graph.is_teardown(child)).collect();
        Skips { tasks, sweeps: self.graph.task(task).ignore_downstream_trigger_rules }
    }
}
