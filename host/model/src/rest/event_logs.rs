//! `/api/v2/eventLogs`: who did what.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::time::Millis;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventLog {
    /// Its number; later events have higher ones.
    pub event_log_id: i64,
    /// When it happened.
    pub when: Millis,
    /// What happened, such as `post_variable`.
    pub event: String,
    /// Who did it.
    pub owner: String,
    /// The DAG it happened to.
    pub dag_id: Option<String>,
    /// That DAG's display name, which is its id.
    pub dag_display_name: Option<String>,
    /// The run it happened to.
    pub run_id: Option<String>,
    /// The task it happened to.
    pub task_id: Option<String>,
    /// That task's display name, which is its id.
    pub task_display_name: Option<String>,
    /// The mapped instance it happened to.
    pub map_index: Option<i64>,
    /// The try it happened to.
    pub try_number: Option<u32>,
    /// Always null; runs are found by their id.
    pub logical_date: Option<Millis>,
    /// What else belongs to it: one JSON object as text, without secrets.
    pub extra: Option<String>,
}

/// Which events are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
pub struct EventLogFilter {
    /// Of this DAG.
    pub dag_id: Option<String>,
    /// Of this run.
    pub run_id: Option<String>,
    /// Of this task.
    pub task_id: Option<String>,
    /// Of this mapped instance.
    pub map_index: Option<i64>,
    /// Of this try.
    pub try_number: Option<u32>,
    /// By this owner.
    pub owner: Option<String>,
    /// Of this kind.
    pub event: Option<String>,
    /// Of one of these kinds; of any, if empty.
    pub included_events: Vec<String>,
    /// Of none of these kinds.
    pub excluded_events: Vec<String>,
    /// Of DAGs whose ids match this SQL `LIKE` pattern.
    pub dag_id_pattern: Option<String>,
    /// Of DAGs whose ids begin with this.
    pub dag_id_prefix_pattern: Option<String>,
    /// Of runs whose ids match this SQL `LIKE` pattern.
    pub run_id_pattern: Option<String>,
    /// Of runs whose ids begin with this.
    pub run_id_prefix_pattern: Option<String>,
    /// Of tasks whose ids match this SQL `LIKE` pattern.
    pub task_id_pattern: Option<String>,
    /// Of tasks whose ids begin with this.
    pub task_id_prefix_pattern: Option<String>,
    /// By owners whose names match this SQL `LIKE` pattern.
    pub owner_pattern: Option<String>,
    /// By owners whose names begin with this.
    pub owner_prefix_pattern: Option<String>,
    /// Of kinds whose names match this SQL `LIKE` pattern.
    pub event_pattern: Option<String>,
    /// Of kinds whose names begin with this.
    pub event_prefix_pattern: Option<String>,
    /// Before this instant.
    #[param(value_type = Option<String>)]
    pub before: Option<Millis>,
    /// After this instant.
    #[param(value_type = Option<String>)]
    pub after: Option<Millis>,
}
