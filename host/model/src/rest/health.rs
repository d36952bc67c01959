//! `/api/v2/monitor/health`

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Millis;

/// How the host's parts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The database.
    pub metadatabase: DatabaseHealth,
    /// What makes scheduled runs and notices lost workers.
    pub scheduler: SchedulerHealth,
    /// Nothing is deferred, so there is none.
    pub triggerer: TriggererHealth,
    /// Modules are parsed by workers, so there is none.
    pub dag_processor: DagProcessorHealth,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It does its work.
    Healthy,
    /// It cannot be reached, or was not heard of for too long.
    Unhealthy,
}

/// How the database is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseHealth {
    /// Whether it answers.
    pub status: Option<HealthStatus>,
}

/// How the scheduler is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SchedulerHealth {
    /// Whether it was heard of lately.
    pub status: Option<HealthStatus>,
    /// When it was last heard of.
    pub latest_scheduler_heartbeat: Option<Millis>,
}

/// Always null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriggererHealth {
    /// Always null.
    pub status: Option<HealthStatus>,
    /// Always null.
    pub latest_triggerer_heartbeat: Option<Millis>,
}

/// Always null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagProcessorHealth {
    /// Always null.
    pub status: Option<HealthStatus>,
    /// Always null.
    pub latest_dag_processor_heartbeat: Option<Millis>,
}
