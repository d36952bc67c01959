//! Waiting without a slot: what a task instance waits for, and what a look at it comes to.
//!
//! A wait costs a row. What user code has to look at is a trigger, polled in the sandbox as work of its own; everything else
//! the host knows by itself, and [`look`] says when to look again.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::dag::{ExternalRun, HumanInputSpec, WaitFor, WaitSpec};
use crate::state::TaskInstanceState;
use crate::time::Millis;
use crate::work::{DeferTrigger, Deferral, Resume};

/// What is kept beside a task instance while it waits, and until it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "waiting", rename_all = "snake_case")]
pub enum Waiting {
    /// A trigger of its module looks.
    Trigger {
        /// Which one.
        trigger: String,
        /// Handed to it at each look: one JSON text.
        kwargs: String,
        /// Where the task goes on.
        resume_key: String,
        /// When the wait is given up.
        until: Option<Millis>,
    },
    /// The host looks.
    Host {
        /// What for.
        wait: Box<WaitSpec>,
        /// When the wait began.
        since: Millis,
        /// When it is given up.
        until: Millis,
        /// Where the task goes on; a task that is nothing but a wait succeeds.
        resume_key: Option<String>,
    },
    /// A person is asked.
    Human {
        /// What.
        form: Box<HumanInputSpec>,
        /// When the question is given up.
        until: Option<Millis>,
        /// Where the task goes on; `None` if the answer is its result.
        resume_key: Option<String>,
    },
    /// A sensor between two looks.
    Sensor {
        /// When it looked first.
        first_poke: Millis,
    },
    /// The wait is over and the task has not begun to go on.
    Over {
        /// Where it goes on.
        resume: Resume,
    },
}

impl Waiting {
    /// How a deferral that begins now is kept.
    pub fn deferred(deferral: Deferral, now: Millis) -> Self {
        let until = deferral.timeout_ms.map(|timeout| now.after_ms(timeout));
        match deferral.trigger {
            DeferTrigger::Guest { trigger, kwargs } => {
                Self::Trigger { trigger, kwargs, resume_key: deferral.resume_key, until }
            }
            DeferTrigger::Host { wait } => {
                let own = now.after_ms(wait.timeout_ms);
                let until = until.map_or(own, |until| until.min(own));
                Self::Host { wait, since: now, until, resume_key: Some(deferral.resume_key) }
            }
        }
    }

    /// How a task that is nothing but a wait is kept from now on.
    pub fn native(wait: &WaitSpec, now: Millis) -> Self {
        Self::Host { wait: Box::new(wait.clone()), since: now, until: now.after_ms(wait.timeout_ms), resume_key: None }
    }

    /// How a question that is asked now is kept.
    pub fn asked(form: HumanInputSpec, resume_key: Option<String>, now: Millis) -> Self {
        let until = form.response_timeout_ms.map(|timeout| now.after_ms(timeout));
        Self::Human { form: Box::new(form), until, resume_key }
    }

    /// When the wait is given up, if ever.
    pub fn until(&self) -> Option<Millis> {
        match self {
            Self::Trigger { until, .. } | Self::Human { until, .. } => *until,
            Self::Host { until, .. } => Some(*until),
            Self::Sensor { .. } | Self::Over { .. } => None,
        }
    }

    /// Where the task goes on, if it does.
    pub fn resume_key(&self) -> Option<&str> {
        match self {
            Self::Trigger { resume_key, .. } => Some(resume_key),
            Self::Host { resume_key, .. } | Self::Human { resume_key, .. } => resume_key.as_deref(),
            Self::Sensor { .. } => None,
            Self::Over { resume } => Some(&resume.key),
        }
    }
}

/// What the host knows of the thing that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Nothing needs to be known but the time.
    Time,
    /// The state of the other DAG's run or task; `None` if there is none.
    Run(Option<TaskInstanceState>),
    /// Whether the asset has had an event since the run began.
    Asset(bool),
}

/// What a look comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// What was waited for has happened. The text is handed to the task: one JSON text.
    Done(String),
    /// It can no longer happen.
    Failed(String),
    /// It has been waited for long enough.
    GivenUp,
    /// To be looked at again at this instant.
    Again(Millis),
}

