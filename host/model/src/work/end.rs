//! How an attempt ended.

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::dag::{HumanInputSpec, WaitSpec};
use crate::time::Millis;
use crate::timetable::NextRun;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// The task succeeded.
    Success {
        /// What it returned: one JSON text.
        value: Option<String>,
    },
    /// The task had nothing to do.
    Skipped {
        /// Why.
        reason: String,
    },
    /// The task chose which of its direct downstream tasks go on; the others are skipped.
    Branch {
        /// Ids of tasks or groups; with none all are skipped.
        follow: Vec<String>,
        /// What it returned: one JSON text.
        value: Option<String>,
    },
    /// The task ended well and what is downstream of it has nothing to do.
    ShortCircuit {
        /// What it returned: one JSON text.
        value: Option<String>,
    },
    /// The task waits without a slot and goes on when its trigger fires.
    Deferred(Deferral),
    /// The task wants to be run again at an instant, as the same try.
    Reschedule {
        /// When.
        at: Millis,
    },
    /// The task waits for a person.
    AwaitingInput {
        /// What the person is asked.
        form: Box<HumanInputSpec>,
        /// Where the task goes on with the answer; `None` if the answer is the task's result.
        resume_key: Option<String>,
    },
    /// The trigger has seen nothing yet.
    Pending {
        /// When to look again.
        until: Millis,
    },
    /// The trigger has fired.
    Fired {
        /// What happened: one JSON text.
        event: String,
    },
    /// The timetable's answer; `None` for no further run.
    NextRun(Option<NextRun>),
    /// The module described its DAGs.
    Parsed {
        /// A JSON array of [`crate::dag::DagSpec`] as text, not yet looked at.
        dags: String,
    },
    /// The attempt failed.
    Failed(Failure),
}

impl AttemptEnd {
    /// What a task returned, if it ended well and returned something: one JSON text.
    pub fn value(&self) -> Option<&String> {
        match self {
            Self::Success { value } | Self::Branch { follow: _, value } | Self::ShortCircuit { value } => {
                value.as_ref()
            }
            Self::Skipped { .. }
            | Self::Deferred(_)
            | Self::Reschedule { .. }
            | Self::AwaitingInput { .. }
            | Self::Pending { .. }
            | Self::Fired { .. }
            | Self::NextRun(_)
            | Self::Parsed { .. }
            | Self::Failed(_) => None,
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Success { .. }
            | Self::Branch { .. }
            | Self::ShortCircuit { .. }
            | Self::Skipped { .. }
            | Self::Deferred(_)
            | Self::Reschedule { .. }
            | Self::AwaitingInput { .. }
            | Self::Pending { .. }
            | Self::Fired { .. }
            | Self::NextRun(_)
            | Self::Parsed { .. } => None,
        }
    }

    /// About how many bytes of a guest's it carries.
    pub fn size(&self) -> usize {
        match self {
            Self::Success { value } | Self::ShortCircuit { value } => value.as_ref().map_or(0, String::len),
            Self::Branch { follow, value } => {
                follow.iter().map(String::len).sum::<usize>() + value.as_ref().map_or(0, String::len)
            }
            Self::Skipped { reason } => reason.len(),
            Self::Deferred(deferral) => {
                let trigger = match &deferral.trigger {
                    DeferTrigger::Guest { trigger, kwargs } => trigger.len() + kwargs.len(),
                    DeferTrigger::Host { .. } => 0,
                };
                trigger + deferral.resume_key.len()
            }
            Self::AwaitingInput { form, .. } => form.body.as_ref().map_or(0, String::len),
            Self::Fired { event } => event.len(),
            Self::Parsed { dags } => dags.len(),
            Self::Failed(failure) => failure.message.len(),
            Self::Reschedule { .. } | Self::Pending { .. } | Self::NextRun(_) => 0,
        }
    }
}

/// How a task waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deferral {
    /// For what.
    pub trigger: DeferTrigger,
    /// Handed back when the task goes on.
    pub resume_key: String,
    /// How long at most, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// What a deferred task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeferTrigger {
    /// A trigger that the module exports.
    Guest {
        /// Its name.
        trigger: String,
        /// Handed to it at each look: one JSON text.
        kwargs: String,
    },
    /// Something the host knows by itself.
    Host {
        /// What.
        wait: Box<WaitSpec>,
    },
}

/// What a retry policy makes of a failure. It cannot give more tries than the task has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum RetryDecision {
    /// As the task says.
    Default,
    /// Another try, if there is one left.
    Retry {
        /// The pause before it, in milliseconds, in place of the task's.
        delay_ms: Option<u64>,
        /// Why.
        reason: Option<String>,
    },
    /// No other try.
    Fail {
        /// Why.
        reason: Option<String>,
    },
}
