//! One task now, alone or after all that it depends on: a run of a part of its DAG.

use std::sync::Arc;

use flow_model::graph::{Part, PartError};
use flow_model::ids::{DagVersionId, TenantId};
use flow_model::rest::dag_runs::DagRun;
use flow_model::rest::on_demand::RunTask;
use flow_store::dag_version::{self, VersionRow};
use flow_store::{StoreError, dag};

use crate::engine::Version;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::triggers::{Trigger, checked_note};

impl LocalBroker {
    /// Runs a task in a run of its own. Nothing else of its DAG is part of that, and nothing follows it.
    pub async fn run_task(&self, actor: &Actor, body: RunTask) -> Result<DagRun, ServiceError> {
        let RunTask { dag_id, task_id, with_upstream, dag_run_id, logical_date, conf, note } = body;
        let trigger = Trigger {
            run_id: dag_run_id,
            logical_date,
            conf: conf.map(String::from),
            note: note.map(checked_note).transpose()?,
            user: Some(actor.name.clone()),
            part: Some(Part { task: task_id, with_upstream }),
            ..Trigger::new(dag_id.clone(), actor.by)
        };
        let run = self.trigger(&actor.tenant, trigger).await?;
        self.run(&actor.tenant, &dag_id, &run.run_id).await
    }

    /// A part of a DAG's version, as what a run can have in place of a version.
    pub(crate) async fn part_of(
        &self,
        tenant: &TenantId,
        whole: &Version,
        part: &Part,
    ) -> Result<Arc<Version>, ServiceError> {
        whole.graph.part(part).map_err(refused)?;
        let inconsistent = |reason: String| StoreError::Inconsistent { column: "dag_version.part", reason };
        let text = serde_json::to_string(part).map_err(|error| inconsistent(error.to_string()))?;
        let dag = &whole.graph.spec().dag_id;
        let mut tx = self.inner.store.begin("part of a DAG").await?;
        // With the DAG locked nobody else makes the same part.
        dag::lock(&mut tx, tenant, dag).await?;
        let row = dag_version::find(&mut tx, tenant, whole.id).await?;
        let row = row.ok_or_else(|| inconsistent(format!("there is no version {}", whole.id)))?;
        let id = if let Some(known) = dag_version::of_part(&mut tx, (tenant, dag), row.number, &text).await? {
            known.id
        } else {
            let now = self.now();
            let id = DagVersionId::mint(now, self.inner.random());
            let new = VersionRow { id, part: Some(text), created_at: now, ..row };
            dag_version::insert(&mut tx, &new).await?;
            id
        };
        tx.commit().await?;
        let mut db = self.inner.store.read().await?;
        Ok(self.inner.engine.versions.get(&mut db, tenant, id).await?)
    }
}

fn refused(error: PartError) -> ServiceError {
    match error {
        PartError::UnknownTask(task) => ServiceError::not_found("task", task),
        PartError::MappedOverOthers(_) | PartError::Graph(_) => ServiceError::invalid("task_id", error.to_string()),
    }
}