/// What a look at `now` comes to, of a wait that began at `since` and is given up at `until`. `interval_end` is the end of
/// the run's data interval.
pub fn look(
    wait: &WaitSpec,
    (since, until): (Millis, Millis),
    interval_end: Option<Millis>,
    sight: &Sight,
    now: Millis,
) -> Look {
    let poke = || now.after_ms(wait.poke_interval_ms.max(MIN_POKE_MS)).min(until);
    let seen = match (&wait.until, sight) {
        (WaitFor::Instant(at), _) => return at_instant(*at, until, now),
        (WaitFor::Duration(span), _) => return at_instant(since.after_ms(*span), until, now),
        (WaitFor::AfterInterval(span), _) => {
            return at_instant(interval_end.unwrap_or(since).after_ms(*span), until, now);
        }
        (WaitFor::Run(external), Sight::Run(state)) => other_run(external, *state),
        (WaitFor::Asset(name), Sight::Asset(true)) => Some(Ok(json!({"asset": name}).to_string())),
        (WaitFor::Run(_) | WaitFor::Asset(_) | WaitFor::Http(_), Sight::Time | Sight::Run(_) | Sight::Asset(_)) => None,
    };
    match seen {
        Some(Ok(event)) => Look::Done(event),
        Some(Err(reason)) => Look::Failed(reason),
        None if now >= until => Look::GivenUp,
        None => Look::Again(poke()),
    }
}

/// However often somebody wants to look, it is not more often than this, in milliseconds.
const MIN_POKE_MS: u64 = 200;

fn at_instant(at: Millis, until: Millis, now: Millis) -> Look {
    if at <= now {
        Look::Done(json!({"at": at}).to_string())
    } else if until <= now {
        Look::GivenUp
    } else {
        Look::Again(at.min(until))
    }
}

/// Whether the other run's state ends the wait. Source: Airflow's `ExternalTaskSensor`.
fn other_run(external: &ExternalRun, state: Option<TaskInstanceState>) -> Option<Result<String, String>> {
    let state = state?;
    let allowed = if external.allowed_states.is_empty() {
        state == TaskInstanceState::Success
    } else {
        external.allowed_states.contains(&state)
    };
    if external.failed_states.contains(&state) {
        let what = external.task_id.as_ref().map_or_else(|| "run".to_owned(), |task| format!("task {task}"));
        return Some(Err(format!("the {what} of DAG {} that was waited for is {state}", external.dag_id)));
    }
    allowed.then(|| Ok(json!({"dag_id": external.dag_id, "state": state}).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(until: WaitFor) -> WaitSpec {
        WaitSpec { until, poke_interval_ms: 1_000, timeout_ms: 60_000, soft_fail: false }
    }

    #[test]
    fn an_instant_is_looked_at_once() {
        let spec = wait(WaitFor::Instant(Millis(5_000)));
        let span = (Millis(0), Millis(60_000));
        assert_eq!(look(&spec, span, None, &Sight::Time, Millis(1)), Look::Again(Millis(5_000)));
        assert_eq!(
            look(&spec, span, None, &Sight::Time, Millis(5_000)),
            Look::Done(r#"{"at":"1970-01-01T00:00:05Z"}"#.into())
        );
        let short = (Millis(0), Millis(2_000));
        assert_eq!(look(&spec, short, None, &Sight::Time, Millis(1)), Look::Again(Millis(2_000)));
        assert_eq!(look(&spec, short, None, &Sight::Time, Millis(2_000)), Look::GivenUp);
    }

    #[test]
    fn spans_count_from_the_begin_of_the_wait_or_the_end_of_the_interval() {
        let span = (Millis(1_000), Millis(60_000));
        let duration = wait(WaitFor::Duration(500));
        assert_eq!(look(&duration, span, None, &Sight::Time, Millis(1_200)), Look::Again(Millis(1_500)));
        let after = wait(WaitFor::AfterInterval(500));
        let end = Some(Millis(9_000));
        assert_eq!(look(&after, span, end, &Sight::Time, Millis(1_200)), Look::Again(Millis(9_500)));
    }

    #[test]
    fn another_run_ends_the_wait_by_its_state() {
        let external = |allowed: Vec<_>, failed: Vec<_>| ExternalRun {
            dag_id: "other".parse().expect("an id"),
            task_id: None,
            execution_delta_ms: 0,
            allowed_states: allowed,
            failed_states: failed,
        };
        let span = (Millis(0), Millis(60_000));
        for (spec, state, expected) in [
            (external(vec![], vec![]), None, Look::Again(Millis(1_010))),
            (external(vec![], vec![]), Some(TaskInstanceState::Running), Look::Again(Millis(1_010))),
            (external(vec![], vec![]), Some(TaskInstanceState::Failed), Look::Again(Millis(1_010))),
            (
                external(vec![], vec![TaskInstanceState::Failed]),
                Some(TaskInstanceState::Failed),
                Look::Failed("the run of DAG other that was waited for is failed".into()),
            ),
            (
                external(vec![TaskInstanceState::Failed], vec![]),
                Some(TaskInstanceState::Failed),
                Look::Done(r#"{"dag_id":"other","state":"failed"}"#.into()),
            ),
        ] {
            let spec = wait(WaitFor::Run(spec));
            assert_eq!(look(&spec, span, None, &Sight::Run(state), Millis(10)), expected);
        }
    }
}
