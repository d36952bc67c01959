//! `/api/v2/jobs`: the processes that schedule and run work.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ids::{DagId, JobId};
use crate::time::Millis;

/// A process that schedules or runs work, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Always null: jobs serve every DAG.
    pub dag_id: Option<DagId>,
    /// Always null.
    pub dag_display_name: Option<String>,
    /// `running`, `success` or `failed`.
    pub state: Option<String>,
    /// What it does, such as `SchedulerJob`.
    pub job_type: Option<String>,
    /// When it began.
    pub start_date: Option<Millis>,
    /// When it ended.
    pub end_date: Option<Millis>,
    /// When it was last heard of.
    pub latest_heartbeat: Option<Millis>,
    /// Always null.
    pub executor_class: Option<String>,
    /// On which machine it is.
    pub hostname: Option<String>,
    /// Always null.
    pub unixname: Option<String>,
}

/// Which jobs are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
pub struct JobFilter {
    /// That run and were heard of lately, or the others.
    pub is_alive: Option<bool>,
    /// In this state.
    pub job_state: Option<String>,
    /// That do this.
    pub job_type: Option<String>,
    /// On this machine.
    pub hostname: Option<String>,
    /// Begun at this instant or later.
    #[param(value_type = Option<String>)]
    pub start_date_gte: Option<Millis>,
    /// Begun after this instant.
    #[param(value_type = Option<String>)]
    pub start_date_gt: Option<Millis>,
    /// Begun at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub start_date_lte: Option<Millis>,
    /// Begun before this instant.
    #[param(value_type = Option<String>)]
    pub start_date_lt: Option<Millis>,
    /// Ended at this instant or later.
    #[param(value_type = Option<String>)]
    pub end_date_gte: Option<Millis>,
    /// Ended after this instant.
    #[param(value_type = Option<String>)]
    pub end_date_gt: Option<Millis>,
    /// Ended at this instant or earlier.
    #[param(value_type = Option<String>)]
    pub end_date_lte: Option<Millis>,
    /// Ended before this instant.
    #[param(value_type = Option<String>)]
    pub end_date_lt: Option<Millis>,
}
