//! `…/taskInstances/{task_id}/{map_index}/hitlDetails`: questions to people, and their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::task_instances::{TaskInstance, TaskTry};
use crate::human_input::Respondent;
use crate::params::Params;
use crate::state::TaskInstanceState;
use crate::time::Millis;

/// What a person is asked, and what he answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlQuestion {
    /// The question in a line.
    pub subject: String,
    /// The question in Markdown.
    pub body: Option<String>,
    /// What can be answered.
    pub options: Vec<String>,
    /// What counts as the answer if nobody answers in time.
    pub defaults: Option<Vec<String>>,
    /// Whether several options may be chosen.
    pub multiple: bool,
    /// Further fields by name, each with its default, its description and its JSON Schema.
    #[schema(value_type = Object)]
    pub params: Params,
    /// Who may answer; any operator if empty.
    pub assigned_users: Vec<Respondent>,
    /// When it was asked.
    pub created_at: Millis,
    /// By when it has to be answered; null for as long as it takes.
    pub response_timeout_at: Option<Millis>,
    /// Whether it has an answer.
    pub response_received: bool,
    /// Who answered; null while nobody has, and where the defaults count.
    pub responded_by_user: Option<Respondent>,
    /// When.
    pub responded_at: Option<Millis>,
    /// The options that were chosen.
    pub chosen_options: Option<Vec<String>>,
    /// The further fields of the answer, by name.
    #[schema(value_type = Object)]
    pub params_input: BTreeMap<String, Value>,
}

/// A question, and the task instance that asks it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlDetail {
    /// The question.
    #[serde(flatten)]
    pub question: HitlQuestion,
    /// The task instance.
    pub task_instance: TaskInstance,
}

/// A question, and the try at which it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlTry {
    /// The question.
    #[serde(flatten)]
    pub question: HitlQuestion,
    /// The try.
    pub task_instance: TaskTry,
}

/// An answer that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HitlResponse {
    /// Who answered.
    pub responded_by: Option<Respondent>,
    /// When.
    pub responded_at: Millis,
    /// The options that were chosen.
    pub chosen_options: Vec<String>,
    /// The further fields, by name; those that were left out with their defaults.
    #[schema(value_type = Object)]
    pub params_input: BTreeMap<String, Value>,
}

/// Which questions are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct HitlFilter {
    /// Of a DAG whose id matches this SQL `LIKE` pattern.
    pub dag_id_pattern: Option<String>,
    /// Of a DAG whose id begins with this.
    pub dag_id_prefix_pattern: Option<String>,
    /// Of the task with this id.
    pub task_id: Option<String>,
    /// Of a task whose id matches this SQL `LIKE` pattern.
    pub task_id_pattern: Option<String>,
    /// Of a task whose id begins with this.
    pub task_id_prefix_pattern: Option<String>,
    /// With one of these map indices; -1 for a task that is not mapped.
    pub map_index: Vec<i64>,
    /// Of task instances in one of these states; `awaiting_input` for those that can be answered.
    #[param(inline)]
    pub state: Vec<TaskInstanceState>,
    /// Whether there is an answer.
    pub response_received: Option<bool>,
    /// Answered by one of these users.
    pub responded_by_user_id: Vec<String>,
    /// The same.
    pub responded_by_user_name: Vec<String>,
    /// Whose subject matches this SQL `LIKE` pattern.
    pub subject_search: Option<String>,
    /// Whose body matches this SQL `LIKE` pattern.
    pub body_search: Option<String>,
    /// Asked at this instant or later.
    #[param(value_type = Option<String>)]
    pub created_at_gte: Option<Millis>,
    /// Asked after this instant.
    #[param(value_type = Option<String>)]
    pub created_at_gt: Option<Millis>,
    /// Asked at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub created_at_lte: Option<Millis>,
    /// Asked before this instant.
    #[param(value_type = Option<String>)]
    pub created_at_lt: Option<Millis>,
}
