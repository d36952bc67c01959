//! Taking back for which part of its DAG's assets a run was.

use flow_model::ids::{DagId, RunId, TenantId};
use flow_model::rest::clearing::{ClearDagRun, ClearPartitions, ClearedPartitions};
use flow_model::rest::dag_runs::DagRunFilter;
use flow_model::rest::{PageRequest, Scope};
use flow_store::run;
use serde_json::json;

use crate::audit;
use crate::clearing::Cleared;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

/// The most runs that one request is about.
const MAX_RUNS: u32 = 1_000;

impl LocalBroker {
    /// Makes runs be for no part of their DAG's assets, and runs their task instances again if that is wanted; or says how
    /// many those would be.
    pub async fn clear_partitions(
        &self,
        actor: &Actor,
        dag: &DagId,
        body: ClearPartitions,
    ) -> Result<ClearedPartitions, ServiceError> {
        let dry_run = body.dry_run;
        let clears = body.clear_task_instances;
        let runs = self.partitioned(&actor.tenant, dag, body).await?;
        let mut done = ClearedPartitions { dag_runs_cleared: 0, task_instances_cleared: 0, dry_run };
        for run_id in runs {
            if clears {
                done.task_instances_cleared += self.clear_all(actor, dag, &run_id, dry_run).await?;
            }
            if !dry_run {
                let (mut tx, row) = self.locked_run("clear partition", &actor.tenant, dag, &run_id).await?;
                run::forget_partition(&mut tx, &actor.tenant, row.key).await?;
                let extra = json!({"clear_task_instances": clears});
                audit::note_run(&mut tx, actor, self.now(), "clear_partition", (dag, &run_id), &extra)?;
                tx.commit().await?;
            }
            done.dag_runs_cleared += 1;
        }
        Ok(done)
    }

    /// The runs that are meant, as far as they are for a part.
    async fn partitioned(
        &self,
        tenant: &TenantId,
        dag: &DagId,
        body: ClearPartitions,
    ) -> Result<Vec<RunId>, ServiceError> {
        let filter = match (body.run_id, body.partition_key) {
            (Some(run), None) => {
                let run = self.run(tenant, dag, &run).await?;
                return Ok(run.partition_key.map(|_| run.dag_run_id).into_iter().collect());
            }
            (None, Some(key)) => DagRunFilter { partition_key: Some(key), ..DagRunFilter::default() },
            (None, None) | (Some(_), Some(_)) => {
                return Err(ServiceError::invalid("the body", "give either a `run_id` or a `partition_key`"));
            }
        };
        let scope = Scope { dag: Some(dag.clone()), ..Scope::default() };
        let page = PageRequest { limit: MAX_RUNS, ..PageRequest::default() };
        let found = self.runs(tenant, &scope, &filter, &page).await?.entries;
        Ok(found.into_iter().map(|run| run.dag_run_id).collect())
    }

    /// Runs all of a run again, and answers how many task instances that are.
    async fn clear_all(&self, actor: &Actor, dag: &DagId, run: &RunId, dry_run: bool) -> Result<u64, ServiceError> {
        let count = match self.clear_run(actor, dag, run, ClearDagRun::default()).await? {
            Cleared::Rehearsed(instances) => instances.len() as u64,
            Cleared::Found(_) | Cleared::Done(_) => 0,
        };
        if !dry_run {
            self.clear_run(actor, dag, run, ClearDagRun { dry_run, ..ClearDagRun::default() }).await?;
        }
        Ok(count)
    }
}
