//! Answers to what a run asks people, given on the command line in their place.

use flow_broker::{Actor, LocalBroker, ServiceError};
use flow_model::human_input::Answer;
use flow_model::ids::{DagId, RunId};
use flow_model::rest::task_instances::TaskInstanceFilter;
use flow_model::rest::{PageRequest, Scope};
use flow_model::state::TaskInstanceState;

use super::expect::Which;

/// What is answered for a task, as often as it asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    /// Who asks.
    pub(super) which: Which,
    /// What is answered.
    answer: Answer,
}

impl Given {
    /// Reads `TASK=OPTION`, or `TASK={…}` with everything that an answer can hold.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (which, given) = text.split_once('=').ok_or("use TASK=OPTION")?;
        let answer = if given.starts_with('{') {
            serde_json::from_str(given).map_err(|error| format!("the answer to `{which}` is not valid: {error}"))?
        } else {
            Answer { chosen_options: vec![given.to_owned()], ..Answer::default() }
        };
        Ok(Self { which: Which::parse(which)?, answer })
    }
}

/// Answers one of the questions that a run waits with. `false` if there is none with an answer.
pub(super) async fn answer_one(
    broker: &LocalBroker,
    actor: &Actor,
    (dag, run): (&DagId, &RunId),
    answers: &[Given],
) -> Result<bool, ServiceError> {
    if answers.is_empty() {
        return Ok(false);
    }
    let scope = Scope { dag: Some(dag.clone()), run: Some(run.clone()), task: None };
    let filter = TaskInstanceFilter { state: vec![TaskInstanceState::AwaitingInput], ..TaskInstanceFilter::default() };
    let page = PageRequest { limit: 1_000, ..PageRequest::default() };
    let asking = broker.task_instances(&actor.tenant, &scope, &filter, &page).await?.entries;
    for instance in asking {
        let task = (&instance.last_try.task_id, u32::try_from(instance.last_try.map_index).ok());
        let Some(given) = answers.iter().find(|given| given.which.is(task)) else { continue };
        let asked = broker.question(&actor.tenant, (dag, run), task).await?.question.assigned_users;
        let name = asked.into_iter().next().map_or_else(|| actor.name.clone(), |user| user.id);
        let actor = Actor { name, ..actor.clone() };
        broker.answer(&actor, (dag, run), task, given.answer.clone()).await?;
        return Ok(true);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_option_or_all_of_it() {
        let given = Given::parse("release=publish, please").expect("it is an answer");
        assert_eq!(
            (given.which.to_string().as_str(), &given.answer.chosen_options[..]),
            ("release", &["publish, please".to_owned()][..])
        );
        let whole = r#"ask[1]={"chosen_options": ["a", "b"], "params_input": {"copies": 2}}"#;
        let given = Given::parse(whole).expect("it is an answer");
        assert_eq!((given.which.to_string().as_str(), given.answer.chosen_options.len()), ("ask[1]", 2));
        for (bad, part) in [("release", "TASK=OPTION"), ("release={}", "`release`"), ("a b=c", "a b")] {
            let error = Given::parse(bad).expect_err("it is no answer");
            assert!(error.contains(part), "{error}");
        }
    }
}
