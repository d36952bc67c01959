//! Questions to people: whether one makes sense, whether an answer fits it, and what becomes of its task with the answer.
//!
//! Source: Airflow's `HITLOperator` and the operators derived from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::dag::HumanInputSpec;
use crate::params::{self, ParamError, Params};
use crate::time::Millis;
use crate::work::AttemptEnd;

/// What somebody chose, and what he filled in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The options that are chosen, at least one.
    pub chosen_options: Vec<String>,
    /// The further fields, by name; those that are left out have their defaults.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub params_input: BTreeMap<String, Value>,
}

/// Somebody who is asked, or who has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Respondent {
    /// The username.
    pub id: String,
    /// The same.
    pub name: String,
}

impl Respondent {
    /// The user of this name.
    pub fn named(name: &str) -> Self {
        Self { id: name.to_owned(), name: name.to_owned() }
    }
}

/// An answer that counts. As JSON it is what the task gets, or what it returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// The options that were chosen.
    pub chosen_options: Vec<String>,
    /// The further fields, by name.
    #[schema(value_type = Object)]
    pub params_input: BTreeMap<String, Value>,
    /// When.
    pub responded_at: Millis,
    /// Who answered; null if nobody did in time, so that the defaults count.
    pub responded_by_user: Option<Respondent>,
}

/// Why an answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Others are asked.
    #[error("{asked} asked, and nobody else may answer", asked = asked(.0))]
    NotAsked(Vec<String>),
    /// No option is chosen.
    #[error("chosen_options is empty; choose {}", accepted(.0))]
    Nothing(Vec<String>),
    /// Several options are chosen where one is wanted.
    #[error("chosen_options has several options; choose {}", accepted(.0))]
    Several(Vec<String>),
    /// An option is chosen twice.
    #[error("chosen_options has {0:?} twice; choose it once")]
    Twice(String),
    /// There is no such option.
    #[error("chosen_options has {chosen:?}, which is no option; choose {}", accepted(.options))]
    Unknown {
        /// What was chosen.
        chosen: String,
        /// What could have been.
        options: Vec<String>,
    },
    /// There is no such field.
    #[error("params_input has {0:?}, which is not asked for; leave it out")]
    Field(String),
    /// A field does not fit.
    #[error("params_input: {0}")]
    Param(#[from] ParamError),
}

impl AnswerError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAsked(_) => "answer-not-asked",
            Self::Nothing(_) => "answer-empty",
            Self::Several(_) => "answer-several",
            Self::Twice(_) => "answer-twice",
            Self::Unknown { .. } => "answer-unknown",
            Self::Field(_) => "answer-field",
            Self::Param(error) => error.code(),
        }
    }
}

fn asked(users: &[String]) -> String {
    match users {
        [one] => format!("user {one:?} is"),
        users => format!("users {} are", listed(users)),
    }
}

fn accepted(options: &[String]) -> String {
    match options {
        [one] => format!("{one:?}"),
        options => format!("one of {}", listed(options)),
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

const MAX_SUBJECT: usize = 1_000;
const MAX_BODY: usize = 64 << 10;
const MAX_NAME: usize = 250;
/// The most options, and the most users who are asked.
const MAX_EACH: usize = 100;

/// Refuses a question that nobody could answer, or that means two things at once.
pub fn check(form: &HumanInputSpec) -> Result<(), String> {
    if form.subject.is_empty() || form.subject.len() > MAX_SUBJECT || form.subject.contains('\0') {
        return Err(format!("its subject is empty, has more than {MAX_SUBJECT} bytes, or holds a NUL"));
    }
    if form.body.as_ref().is_some_and(|body| body.len() > MAX_BODY || body.contains('\0')) {
        return Err(format!("its body has more than {MAX_BODY} bytes or holds a NUL"));
    }
    if form.options.is_empty() {
        return Err("it has no options; give at least one".to_owned());
    }
    names("options", &form.options)?;
    names("assigned_users", &form.assigned_users)?;
    if form.response_timeout_ms == Some(0) {
        return Err("its response_timeout_ms is 0; leave it out to wait as long as it takes".to_owned());
    }
    if form.approval && (form.branch || form.multiple) {
        return Err(
            "it is an approval, which has one answer and does not branch; leave out branch and multiple".to_owned()
        );
    }
    params::check(&fields(form)?, false).map_err(|error| error.to_string())?;
    let Some(defaults) = &form.defaults else { return Ok(()) };
    choice(form, defaults).map_err(|error| format!("its defaults cannot be an answer: {error}"))
}

fn names(what: &str, names: &[String]) -> Result<(), String> {
    if names.len() > MAX_EACH {
        return Err(format!("it has {} {what}; at most {MAX_EACH} are allowed", names.len()));
    }
    let is_name = |name: &String| (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Err(format!("its {what} hold {name:?}; use 1 to {MAX_NAME} bytes without control characters"));
    }
    match twice(names) {
        Some(name) => Err(format!("its {what} hold {name:?} twice")),
        None => Ok(()),
    }
}

fn twice(names: &[String]) -> Option<&String> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !seen.insert(*name))
}

