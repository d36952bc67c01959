//! Task instances: marking them and running them again.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_model::graph::{Graph, TaskIndex};
use flow_model::ids::{DagId, RunId, TaskId, TenantId};
use flow_model::rest::clearing::{ClearTaskInstances, TaskSelection};
use flow_model::rest::task_instances::{TaskInstance, TaskInstanceFilter, TaskInstancePatch, TaskTarget};
use flow_model::rest::{Change as Edit, PageRequest, Scope};
use flow_model::state::{TaskInstanceState, Terminal};
use flow_model::time::Millis;
use flow_store::run::{self, RunRow};
use flow_store::{Session, dag, task_instance};
use serde_json::json;

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::plan::{Written, of};
use crate::reshape::{Change, Outcome, Reshape};
use crate::run_changes::refuse_new_version;
use crate::triggers::checked_note;
use crate::versions::Version;

/// How many runs one request may change.
const MAX_RUNS: u32 = 1_000;

impl LocalBroker {
    /// Marks a task instance as ended, or changes its note. Answers every task instance that it concerned.
    pub async fn patch_task_instance(
        &self,
        actor: &Actor,
        (dag, run_id): (&DagId, &RunId),
        (task, map_index): (&TaskId, Option<u32>),
        patch: TaskInstancePatch,
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        if patch.include_past || patch.include_future {
            let reason = "mark the task instances of other runs one by one";
            return Err(ServiceError::invalid("include_past, include_future", reason));
        }
        let (mut tx, row) = self.locked_run("patch task instance", &actor.tenant, dag, run_id).await?;
        let key = row.key;
        let mut reshape = Reshape::load(&mut tx, &self.inner.engine, row).await?;
        let graph = graph_of(&reshape, key);
        let absent = || ServiceError::not_found("task instance", task);
        let index = graph.as_ref().and_then(|version| version.graph.find(task)).ok_or_else(absent)?;
        let Some(version) = graph.filter(|_| map_index.is_none()) else { return Err(absent()) };
        let tasks = closure(&version.graph, &[index], patch.include_upstream, patch.include_downstream);
        if let Edit::To(note) = patch.note {
            let note = note.map(checked_note).transpose()?;
            task_instance::set_note(&mut tx, &actor.tenant, of(key, index), note.as_deref()).await?;
        }
        let mut written = Written::default();
        if let Some(target) = patch.new_state {
            mark(&mut reshape, &version.graph, key, &tasks, target);
            written = reshape.settle(&mut tx, Outcome::Judged).await?;
        }
        let extra = json!({"task_id": task, "new_state": patch.new_state});
        audit::note_run(&mut tx, actor, self.now(), "patch_task_instance", (dag, run_id), &extra).await?;
        tx.commit().await?;
        self.written(written);
        self.instances(&actor.tenant, (dag, run_id), &tasks).await
    }

    /// Runs task instances of a DAG again, or says which those would be.
    pub async fn clear_task_instances(
        &self,
        actor: &Actor,
        dag: &DagId,
        body: ClearTaskInstances,
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        refuse_new_version(body.run_on_latest_version)?;
        let mut tx = self.inner.store.begin("clear task instances").await?;
        if dag::find(&mut tx, &actor.tenant, dag).await?.is_none() {
            return Err(ServiceError::not_found("DAG", dag));
        }
        let mut written = Written::default();
        let mut cleared: Vec<(RunId, Vec<TaskIndex>)> = Vec::new();
        for row in chosen_runs(&mut tx, &actor.tenant, dag, &body).await? {
            let (key, run_id) = (row.key, row.run_id.clone());
            let mut reshape = Reshape::load(&mut tx, &self.inner.engine, row).await?;
            let tasks = chosen_tasks(&reshape, key, &body)?;
            if !body.dry_run && !tasks.is_empty() {
                reshape.change(&tasks, Change::Clear);
                written.merge(reshape.settle(&mut tx, Outcome::Judged).await?);
            }
            cleared.push((run_id, tasks));
        }
        if body.dry_run {
            drop(tx);
        } else {
            let extra = json!({"dag_id": dag, "runs": cleared.len()});
            audit::note(&mut tx, actor, self.now(), "clear_task_instances", &extra).await?;
            tx.commit().await?;
            self.written(written);
        }
        let mut instances = Vec::new();
        for (run_id, tasks) in &cleared {
            instances.extend(self.instances(&actor.tenant, (dag, run_id), tasks).await?);
        }
        Ok(instances)
    }

    /// These task instances of a run, as people see them.
    pub(crate) async fn instances(
        &self,
        tenant: &TenantId,
        (dag, run_id): (&DagId, &RunId),
        tasks: &[TaskIndex],
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let mut db = self.inner.store.read().await?;
        let row = run::find(&mut db, tenant, dag, run_id).await?;
        let row = row.ok_or_else(|| ServiceError::not_found("DAG run", run_id))?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        drop(db);
        let wanted: BTreeSet<&TaskId> = tasks.iter().map(|&task| &version.graph.task(task).task_id).collect();
        let scope = Scope { dag: Some(dag.clone()), run: Some(run_id.clone()), task: None };
        let all = PageRequest { limit: u32::MAX, ..PageRequest::default() };
        let page = self.task_instances(tenant, &scope, &TaskInstanceFilter::default(), &all).await?;
        Ok(page.entries.into_iter().filter(|instance| wanted.contains(&instance.last_try.task_id)).collect())
    }
}

