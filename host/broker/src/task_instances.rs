//! Task instances and their tries, as people read them.

use flow_model::admission::DEFAULT_POOL;
use flow_model::dag::DagSpec;
use flow_model::ids::{DagId, DagVersionId, RunId, TaskId, TenantId};
use flow_model::rest::task_instances::{TaskInstance, TaskInstanceFilter, TaskTry};
use flow_model::rest::task_traits::TaskTraits;
use flow_model::rest::{Page, PageRequest, Scope};
use flow_store::task_instance::TaskKey;
use flow_store::{Session, StoreError, dag_version, view};

use crate::dag_runs::{check_scope, known_run};
use crate::error::ServiceError;
use crate::local::{Inner, LocalBroker};

impl LocalBroker {
    /// The task instances in `scope` that match `filter`.
    pub async fn task_instances(
        &self,
        tenant: &TenantId,
        scope: &Scope,
        filter: &TaskInstanceFilter,
        page: &PageRequest,
    ) -> Result<Page<TaskInstance>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        check_scope(&mut db, tenant, scope).await?;
        let alike = alike(&mut db, tenant, scope, &filter.traits).await?;
        let filter = &TaskInstanceFilter { alike, ..filter.clone() };
        let mut found = view::task_instances::list(&mut db, tenant, scope, filter, page).await?;
        let tries: Vec<&mut TaskTry> = found.entries.iter_mut().map(|instance| &mut instance.last_try).collect();
        self.inner.complete(&mut db, tenant, tries).await?;
        Ok(found)
    }

    /// The instances of a mapped task of a run that match `filter`, in map order.
    pub async fn mapped_instances(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: &TaskId,
        (filter, page): (TaskInstanceFilter, &PageRequest),
    ) -> Result<Page<TaskInstance>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let row = known_run(&mut db, tenant, run.0, run.1).await?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        let is_mapped = version.graph.find(task).is_some_and(|index| version.graph.mapping(index).is_some());
        drop(db);
        if !is_mapped {
            return Err(ServiceError::not_found("mapped task", task));
        }
        let scope = Scope { dag: Some(run.0.clone()), run: Some(run.1.clone()), task: Some(task.clone()) };
        self.task_instances(tenant, &scope, &TaskInstanceFilter { is_mapped: true, ..filter }, page).await
    }

    /// One task instance.
    pub async fn task_instance(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
    ) -> Result<TaskInstance, ServiceError> {
        let mut db = self.inner.store.read().await?;
        self.inner.known_task(&mut db, tenant, run, task).await.map(|(_, instance)| instance)
    }

    /// The tries of a task instance, the present or last one included, in order.
    pub async fn task_instance_tries(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
    ) -> Result<Page<TaskTry>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (key, instance) = self.inner.known_task(&mut db, tenant, run, task).await?;
        let mut entries = view::task_tries::past(&mut db, tenant, key).await?;
        self.inner.complete(&mut db, tenant, &mut entries).await?;
        // A try that is over and awaits another stands among the past ones already.
        let last = instance.last_try;
        if entries.last().is_none_or(|past| past.try_number < last.try_number) {
            entries.push(last);
        }
        Ok(Page { total: entries.len() as u64, entries })
    }

    /// One try of a task instance.
    pub async fn task_instance_try(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
        number: u32,
    ) -> Result<TaskTry, ServiceError> {
        let tries = self.task_instance_tries(tenant, run, task).await?;
        let found = tries.entries.into_iter().find(|one| one.try_number == number);
        found.ok_or_else(|| ServiceError::not_found("try", number))
    }
}

impl Inner {
    /// A task instance, which must be the tenant's, and its place in the store.
    pub(crate) async fn known_task(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        (dag, run): (&DagId, &RunId),
        (task, map_index): (&TaskId, Option<u32>),
    ) -> Result<(TaskKey, TaskInstance), ServiceError> {
        let row = known_run(db, tenant, dag, run).await?;
        let version = self.engine.versions.get(db, tenant, row.version).await?;
        let absent = || ServiceError::not_found("task instance", named(task, map_index));
        let index = version.graph.find(task).ok_or_else(absent)?;
        let key = TaskKey { run: row.key, task: index, map_index };
        let is_mapped = map_index.is_none() && version.graph.mapping(index).is_some();
        let absent = || if is_mapped { ServiceError::is_mapped(task) } else { absent() };
        let mut instance = view::task_instances::get(db, tenant, key).await?.ok_or_else(absent)?;
        self.complete(db, tenant, [&mut instance.last_try]).await?;
        Ok((key, instance))
    }

    /// Adds what the version of a try's run says of its task.
    pub(crate) async fn complete<'t>(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        tries: impl IntoIterator<Item = &'t mut TaskTry>,
    ) -> Result<(), StoreError> {
        for one in tries {
            let Some(id) = one.dag_version.as_ref().map(|version| version.id) else { continue };
            let version = self.engine.versions.get(db, tenant, id).await?;
            one.dag_display_name = version.graph.spec().shown_name();
            let Some(index) = version.graph.find(&one.task_id) else { continue };
            let task = version.graph.task(index);
            let operator = task.operator();
            one.task_display_name = task.shown_name();
            (one.operator, one.operator_name) = (Some(operator.clone()), Some(operator));
            one.pool = task.pool.as_ref().map_or_else(|| DEFAULT_POOL.to_owned(), ToString::to_string);
            one.pool_slots = task.pool_slots;
            one.priority_weight = Some(version.priority(index).into());
        }
        Ok(())
    }
}

/// The tasks in `scope` that are like `traits`, by the versions of their DAGs; `None` if all are.
async fn alike(
    db: &mut Session,
    tenant: &TenantId,
    scope: &Scope,
    traits: &TaskTraits,
) -> Result<Option<Vec<(DagVersionId, TaskId)>>, ServiceError> {
    if traits.is_met_by_all() {
        return Ok(None);
    }
    let version = match (&scope.dag, &scope.run) {
        (Some(dag), Some(run)) => Some(known_run(db, tenant, dag, run).await?.version),
        (Some(_) | None, None) | (None, Some(_)) => None,
    };
    let mut alike = Vec::new();
    for (id, spec) in dag_version::specs(db, tenant, scope.dag.as_ref(), version).await? {
        let spec: DagSpec = serde_json::from_str(&spec)
            .map_err(|error| StoreError::Inconsistent { column: "dag_version.spec", reason: error.to_string() })?;
        alike.extend(traits.among(&spec).map(|task| (id, task.task_id.clone())));
    }
    Ok(Some(alike))
}

fn named(task: &TaskId, map_index: Option<u32>) -> String {
    match map_index {
        Some(index) => format!("{task}[{index}]"),
        None => task.to_string(),
    }
}
