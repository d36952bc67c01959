//! Many runs, or task instances of many tasks, in one request.

use flow_model::ids::{DagId, RunId, TaskId};
use flow_model::rest::bulk::{BulkAction, BulkBody, OnAbsence};
use flow_model::rest::clearing::ClearDagRuns;
use flow_model::rest::dag_runs::{BulkDagRun, DagRunFilter, DagRunName, DagRunPatch};
use flow_model::rest::task_instances::{BulkTaskInstance, TaskInstanceName};
use flow_model::rest::{PageRequest, Scope};
use serde_json::Value;

use super::{ActionOutcome, BulkOutcome};
use crate::clearing::Cleared;
use crate::dag_runs::known_run;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::marking::Subject;

/// What is asked about one object of a bulk request.
type Named<K, T> = (K, T);
type RunName = (DagId, RunId);

/// The most runs that one request clears.
const MAX_RUNS: u32 = 1_000;

impl LocalBroker {
    /// Changes and deletes runs: of the DAG in the path, or of those that the request names.
    pub async fn bulk_runs(
        &self,
        actor: &Actor,
        dag: Option<&DagId>,
        body: BulkBody<Value, BulkDagRun, DagRunName>,
    ) -> Result<BulkOutcome, ServiceError> {
        let mut outcome = BulkOutcome::default();
        for action in body.actions {
            match action {
                BulkAction::Create { .. } => refuse_create(&mut outcome, "runs are started one by one"),
                BulkAction::Update { entities, update_mask: _, action_on_non_existence } => {
                    let done = outcome.update.get_or_insert_default();
                    for ((dag, run), change) in
                        self.present_runs(actor, dag, entities, action_on_non_existence, done).await?
                    {
                        let patch = DagRunPatch { state: change.state, note: change.note };
                        done.note(format!("{dag}.{run}"), self.patch_run(actor, &dag, &run, patch).await.map(drop));
                    }
                }
                BulkAction::Delete { entities, action_on_non_existence } => {
                    let done = outcome.delete.get_or_insert_default();
                    let entities = entities.into_iter().map(BulkDagRun::from).collect();
                    for ((dag, run), _) in
                        self.present_runs(actor, dag, entities, action_on_non_existence, done).await?
                    {
                        done.note(format!("{dag}.{run}"), self.delete_run(actor, &dag, &run).await);
                    }
                }
            }
        }
        Ok(outcome)
    }

    /// Changes and deletes task instances: of the run in the path, or of those that the request names.
    pub async fn bulk_task_instances(
        &self,
        actor: &Actor,
        (dag, run): (Option<&DagId>, Option<&RunId>),
        body: BulkBody<Value, BulkTaskInstance, TaskInstanceName>,
    ) -> Result<BulkOutcome, ServiceError> {
        let mut outcome = BulkOutcome::default();
        for action in body.actions {
            match action {
                BulkAction::Create { .. } => refuse_create(&mut outcome, "a run has every task of its DAG"),
                BulkAction::Update { entities, update_mask: _, action_on_non_existence } => {
                    let done = outcome.update.get_or_insert_default();
                    let found = self.present_tasks(actor, (dag, run), entities, action_on_non_existence, done).await?;
                    for ((dag, run, task, index), change) in found {
                        let subject = Subject::Instance(&task, index);
                        let result = self.patch_task_instances(actor, (&dag, &run), subject, change.patch()).await;
                        done.note(instance_name(&dag, &run, &task, index), result.map(drop));
                    }
                }
                BulkAction::Delete { entities, action_on_non_existence } => {
                    let done = outcome.delete.get_or_insert_default();
                    let entities = entities.into_iter().map(BulkTaskInstance::from).collect();
                    let found = self.present_tasks(actor, (dag, run), entities, action_on_non_existence, done).await?;
                    for ((dag, run, task, index), _) in found {
                        let result = self.delete_task_instance(actor, (&dag, &run), (&task, index)).await;
                        done.note(instance_name(&dag, &run, &task, index), result);
                    }
                }
            }
        }
        Ok(outcome)
    }

    /// Runs task instances of many runs again, or says which those would be.
    pub async fn clear_runs(
        &self,
        actor: &Actor,
        dag: Option<&DagId>,
        body: ClearDagRuns,
    ) -> Result<Vec<Cleared>, ServiceError> {
        let each = body.each();
        let mut runs: Vec<RunName> = Vec::new();
        match (body.dag_runs.is_empty(), body.partition_key) {
            (false, None) => {
                for run in body.dag_runs {
                    let name = (of_path(dag, run.dag_id, "dag_id")?, run.dag_run_id);
                    if !runs.contains(&name) {
                        runs.push(name);
                    }
                }
            }
            (true, Some(key)) => {
                let dag = of_path(dag, None, "dag_id")?;
                let scope = Scope { dag: Some(dag.clone()), run: None, task: None };
                let filter = DagRunFilter { partition_key: Some(key), ..DagRunFilter::default() };
                let page = PageRequest { limit: MAX_RUNS, ..PageRequest::default() };
                let found = self.runs(&actor.tenant, &scope, &filter, &page).await?.entries;
                runs.extend(found.into_iter().map(|run| (dag.clone(), run.dag_run_id)));
            }
            (true, None) | (false, Some(_)) => {
                return Err(ServiceError::invalid("the body", "name runs in `dag_runs`, or give a `partition_key`"));
            }
        }
        // One that is not there is named before anything happens to the others.
        let mut db = self.inner.store.read().await?;
        for (dag, run) in &runs {
            known_run(&mut db, &actor.tenant, dag, run).await?;
        }
        drop(db);
        let mut cleared = Vec::new();
        for (dag, run) in runs {
            cleared.push(self.clear_run(actor, &dag, &run, each.clone()).await?);
        }
        Ok(cleared)
    }