fn graph_of(reshape: &Reshape<'_>, run: flow_model::ids::RunKey) -> Option<Arc<Version>> {
    reshape.plan.run(run).map(|(_, version)| Arc::clone(version))
}

/// Marks tasks. Marking as succeeded also gives those behind them that had failed for it another go, as in Airflow.
fn mark(
    reshape: &mut Reshape<'_>,
    graph: &Graph,
    run: flow_model::ids::RunKey,
    tasks: &[TaskIndex],
    target: TaskTarget,
) {
    let how = match target {
        TaskTarget::Success => Terminal::Success,
        TaskTarget::Failed => Terminal::Failed,
        TaskTarget::Skipped => Terminal::Skipped,
    };
    if how == Terminal::Success {
        let behind: Vec<TaskIndex> = graph
            .downstream_closure(tasks)
            .into_iter()
            .filter(|task| !tasks.contains(task))
            .filter(|&task| {
                let state = reshape.plan.task(of(run, task)).map(|row| row.status.state());
                state.and_then(TaskInstanceState::terminal).is_some_and(Terminal::fails_run)
            })
            .collect();
        reshape.change(&behind, Change::Clear);
    }
    reshape.change(tasks, Change::Mark(how));
}

/// The runs that a request to clear is about, locked in the one order that everybody locks runs in.
async fn chosen_runs(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    body: &ClearTaskInstances,
) -> Result<Vec<RunRow>, ServiceError> {
    let (mut from, mut to) = (body.start_date, body.end_date);
    if let Some(run_id) = &body.dag_run_id {
        let found = run::lock(db, tenant, dag, run_id).await?;
        let row = found.ok_or_else(|| ServiceError::not_found("DAG run", run_id))?;
        let Some(date) = row.logical_date.filter(|_| body.include_past || body.include_future) else {
            return Ok(vec![row]);
        };
        from = if body.include_past { from } else { Some(date) };
        to = if body.include_future { to } else { Some(date) };
    }
    let unbounded = (Millis(i64::MIN), Millis(i64::MAX));
    let range = (from.unwrap_or(unbounded.0), to.unwrap_or(unbounded.1));
    let runs = run::lock_between(db, tenant, dag, range, MAX_RUNS + 1).await?;
    if runs.len() > MAX_RUNS as usize {
        let reason = format!("more than {MAX_RUNS} runs lie between these dates; choose fewer");
        return Err(ServiceError::invalid("start_date, end_date", reason));
    }
    Ok(runs)
}

fn chosen_tasks(
    reshape: &Reshape<'_>,
    run: flow_model::ids::RunKey,
    body: &ClearTaskInstances,
) -> Result<Vec<TaskIndex>, ServiceError> {
    let Some(version) = graph_of(reshape, run) else { return Ok(Vec::new()) };
    let graph = &version.graph;
    let starts: Vec<TaskIndex> = match &body.task_ids {
        None => graph.tasks().collect(),
        Some(selected) => selected.iter().map(|task| find(graph, task)).collect::<Result<_, _>>()?,
    };
    let state_of = |task: &TaskIndex| reshape.plan.task(of(run, *task)).map(|row| row.status.state());
    let all = closure(graph, &starts, body.include_upstream, body.include_downstream);
    let running = |task: &TaskIndex| state_of(task) == Some(TaskInstanceState::Running);
    let failed =
        |task: &TaskIndex| state_of(task).and_then(TaskInstanceState::terminal).is_some_and(Terminal::fails_run);
    let chosen: Vec<TaskIndex> = all
        .into_iter()
        .filter(|task| !body.only_failed || failed(task))
        .filter(|task| !body.only_running || running(task))
        .collect();
    if body.prevent_running_task && chosen.iter().any(running) {
        return Err(ServiceError::conflict("task instances", "one of them is running; wait for it or stop its run"));
    }
    Ok(chosen)
}

fn find(graph: &Graph, selection: &TaskSelection) -> Result<TaskIndex, ServiceError> {
    let task = match selection {
        TaskSelection::Task(task) | TaskSelection::Instance(task, -1) => task,
        TaskSelection::Instance(task, index) => {
            return Err(ServiceError::not_found("task instance", format!("{task}[{index}]")));
        }
    };
    graph.find(task).ok_or_else(|| ServiceError::not_found("task", task))
}

/// `starts` with all that they wait for, or that waits for them.
fn closure(graph: &Graph, starts: &[TaskIndex], upstream: bool, downstream: bool) -> Vec<TaskIndex> {
    let mut all: BTreeSet<TaskIndex> = starts.iter().copied().collect();
    if upstream {
        all.extend(graph.upstream_closure(starts));
    }
    if downstream {
        all.extend(graph.downstream_closure(starts));
    }
    all.into_iter().collect()
}
