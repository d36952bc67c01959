//! Whether what came of a run is what was expected of it.

use std::collections::BTreeMap;

use flow_model::state::{RunState, TaskInstanceState};
use serde_json::Value;

use super::expect::{Expectation, Which, same};
use super::hurry::Ending;
use super::outcome::{Outcome, Played};

/// What became of one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What was expected.
    pub(super) expected: String,
    /// What is not so; `None` if all is as expected.
    pub(super) surprise: Option<String>,
}

/// What became of all expectations, the one of the run itself first.
pub(super) fn judge(expectations: &[Expectation], outcome: &Outcome) -> Vec<Verdict> {
    let of_run = [Expectation::Run(expected_end(expectations))];
    let others = expectations.iter().filter(|expectation| expectation.task().is_some());
    let judge_one = |expectation: &Expectation| Verdict {
        expected: expectation.to_string(),
        surprise: surprise(expectation, outcome),
    };
    of_run.iter().chain(others).map(judge_one).collect()
}

/// How the run has to end: it has to succeed unless somebody says otherwise.
fn expected_end(expectations: &[Expectation]) -> RunState {
    let of_run = expectations.iter().rev().find_map(|expectation| match expectation {
        Expectation::Run(state) => Some(*state),
        Expectation::Result(..) | Expectation::State(..) => None,
    });
    of_run.unwrap_or(RunState::Success)
}

fn surprise(expectation: &Expectation, outcome: &Outcome) -> Option<String> {
    match expectation {
        Expectation::Run(state) => surprise_of_run(*state, outcome),
        Expectation::State(which, state) => surprise_of_state(&instances(which, outcome), *state),
        Expectation::Result(which, value) => surprise_of_result(which, &instances(which, outcome), value),
    }
}

fn surprise_of_run(expected: RunState, outcome: &Outcome) -> Option<String> {
    match &outcome.ending {
        Ending::Ended if outcome.run.state == expected => None,
        Ending::Ended => Some(format!("it ended as {}{}", outcome.run.state, culprits(outcome))),
        Ending::OutOfTime => Some(format!("it took more of its own time than --max-time allows{}", waiting(outcome))),
        Ending::TooSlow => Some(format!("it took more real time than --max-real-time allows{}", waiting(outcome))),
        Ending::Refused(why) => Some(format!("what --answer says is refused: {why}")),
        Ending::Stuck => Some(format!("nothing more happens in it by itself{}", waiting(outcome))),
    }
}

/// The tasks that failed, a few of them.
fn culprits(outcome: &Outcome) -> String {
    named(": failed ", outcome, |state| state == TaskInstanceState::Failed)
}

/// The tasks that have begun and not ended, a few of them.
fn waiting(outcome: &Outcome) -> String {
    named(": waiting ", outcome, |state| state.terminal().is_none() && state != TaskInstanceState::None)
}

fn named(lead: &str, outcome: &Outcome, is_one: impl Fn(TaskInstanceState) -> bool) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = outcome.tasks.iter().filter(|task| is_one(task.state())).map(Played::name).collect();
    match names.len() {
        0 => String::new(),
        1..=SHOWN => format!("{lead}{}", names.join(", ")),
        all => format!("{lead}{} and {} more", names[..SHOWN].join(", "), all - SHOWN),
    }
}

/// The task instances that an expectation is about.
fn instances<'o>(which: &Which, outcome: &'o Outcome) -> Vec<&'o Played> {
    outcome.tasks.iter().filter(|task| which.is((task.task(), task.map_index()))).collect()
}

fn surprise_of_state(tasks: &[&Played], expected: TaskInstanceState) -> Option<String> {
    if !tasks.is_empty() && tasks.iter().all(|task| task.state() == expected) {
        return None;
    }
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for task in tasks {
        *found.entry(task.state().as_str()).or_default() += 1;
    }
    let found: Vec<String> = match tasks {
        [] => return Some("there is no such instance".to_owned()),
        [task] => vec![task.state().to_string()],
        _ => found.into_iter().map(|(state, number)| format!("{state} ×{number}")).collect(),
    };
    Some(format!("it ended as {}", found.join(", ")))
}

fn surprise_of_result(which: &Which, tasks: &[&Played], expected: &Value) -> Option<String> {
    let found = match tasks {
        [] => return Some("there is no such instance".to_owned()),
        [task] if which.map_index.is_some() || task.map_index().is_none() => match &task.result {
            Some(value) => value.clone(),
            None => return Some(format!("it returned nothing and is {}", task.state())),
        },
        mapped => {
            let live = mapped.iter().filter(|task| task.state() != TaskInstanceState::Removed);
            live.map(|task| task.result.clone().unwrap_or_default()).collect()
        }
    };
    (!same(&found, expected)).then(|| format!("it returned {found}"))
}
