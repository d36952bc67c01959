//! Rehearsals: a DAG goes on with the runs that somebody asks for, and begins none because its schedule says so.

use flow_model::ids::DagId;
use flow_store::{dag, work};
use serde_json::json;

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

impl LocalBroker {
    /// Lets a DAG go on without its schedule, until it is unpaused as usual.
    pub async fn rehearse_dag(&self, actor: &Actor, id: &DagId) -> Result<(), ServiceError> {
        let mut tx = self.inner.store.begin("rehearse DAG").await?;
        let found = dag::lock(&mut tx, &actor.tenant, id).await?;
        let mut row = found.ok_or_else(|| ServiceError::not_found("DAG", id))?;
        row.is_paused = false;
        row.next = None;
        dag::put(&mut tx, &row).await?;
        // Its timetable may be being asked; nobody waits for the answer any more.
        work::forget_timetable(&mut tx, &actor.tenant, id).await?;
        audit::note(&mut tx, actor, self.now(), "rehearse_dag", &json!({"dag_id": id}))?;
        Ok(tx.commit().await?)
    }
}