/// The further fields that a question asks for.
fn fields(form: &HumanInputSpec) -> Result<Params, String> {
    if form.params.is_null() {
        return Ok(Params::new());
    }
    Params::deserialize(&form.params).map_err(|error| format!("its params are not valid: {error}"))
}

/// Whether `user` may answer. Without assignment any user may who may operate the DAG.
fn may_answer(form: &HumanInputSpec, user: &str) -> Result<(), AnswerError> {
    if form.assigned_users.is_empty() || form.assigned_users.iter().any(|assigned| assigned == user) {
        return Ok(());
    }
    Err(AnswerError::NotAsked(form.assigned_users.clone()))
}

/// Takes an answer of `user` at `now`, if it fits the question. What it leaves out has its default.
pub fn accept(form: &HumanInputSpec, user: &str, answer: Answer, now: Millis) -> Result<Answered, AnswerError> {
    may_answer(form, user)?;
    choice(form, &answer.chosen_options)?;
    let fields = fields(form).unwrap_or_default();
    if let Some(unknown) = answer.params_input.keys().find(|name| !fields.contains_key(*name)) {
        return Err(AnswerError::Field(unknown.clone()));
    }
    let given = serde_json::to_string(&answer.params_input).unwrap_or_default();
    params::admit(&fields, Some(&given))?;
    let params_input = filled(fields, answer.params_input);
    let responded_by_user = Some(Respondent::named(user));
    Ok(Answered { chosen_options: answer.chosen_options, params_input, responded_at: now, responded_by_user })
}

/// What counts if nobody has answered by `now`.
pub fn by_default(form: &HumanInputSpec, now: Millis) -> Answered {
    Answered {
        chosen_options: form.defaults.clone().unwrap_or_default(),
        params_input: filled(fields(form).unwrap_or_default(), BTreeMap::new()),
        responded_at: now,
        responded_by_user: None,
    }
}

fn filled(fields: Params, mut given: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for (name, field) in fields {
        given.entry(name).or_insert(field.value);
    }
    given
}

fn choice(form: &HumanInputSpec, chosen: &[String]) -> Result<(), AnswerError> {
    if chosen.is_empty() {
        return Err(AnswerError::Nothing(form.options.clone()));
    }
    if let Some(unknown) = chosen.iter().find(|option| !form.options.contains(option)) {
        return Err(AnswerError::Unknown { chosen: unknown.clone(), options: form.options.clone() });
    }
    if let Some(option) = twice(chosen) {
        return Err(AnswerError::Twice(option.clone()));
    }
    if chosen.len() > 1 && !form.multiple {
        return Err(AnswerError::Several(form.options.clone()));
    }
    Ok(())
}

/// How a task ends that was nothing but the question: chosen tasks go on, or a rejection ends what is downstream.
pub fn outcome(form: &HumanInputSpec, answered: &Answered) -> AttemptEnd {
    let value = serde_json::to_string(answered).ok();
    if form.branch {
        AttemptEnd::Branch { follow: answered.chosen_options.clone(), value }
    } else if form.approval && answered.chosen_options.first() != form.options.first() {
        AttemptEnd::ShortCircuit { value }
    } else {
        AttemptEnd::Success { value }
    }
}

#[cfg(test)]
mod tests;
