//! Looking at what the host itself knows: whether what is waited for has happened.

use serde_json::json;

use crate::dag::{ExternalRun, WaitFor, WaitSpec};
use crate::state::TaskInstanceState;
use crate::time::Millis;

/// What the host knows of the thing that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Nothing needs to be known but the time.
    Time,
    /// The state of the other DAG's run, or those of its task's instances; none if there is nothing yet.
    Run(Vec<TaskInstanceState>),
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
        (WaitFor::Run(external), Sight::Run(states)) => other_run(external, states),
        (WaitFor::Asset(name), Sight::Asset(true)) => Some(Ok(json!({"asset": name}).to_string())),
        (
            WaitFor::Run(_) | WaitFor::Asset(_) | WaitFor::Http(_) | WaitFor::Trigger(_),
            Sight::Time | Sight::Run(_) | Sight::Asset(_),
        ) => None,
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

/// Whether what there is of the other run ends the wait: one state that fails it is enough, success takes all of them.
/// Source: Airflow's `ExternalTaskSensor`.
fn other_run(external: &ExternalRun, states: &[TaskInstanceState]) -> Option<Result<String, String>> {
    let is_allowed = |state: &TaskInstanceState| match external.allowed_states.as_slice() {
        [] => *state == TaskInstanceState::Success,
        allowed => allowed.contains(state),
    };
    if let Some(state) = states.iter().find(|state| external.failed_states.contains(state)) {
        let what = external.task_id.as_ref().map_or_else(|| "run".to_owned(), |task| format!("task {task}"));
        return Some(Err(format!("the {what} of DAG {} that was waited for is {state}", external.dag_id)));
    }
    let state = states.first()?;
    states.iter().all(is_allowed).then(|| Ok(json!({"dag_id": external.dag_id, "state": state}).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use TaskInstanceState::{Failed, Running, Skipped, Success};

    fn wait(until: WaitFor) -> WaitSpec {
        WaitSpec { until, poke_interval_ms: 1_000, timeout_ms: Some(60_000), soft_fail: false }
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
        let external = |allowed: &[_], failed: &[_]| ExternalRun {
            dag_id: "other".parse().expect("an id"),
            task_id: None,
            run_id: None,
            execution_delta_ms: 0,
            allowed_states: allowed.to_vec(),
            failed_states: failed.to_vec(),
        };
        let span = (Millis(0), Millis(60_000));
        let done = |state: &str| Look::Done(format!(r#"{{"dag_id":"other","state":"{state}"}}"#));
        let lost = || Look::Failed("the run of DAG other that was waited for is failed".into());
        for (spec, states, expected) in [
            (external(&[], &[]), vec![], Look::Again(Millis(1_010))),
            (external(&[], &[]), vec![Running], Look::Again(Millis(1_010))),
            (external(&[], &[]), vec![Failed], Look::Again(Millis(1_010))),
            (external(&[], &[]), vec![Success, Running], Look::Again(Millis(1_010))),
            (external(&[], &[]), vec![Success, Success], done("success")),
            (external(&[], &[Failed]), vec![Success, Failed], lost()),
            (external(&[Failed], &[]), vec![Failed], done("failed")),
            (external(&[Success, Skipped], &[]), vec![Skipped, Success], done("skipped")),
        ] {
            let spec = wait(WaitFor::Run(spec));
            assert_eq!(look(&spec, span, None, &Sight::Run(states), Millis(10)), expected);
        }
    }
}
