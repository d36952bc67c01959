//! DAGs: pausing, letting go on, deleting.

use flow_model::ids::{DagId, TenantId};
use flow_model::rest::dags::{Dag, DagPatch};
use flow_model::state::RunState;
use flow_store::dag::DagRow;
use flow_store::{Tx, backfill, dag, dag_version, run};
use serde_json::json;

use crate::assets;
use crate::audit;
use crate::engine::Written;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::room::begin_waiting;
use crate::timetables::plan_next;

/// How many runs are deleted between two looks.
const ROUND: u32 = 128;

impl LocalBroker {
    /// Pauses a DAG or lets it go on. While it is paused none of its runs begins; those that have begun go on.
    pub async fn patch_dag(&self, actor: &Actor, id: &DagId, patch: DagPatch) -> Result<Dag, ServiceError> {
        let now = self.now();
        let (mut tx, mut row) = self.locked_dag("patch DAG", &actor.tenant, id).await?;
        row.is_paused = patch.is_paused;
        row.next = None;
        let mut asked = false;
        if !patch.is_paused && !row.is_stale {
            let version = self.inner.engine.versions.get(&mut tx, &actor.tenant, row.version).await?;
            let last = run::last_scheduled(&mut tx, &actor.tenant, id).await?;
            asked = plan_next(&mut tx, &self.inner.engine, (&mut row, &version), last, now).await?;
        }
        dag::put(&mut tx, &row).await?;
        if !patch.is_paused {
            assets::wake(&mut tx, &actor.tenant, id, now).await?;
        }
        let mut written = Written::default();
        if !patch.is_paused {
            (written, _) = begin_waiting(&mut tx, &self.inner.engine, &actor.tenant, id).await?;
            (written.room.waits, written.room.backfills) = (true, true);
        }
        written.offers |= asked;
        audit::note(&mut tx, actor, now, "patch_dag", &json!({"dag_id": id, "is_paused": patch.is_paused}))?;
        self.conclude(tx, written).await?;
        self.inner.engine.due.notify_one();
        self.dag(&actor.tenant, id).await
    }

    /// Deletes a DAG with all its runs. It comes back when its module is uploaded again.
    pub async fn delete_dag(&self, actor: &Actor, id: &DagId) -> Result<(), ServiceError> {
        let tenant = &actor.tenant;
        let (mut tx, mut row) = self.locked_dag("delete DAG", tenant, id).await?;
        let running = run::counts(&mut tx, tenant, id).await?;
        if running.iter().any(|(state, _)| *state == RunState::Running) {
            let reason = "runs of it have not ended; wait for them or mark them as failed";
            return Err(ServiceError::conflict(format!("DAG {:?}", id.as_str()), reason));
        }
        // From here on it gets no more runs, however long deleting takes.
        row.is_stale = true;
        row.next = None;
        dag::put(&mut tx, &row).await?;
        tx.commit().await?;
        loop {
            let mut tx = self.inner.store.begin("delete runs of DAG").await?;
            let runs = run::some_of_dag(&mut tx, tenant, id, ROUND).await?;
            if runs.is_empty() {
                assets::forget(&mut tx, tenant, id, self.now()).await?;
                dag::delete(&mut tx, tenant, id).await?;
                dag_version::delete(&mut tx, tenant, id).await?;
                backfill::delete_of_dag(&mut tx, tenant, id).await?;
                audit::note(&mut tx, actor, self.now(), "delete_dag", &json!({"dag_id": id}))?;
                return Ok(tx.commit().await?);
            }
            run::delete(&mut tx, tenant, &runs).await?;
            tx.commit().await?;
        }
    }

    async fn locked_dag(
        &self,
        name: &'static str,
        tenant: &TenantId,
        id: &DagId,
    ) -> Result<(Tx, DagRow), ServiceError> {
        let mut tx = self.inner.store.begin(name).await?;
        let found = dag::lock(&mut tx, tenant, id).await?;
        Ok((tx, found.ok_or_else(|| ServiceError::not_found("DAG", id))?))
    }
}
