//! Task instances: marking them and running them again.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::advance::Instance;
use flow_model::graph::{Direction, Graph, TaskIndex};
use flow_model::ids::{DagId, RunId, RunKey, TaskId, TenantId};
use flow_model::rest::clearing::{ClearTaskInstances, TaskSelection};
use flow_model::rest::task_instances::{TaskInstance, TaskInstanceFilter, TaskInstancePatch, TaskTarget};
use flow_model::rest::{Change as Edit, PageRequest, Scope};
use flow_model::state::{TaskInstanceState, Terminal};
use flow_model::time::Millis;
use flow_store::run::{self, RunRow};
use flow_store::task_instance::TaskKey;
use flow_store::{Session, dag, task_instance};
use serde_json::json;

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::plan::{Plan, Written};
use crate::reshape::{instances, reshape};
use crate::run_changes::refuse_new_version;
use crate::triggers::checked_note;

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
        let (key, now) = (row.key, self.now());
        let version = self.inner.engine.versions.get(&mut tx, &actor.tenant, row.version).await?;
        let graph = &version.graph;
        let index = graph.find(task).ok_or_else(|| ServiceError::not_found("task instance", task))?;
        let tasks = closure(graph, &[index], directions(patch.include_upstream, patch.include_downstream));
        if let Edit::To(note) = patch.note {
            let note = note.map(checked_note).transpose()?;
            let key = TaskKey { run: key, task: index, map_index };
            task_instance::set_note(&mut tx, &actor.tenant, key, note.as_deref()).await?;
        }
        let mut concerned = Vec::new();
        let change = |plan: &mut Plan<'_>, _| -> Result<(), ServiceError> {
            concerned = chosen(plan, key, &tasks, (index, map_index));
            if !concerned.iter().any(|at| at.task == index) {
                return Err(ServiceError::not_found("task instance", task));
            }
            match patch.new_state {
                Some(target) => mark(plan, key, &concerned, target, now),
                None => Ok(()),
            }
        };
        let written = reshape(&mut tx, &self.inner.engine, row, Box::new(change)).await?;
        let extra = json!({"task_id": task, "new_state": patch.new_state});
        audit::note_run(&mut tx, actor, self.now(), "patch_task_instance", (dag, run_id), &extra)?;
        self.conclude(tx, written).await?;
        self.instances(&actor.tenant, (dag, run_id), &concerned).await
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
        let mut cleared: Vec<(RunId, Vec<Instance>)> = Vec::new();
        let now = self.now();
        for row in chosen_runs(&mut tx, &actor.tenant, dag, &body).await? {
            let run_id = row.run_id.clone();
            let mut tasks = Vec::new();
            let change = |plan: &mut Plan<'_>, key| -> Result<(), ServiceError> {
                tasks = to_clear(plan, key, &body)?;
                match plan.progress(key) {
                    Some(progress) if !body.dry_run && !tasks.is_empty() => Ok(progress.clear(&tasks, now)?),
                    Some(_) | None => Ok(()),
                }
            };
            written.merge(reshape(&mut tx, &self.inner.engine, row, Box::new(change)).await?);
            cleared.push((run_id, tasks));
        }
        if body.dry_run {
            drop(tx);
        } else {
            let extra = json!({"dag_id": dag, "runs": cleared.len()});
            audit::note(&mut tx, actor, self.now(), "clear_task_instances", &extra)?;
            self.conclude(tx, written).await?;
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
        tasks: &[Instance],
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let mut db = self.inner.store.read().await?;
        let row = run::find(&mut db, tenant, dag, run_id).await?;
        let row = row.ok_or_else(|| ServiceError::not_found("DAG run", run_id))?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        drop(db);
        let index = |at: &Instance| at.map_index.map_or(-1, i64::from);
        let wanted: BTreeSet<(&TaskId, i64)> =
            tasks.iter().map(|at| (&version.graph.task(at.task).task_id, index(at))).collect();
        let scope = Scope { dag: Some(dag.clone()), run: Some(run_id.clone()), task: None };
        let all = PageRequest { limit: u32::MAX, ..PageRequest::default() };
        let page = self.task_instances(tenant, &scope, &TaskInstanceFilter::default(), &all).await?;
        let is_wanted = |it: &TaskInstance| wanted.contains(&(&it.last_try.task_id, it.last_try.map_index));
        Ok(page.entries.into_iter().filter(is_wanted).collect())
    }
}

fn directions(upstream: bool, downstream: bool) -> impl Iterator<Item = Direction> {
    let upstream = upstream.then_some(Direction::Upstream);
    upstream.into_iter().chain(downstream.then_some(Direction::Downstream))
}

