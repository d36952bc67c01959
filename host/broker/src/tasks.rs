//! The tasks of a DAG's present version, as people read them.

use std::time::Duration;

use flow_model::admission::DEFAULT_POOL;
use flow_model::graph::{Graph, TaskIndex};
use flow_model::ids::{DagId, ModuleName, TaskId, TenantId};
use flow_model::rest::Page;
use flow_model::rest::tasks::{ClassRef, Task};

use crate::dags::known_dag;
use crate::error::ServiceError;
use crate::local::LocalBroker;

impl LocalBroker {
    /// All tasks of a DAG, by id; in descending order if `order_by` is `-task_id`.
    pub async fn tasks(
        &self,
        tenant: &TenantId,
        dag: &DagId,
        order_by: Option<&str>,
    ) -> Result<Page<Task>, ServiceError> {
        let descending = match order_by {
            None | Some("task_id") => false,
            Some("-task_id") => true,
            Some(other) => {
                let reason = format!("cannot sort by {other:?}; sort by one of: task_id");
                return Err(ServiceError::invalid("order_by", reason));
            }
        };
        let mut db = self.inner.store.read().await?;
        let row = known_dag(&mut db, tenant, dag).await?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        let graph = &version.graph;
        let mut entries: Vec<Task> = graph.tasks().map(|task| shown(graph, task, &row.module)).collect();
        entries.sort_by(|a, b| a.task_id.cmp(&b.task_id));
        if descending {
            entries.reverse();
        }
        Ok(Page { total: entries.len() as u64, entries })
    }

    /// One task of a DAG.
    pub async fn task(&self, tenant: &TenantId, dag: &DagId, task: &TaskId) -> Result<Task, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let row = known_dag(&mut db, tenant, dag).await?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        let index = version.graph.find(task).ok_or_else(|| ServiceError::not_found("task", task))?;
        Ok(shown(&version.graph, index, &row.module))
    }
}

fn shown(graph: &Graph, index: TaskIndex, module: &ModuleName) -> Task {
    let (dag, task) = (graph.spec(), graph.task(index));
    let ids = |tasks: &[TaskIndex]| tasks.iter().map(|&task| graph.task(task).task_id.clone()).collect();
    let operator = task.operator();
    Task {
        task_id: task.task_id.clone(),
        task_display_name: task.shown_name(),
        owner: task.owner.clone().or_else(|| dag.owner.clone()),
        start_date: dag.start_date,
        end_date: dag.end_date,
        trigger_rule: task.trigger_rule,
        depends_on_past: task.depends_on_past,
        wait_for_downstream: task.wait_for_downstream,
        retries: task.retries,
        queue: Some("default".to_owned()),
        pool: task.pool.as_ref().map_or_else(|| DEFAULT_POOL.to_owned(), ToString::to_string),
        pool_slots: task.pool_slots,
        execution_timeout: task.execution_timeout_ms.map(|limit| Duration::from_millis(limit).into()),
        retry_delay: task.retry_delay().into(),
        retry_exponential_backoff: task.retry_exponential_backoff,
        priority_weight: task.priority_weight,
        weight_rule: Some(task.weight_rule),
        ui_color: None,
        ui_fgcolor: None,
        template_fields: Vec::new(),
        upstream_task_ids: ids(graph.upstream(index)),
        downstream_task_ids: ids(graph.downstream(index)),
        doc_md: task.doc_md.clone(),
        class_ref: ClassRef { module_path: module.clone(), class_name: operator.clone() },
        operator_name: Some(operator),
        params: dag.params.clone(),
        is_mapped: task.mapped().is_some(),
        has_outlets: !task.outlets.is_empty(),
        extra_links: Vec::new(),
        uses: dag.uses.union(&task.uses),
    }
}
