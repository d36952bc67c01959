//! The `task-instance` interface: how far a task has come.

use flow_model::call::Reply;
use flow_model::work::AttemptClaims;
use flow_store::task_instance;

use super::fenced;
use crate::error::ServiceError;
use crate::local::LocalBroker;

impl LocalBroker {
    /// `task-instance.heartbeat` with a fraction
    pub(super) async fn progress(&self, claims: &AttemptClaims, fraction: f64) -> Result<Reply, ServiceError> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(ServiceError::invalid("progress", "use a number from 0 to 1"));
        }
        let mut tx = self.inner.store.begin("progress").await?;
        if !task_instance::set_progress(&mut tx, &claims.tenant, claims.attempt, fraction).await? {
            return Err(fenced());
        }
        tx.commit().await?;
        Ok(Reply::Done)
    }
}