/// `starts` with all that is reached from them.
fn closure(graph: &Graph, starts: &[TaskIndex], directions: impl Iterator<Item = Direction>) -> Vec<TaskIndex> {
    let mut all: BTreeSet<TaskIndex> = starts.iter().copied().collect();
    for direction in directions {
        all.extend(match direction {
            Direction::Upstream => graph.upstream_closure(starts),
            Direction::Downstream => graph.downstream_closure(starts),
        });
    }
    all.into_iter().collect()
}

/// The task instances of these tasks; of `one`, if it has an index, that instance alone.
fn chosen(
    plan: &Plan<'_>,
    run: RunKey,
    tasks: &[TaskIndex],
    (one, map_index): (TaskIndex, Option<u32>),
) -> Vec<Instance> {
    let is_chosen = |at: &Instance| {
        tasks.contains(&at.task) && (at.task != one || map_index.is_none() || at.map_index == map_index)
    };
    instances(plan, run, |_| true).into_iter().filter(is_chosen).collect()
}

/// Marks task instances. Marking as succeeded also gives those behind them that had failed for it another go, as in Airflow.
fn mark(
    plan: &mut Plan<'_>,
    run: RunKey,
    chosen: &[Instance],
    target: TaskTarget,
    now: Millis,
) -> Result<(), ServiceError> {
    let how = match target {
        TaskTarget::Success => Terminal::Success,
        TaskTarget::Failed => Terminal::Failed,
        TaskTarget::Skipped => Terminal::Skipped,
    };
    let Some((_, version)) = plan.run(run) else { return Ok(()) };
    let tasks: Vec<TaskIndex> = chosen.iter().map(|at| at.task).collect();
    let behind = version.graph.downstream_closure(&tasks);
    let failed = |state: TaskInstanceState| state.terminal().is_some_and(Terminal::fails_run);
    let again: Vec<Instance> = instances(plan, run, failed)
        .into_iter()
        .filter(|at| behind.contains(&at.task) && !chosen.contains(at) && !tasks.contains(&at.task))
        .collect();
    let Some(progress) = plan.progress(run) else { return Ok(()) };
    if how == Terminal::Success {
        progress.clear(&again, now)?;
    }
    Ok(progress.mark(chosen, how, now)?)
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

/// The task instances that a request to clear is about. The setups and teardowns of a cleared task are cleared with it.
fn to_clear(plan: &Plan<'_>, run: RunKey, body: &ClearTaskInstances) -> Result<Vec<Instance>, ServiceError> {
    let Some((_, version)) = plan.run(run) else { return Ok(Vec::new()) };
    let graph = &version.graph;
    let mut only: BTreeMap<TaskIndex, BTreeSet<u32>> = BTreeMap::new();
    let starts: Vec<TaskIndex> = match &body.task_ids {
        None => graph.tasks().collect(),
        Some(selected) => {
            selected.iter().map(|selection| find(graph, selection, &mut only)).collect::<Result<_, _>>()?
        }
    };
    let directions: Vec<Direction> = directions(body.include_upstream, body.include_downstream).collect();
    let all = graph.to_clear(&starts, &directions);
    let failed = |state: TaskInstanceState| state.terminal().is_some_and(Terminal::fails_run);
    let is_running = |state: TaskInstanceState| state == TaskInstanceState::Running;
    let wanted =
        |state: TaskInstanceState| (!body.only_failed || failed(state)) && (!body.only_running || is_running(state));
    let is_chosen = |at: &Instance| {
        let indices = only.get(&at.task);
        all.contains(&at.task)
            && indices.is_none_or(|indices| at.map_index.is_some_and(|index| indices.contains(&index)))
    };
    let chosen: Vec<Instance> = instances(plan, run, wanted).into_iter().filter(is_chosen).collect();
    let running = instances(plan, run, is_running);
    if body.prevent_running_task && chosen.iter().any(|at| running.contains(at)) {
        return Err(ServiceError::conflict("task instances", "one of them is running; wait for it or stop its run"));
    }
    Ok(chosen)
}

/// A selected task; if single instances of it are, they are noted.
fn find(
    graph: &Graph,
    selection: &TaskSelection,
    only: &mut BTreeMap<TaskIndex, BTreeSet<u32>>,
) -> Result<TaskIndex, ServiceError> {
    let (task, index) = match selection {
        TaskSelection::Task(task) | TaskSelection::Instance(task, -1) => (task, None),
        TaskSelection::Instance(task, index) => match u32::try_from(*index) {
            Ok(index) => (task, Some(index)),
            Err(_) => return Err(ServiceError::not_found("task instance", format!("{task}[{index}]"))),
        },
    };
    let at = graph.find(task).ok_or_else(|| ServiceError::not_found("task", task))?;
    if let Some(index) = index {
        only.entry(at).or_default().insert(index);
    }
    Ok(at)
}
