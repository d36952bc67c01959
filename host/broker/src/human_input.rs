//! Answers of people: what a task instance that was waiting for one makes of it.

use flow_model::advance::{Finish, Refusal};
use flow_model::dag::HumanInputSpec;
use flow_model::state::{Admission, TaskEvent};
use flow_model::waiting::Waiting;
use flow_model::work::{AttemptEnd, Resume};
use flow_store::task_instance::TaskKey;
use flow_store::work::WorkRow;
use flow_store::xcom::{NewXcom, RETURN_VALUE};
use serde_json::{Value, json};

use crate::committer::returned;
use crate::plan::Plan;
use crate::retries;

/// What somebody chose.
pub(crate) struct Answer {
    pub(crate) chosen: Vec<String>,
    pub(crate) params: Value,
}

/// Nobody answered in time: what the question says then counts.
pub(crate) fn take_defaults(plan: &mut Plan<'_>, row: &WorkRow, key: TaskKey, form: &HumanInputSpec) {
    let answer = Answer { chosen: form.defaults.clone().unwrap_or_default(), params: json!({}) };
    if let Err(refused) = take(plan, row, key, answer) {
        tracing::error!(%refused, "a task instance refused the default answer");
    }
}

/// Takes an answer: the task goes on with it, or it is the task's result.
pub(crate) fn take(plan: &mut Plan<'_>, row: &WorkRow, key: TaskKey, answer: Answer) -> Result<(), Refusal> {
    let Some(Waiting::Human { form, resume_key, .. }) = plan.row(key).and_then(|task| task.wait.clone()) else {
        return Err(Refusal::NotInMemory(key.instance()));
    };
    let value = json!({"chosen_options": answer.chosen, "params_input": answer.params}).to_string();
    let attempt = row.attempt;
    if let Some(resume_key) = resume_key {
        let resume = Resume { key: resume_key, event: Ok(value) };
        plan.change_row(key, |task| task.wait = Some(Waiting::Over { resume }));
        let admission =
            if plan.admits(key) { Admission::Offered(plan.engine.mint_attempt(plan.now)) } else { Admission::Held };
        return plan.happen(key, &TaskEvent::Resumed { attempt, admission });
    }
    let end = result(&form, &answer, value);
    let next = plan.engine.mint_attempt(plan.now);
    let retry = retries::policy(plan, key, None);
    let finish = Finish { attempt, end: &end, returned: returned(&end), retry, next };
    let failure = plan.finish(key, &finish)?;
    if let (None, Some(value), Ok(name)) = (failure, end.value(), RETURN_VALUE.parse()) {
        plan.put_xcom(NewXcom { tenant: row.tenant.clone(), task: key, key: name, value: value.clone() });
    }
    Ok(())
}

fn result(form: &HumanInputSpec, answer: &Answer, value: String) -> AttemptEnd {
    let value = Some(value);
    if form.branch {
        return AttemptEnd::Branch { follow: answer.chosen.clone(), value };
    }
    if form.approval && answer.chosen.first() != form.options.first() {
        return AttemptEnd::ShortCircuit { value };
    }
    AttemptEnd::Success { value }
}