    async fn present_runs(
        &self,
        actor: &Actor,
        dag: Option<&DagId>,
        entities: Vec<BulkDagRun>,
        on_absence: OnAbsence,
        outcome: &mut ActionOutcome,
    ) -> Result<Vec<Named<RunName, BulkDagRun>>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        for entity in entities {
            let name = match of_path(dag, entity.dag_id.clone(), "dag_id") {
                Ok(dag) => (dag, entity.dag_run_id.clone()),
                Err(refusal) => {
                    outcome.refused.push(refusal);
                    continue;
                }
            };
            match known_run(&mut db, &actor.tenant, &name.0, &name.1).await {
                Ok(_) => found.push((name, entity)),
                Err(error) => absent.push(error),
            }
        }
        Ok(outcome.unless_absent(found, absent, on_absence))
    }

    async fn present_tasks(
        &self,
        actor: &Actor,
        (dag, run): (Option<&DagId>, Option<&RunId>),
        entities: Vec<BulkTaskInstance>,
        on_absence: OnAbsence,
        outcome: &mut ActionOutcome,
    ) -> Result<Vec<Named<InstanceName, BulkTaskInstance>>, ServiceError> {
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        for entity in entities {
            let named = of_path(dag, entity.dag_id.clone(), "dag_id")
                .and_then(|dag| Ok((dag, of_path(run, entity.dag_run_id.clone(), "dag_run_id")?)));
            let (dag, run) = match named {
                Ok(named) => named,
                Err(refusal) => {
                    outcome.refused.push(refusal);
                    continue;
                }
            };
            match self.indices(actor, (&dag, &run), &entity).await {
                Ok(indices) => {
                    let name = |index| (dag.clone(), run.clone(), entity.task_id.clone(), index);
                    found.extend(indices.into_iter().map(|index| (name(index), entity.clone())));
                }
                Err(error) => absent.push(error),
            }
        }
        Ok(outcome.unless_absent(found, absent, on_absence))
    }

    /// The indices of the instances that are meant, all of them there.
    async fn indices(
        &self,
        actor: &Actor,
        run: (&DagId, &RunId),
        entity: &BulkTaskInstance,
    ) -> Result<Vec<Option<u32>>, ServiceError> {
        let absent = || ServiceError::not_found("task instance", &entity.task_id);
        if let Some(index) = entity.map_index {
            let index = if index == -1 { None } else { Some(u32::try_from(index).map_err(|_| absent())?) };
            self.task_instance(&actor.tenant, run, (&entity.task_id, index)).await?;
            return Ok(vec![index]);
        }
        let scope = Scope { dag: Some(run.0.clone()), run: Some(run.1.clone()), task: Some(entity.task_id.clone()) };
        let page = PageRequest { limit: u32::MAX, ..PageRequest::default() };
        let all = self
            .task_instances(
                &actor.tenant,
                &scope,
                &flow_model::rest::task_instances::TaskInstanceFilter::default(),
                &page,
            )
            .await?;
        let indices: Vec<_> = all.entries.iter().map(|one| u32::try_from(one.last_try.map_index).ok()).collect();
        if indices.is_empty() { Err(absent()) } else { Ok(indices) }
    }
}

type InstanceName = (DagId, RunId, TaskId, Option<u32>);

fn instance_name(dag: &DagId, run: &RunId, task: &TaskId, index: Option<u32>) -> String {
    format!("{dag}.{run}.{task}[{}]", index.map_or(-1, i64::from))
}

fn refuse_create(outcome: &mut BulkOutcome, reason: &str) {
    outcome.create.get_or_insert_default().refused.push(ServiceError::refused("create", reason));
}

/// What the path names, or what the entity does where the path says `~`.
fn of_path<N: Clone + PartialEq>(path: Option<&N>, own: Option<N>, member: &'static str) -> Result<N, ServiceError> {
    match (path, own) {
        (Some(path), Some(own)) if own != *path => {
            Err(ServiceError::refused(member, "it is another than that of the path; say `~` there"))
        }
        (Some(path), _) => Ok(path.clone()),
        (None, Some(own)) => Ok(own),
        (None, None) => {
            Err(ServiceError::refused(member, "it is missing; where the path says `~`, each entry names its own"))
        }
    }
}

impl ActionOutcome {
    /// What is to be done: nothing at all if something is absent, unless that is to be left out.
    fn unless_absent<T>(&mut self, found: Vec<T>, absent: Vec<ServiceError>, on_absence: OnAbsence) -> Vec<T> {
        match on_absence {
            OnAbsence::Fail if !absent.is_empty() => {
                self.refused.extend(absent);
                Vec::new()
            }
            OnAbsence::Fail | OnAbsence::Skip => found,
        }
    }
}
