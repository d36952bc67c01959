//! The processes that schedule and work, and how the host's parts are.

use std::time::Duration;

use flow_model::rest::health::{
    DagProcessorHealth, DatabaseHealth, Health, HealthStatus, SchedulerHealth, TriggererHealth,
};
use flow_model::rest::jobs::{Job, JobFilter};
use flow_model::rest::{Page, PageRequest};
use flow_model::time::Millis;
use flow_store::{StoreError, job, view};

use crate::error::ServiceError;
use crate::jobs::SCHEDULER;
use crate::local::LocalBroker;

/// How long a job may be silent and count as alive; Airflow's `scheduler_health_check_threshold`.
const SILENCE: Duration = Duration::from_secs(30);

impl LocalBroker {
    /// The jobs that match `filter`. They are the platform's, not a tenant's.
    pub async fn jobs(&self, filter: &JobFilter, page: &PageRequest) -> Result<Page<Job>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(view::jobs::list(&mut db, filter, self.lately(), page).await?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), ServiceError> {
        Ok(self.scheduler_heartbeat().await.map(drop)?)
    }

    /// How the host's parts are. It always answers: a database that does not is part of the answer.
    pub async fn health(&self) -> Health {
        let (database, latest) = match self.scheduler_heartbeat().await {
            Ok(latest) => (HealthStatus::Healthy, latest),
            Err(error) => {
                tracing::warn!(%error, "the database is not healthy");
                (HealthStatus::Unhealthy, None)
            }
        };
        let is_alive = latest.is_some_and(|at| at >= self.lately());
        let scheduler = if is_alive { HealthStatus::Healthy } else { HealthStatus::Unhealthy };
        Health {
            metadatabase: DatabaseHealth { status: Some(database) },
            scheduler: SchedulerHealth { status: Some(scheduler), latest_scheduler_heartbeat: latest },
            triggerer: TriggererHealth::default(),
            dag_processor: DagProcessorHealth::default(),
        }
    }

    async fn scheduler_heartbeat(&self) -> Result<Option<Millis>, StoreError> {
        let mut db = self.inner.store.read().await?;
        job::latest_heartbeat(&mut db, SCHEDULER).await
    }

    /// Since when a job must have been heard of to be alive.
    fn lately(&self) -> Millis {
        self.now().before(SILENCE)
    }
}
