//! Runs: triggering, ending and deleting them, and waiting for their end.

use std::time::Duration;

use flow_model::advance::EndOfRun;
use flow_model::ids::{DagId, RunId, TenantId};
use flow_model::rest::Change as Edit;
use flow_model::rest::dag_runs::{DagRun, DagRunPatch, RunTarget, TriggerDagRun};
use flow_model::run::{RunType, may_delete};
use flow_model::state::{RunState, Terminal};
use flow_store::run;
use flow_store::run::RunRow;
use flow_store::{Session, StoreError, Tx};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::admission;
use crate::audit;
use crate::engine::Written;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::plan::Plan;
use crate::reshape::{instances, reshape};
use crate::triggers::edited_note;

/// How often a waiter looks without a hint: another node may have ended the run.
const LOOK: Duration = Duration::from_secs(1);

impl LocalBroker {
    /// Starts a run.
    pub async fn trigger_run(&self, actor: &Actor, dag: &DagId, body: TriggerDagRun) -> Result<DagRun, ServiceError> {
        self.trigger_run_as(actor, dag, body, RunType::Manual).await
    }

    pub(crate) async fn trigger_run_as(
        &self,
        actor: &Actor,
        dag: &DagId,
        body: TriggerDagRun,
        run_type: RunType,
    ) -> Result<DagRun, ServiceError> {
        let run_id = self.start_run_as(actor, dag, body, run_type).await?;
        self.run(&actor.tenant, dag, &run_id).await
    }

    /// Ends a run, lets it go on, or changes its note.
    pub async fn patch_run(
        &self,
        actor: &Actor,
        dag: &DagId,
        run_id: &RunId,
        patch: DagRunPatch,
    ) -> Result<DagRun, ServiceError> {
        let (mut tx, row) = self.locked_run("patch run", &actor.tenant, dag, run_id).await?;
        let key = row.key;
        let mut written = Written::default();
        if let Some(target) = patch.state {
            written = self.retarget(&mut tx, row, target).await?;
        }
        match patch.note {
            Edit::Keep => {}
            Edit::To(note) => {
                let note = edited_note(note)?;
                run::set_note(&mut tx, &actor.tenant, key, note.as_deref()).await?;
            }
        }
        audit::note_run(&mut tx, actor, self.now(), "patch_dag_run", (dag, run_id), &json!({"state": patch.state}))?;
        self.conclude(tx, written).await?;
        self.run(&actor.tenant, dag, run_id).await
    }

    async fn retarget(&self, db: &mut Session, row: RunRow, target: RunTarget) -> Result<Written, ServiceError> {
        let now = self.now();
        let change = |plan: &mut Plan<'_>, key| -> Result<(), ServiceError> {
            let others = instances(plan, key, |state| state.terminal() != Some(Terminal::Success));
            let ended = instances(plan, key, |state| state.terminal().is_some_and(|how| how != Terminal::Success));
            match target {
                RunTarget::Failed | RunTarget::Success => plan.ended_by_user(),
                RunTarget::Queued => {}
            }
            let Some(progress) = plan.progress(key) else { return Ok(()) };
            match target {
                RunTarget::Failed => progress.end(EndOfRun::Stopped, now),
                RunTarget::Success => progress.mark(&others, Terminal::Success, now)?,
                RunTarget::Queued => progress.clear(&ended, now)?,
            }
            Ok(())
        };
        reshape(db, &self.inner.engine, row, Box::new(change)).await
    }

    /// Deletes a run with its task instances, results and logs.
    pub async fn delete_run(&self, actor: &Actor, dag: &DagId, run_id: &RunId) -> Result<(), ServiceError> {
        let (mut tx, row) = self.locked_run("delete run", &actor.tenant, dag, run_id).await?;
        if !may_delete(row.state) {
            let reason = "it is running; mark it as failed first";
            return Err(ServiceError::conflict(format!("DAG run {:?}", run_id.as_str()), reason));
        }
        run::delete(&mut tx, &actor.tenant, &[row.key]).await?;
        audit::note_run(&mut tx, actor, self.now(), "delete_dag_run", (dag, run_id), &Value::Null)?;
        Ok(tx.commit().await?)
    }

    /// The state of a run once it has ended, or after `at_most`.
    pub async fn wait_run(
        &self,
        tenant: &TenantId,
        dag: &DagId,
        run_id: &RunId,
        at_most: Duration,
    ) -> Result<RunState, ServiceError> {
        let deadline = Instant::now() + at_most;
        // Watching begins before the first look, so that nothing happens unseen in between.
        let mut events = self.state_events(tenant);
        loop {
            let found = run::find(&mut self.inner.store.read().await?, tenant, dag, run_id).await?;
            let state = found.ok_or_else(|| ServiceError::not_found("DAG run", run_id))?.state;
            if state.is_terminal() || Instant::now() >= deadline {
                return Ok(state);
            }
            let look = deadline.min(Instant::now() + LOOK);
            let ended = async { while !events.next().await.is_some_and(|event| event.ends(dag, run_id)) {} };
            // Either way the next thing is a look at the store.
            drop(tokio::time::timeout_at(look, ended).await);
        }
    }

    /// A run, locked within a transaction that begins here.
    pub(crate) async fn locked_run(
        &self,
        name: &'static str,
        tenant: &TenantId,
        dag: &DagId,
        run_id: &RunId,
    ) -> Result<(Tx, RunRow), ServiceError> {
        let mut tx = self.inner.store.begin(name).await?;
        let found = run::lock(&mut tx, tenant, dag, run_id).await?;
        Ok((tx, found.ok_or_else(|| ServiceError::not_found("DAG run", run_id))?))
    }

    /// Ends a transaction: lets begin who may after what it has written, commits, and tells everybody what it has brought.
    pub(crate) async fn conclude(&self, mut tx: Tx, mut written: Written) -> Result<(), StoreError> {
        admission::settle(&mut tx, &self.inner.engine, &mut written).await?;
        tx.commit().await?;
        if written.offers {
            self.inner.committer.stocked();
        }
        self.inner.engine.told(written);
        Ok(())
    }
}
