//! Running again what has run: whole runs, and some of their task instances.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::advance::Instance;
use flow_model::graph::{Direction, Graph, TaskIndex};
use flow_model::ids::{DagId, RunId, RunKey, TaskId};
use flow_model::rest::clearing::{ClearDagRun, ClearError, ClearTaskInstances, NewTask, TaskSelection};
use flow_model::rest::dag_runs::DagRun;
use flow_model::rest::task_instances::TaskInstance;
use flow_model::state::{TaskInstanceState, Terminal};
use flow_store::run::{self, RunRow};
use flow_store::{Session, task_instance};
use serde_json::json;

use crate::audit;
use crate::chosen::{Named, directions, keys_of, named, runs_around, runs_between};
use crate::dags::known_dag;
use crate::engine::Written;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::plan::Plan;
use crate::refit::{reshape_onto, target};
use crate::reshape::instances;
use crate::triggers::edited_note;

/// What clearing a run came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Cleared {
    /// It was a rehearsal: these task instances would have been cleared.
    Rehearsed(Vec<TaskInstance>),
    /// It was a rehearsal: these tasks would have been added to the run.
    Found(Vec<NewTask>),
    /// The run as it is now.
    Done(Box<DagRun>),
}

impl LocalBroker {
    /// Runs task instances of a run again, or says which those would be.
    pub async fn clear_run(
        &self,
        actor: &Actor,
        dag: &DagId,
        run_id: &RunId,
        body: ClearDagRun,
    ) -> Result<Cleared, ServiceError> {
        body.check().map_err(senseless)?;
        let note = edited_note(body.note)?;
        let engine = &self.inner.engine;
        let (mut tx, row) = self.locked_run("clear run", &actor.tenant, dag, run_id).await?;
        let (key, now) = (row.key, self.now());
        let asked = if body.only_new { Some(true) } else { body.run_on_latest_version };
        let onto = target(&mut tx, engine, &row, asked).await?;
        let own = engine.versions.get(&mut tx, &actor.tenant, row.version).await?;
        let new = onto.as_ref().map_or_else(Vec::new, |latest| tasks_beyond(&own.graph, &latest.graph));
        if body.dry_run && body.only_new {
            return Ok(Cleared::Found(new));
        }
        let mut tasks = BTreeSet::new();
        let change = |plan: &mut Plan<'_>, _| -> Result<(), ServiceError> {
            let chosen = instances(plan, key, |state| !body.only_new && may_run(state, body.only_failed));
            tasks = named(plan, key, &chosen);
            match plan.progress(key) {
                Some(progress) if !body.dry_run => Ok(progress.clear(&chosen, now)?),
                Some(_) | None => Ok(()),
            }
        };
        // What has nothing new in it stays as it has ended.
        let written = if body.only_new && new.is_empty() {
            Written::default()
        } else {
            let onto = onto.as_deref().filter(|_| !body.dry_run);
            reshape_onto(&mut tx, engine, row, onto, Box::new(change)).await?
        };
        if body.dry_run {
            drop(tx);
            return Ok(Cleared::Rehearsed(self.instances(&actor.tenant, (dag, run_id), &tasks).await?));
        }
        if let Some(note) = note {
            run::set_note(&mut tx, &actor.tenant, key, Some(&note)).await?;
        }
        let extra = json!({"only_failed": body.only_failed, "only_new": body.only_new, "tasks": tasks.len()});
        audit::note_run(&mut tx, actor, now, "clear_dag_run", (dag, run_id), &extra)?;
        self.conclude(tx, written).await?;
        Ok(Cleared::Done(Box::new(self.run(&actor.tenant, dag, run_id).await?)))
    }

    /// Runs task instances of a DAG again, or says which those would be.
    pub async fn clear_task_instances(
        &self,
        actor: &Actor,
        dag: &DagId,
        body: ClearTaskInstances,
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        body.check().map_err(senseless)?;
        let note = edited_note(body.note.clone())?;
        let (engine, now) = (&self.inner.engine, self.now());
        let mut tx = self.inner.store.begin("clear task instances").await?;
        let mut written = Written::default();
        let mut cleared: Vec<(RunId, BTreeSet<Named>)> = Vec::new();
        let mut unknown: BTreeSet<TaskId> = body.task_ids.iter().flatten().map(|one| one.task().clone()).collect();
        for row in chosen_runs(&mut tx, actor, dag, &body).await? {
            let run_id = row.run_id.clone();
            let asked = if body.dry_run { Some(false) } else { body.run_on_latest_version };
            let onto = target(&mut tx, engine, &row, asked).await?;
            let mut tasks = (BTreeSet::new(), Vec::new());
            let change = |plan: &mut Plan<'_>, key| -> Result<(), ServiceError> {
                let chosen = to_clear(plan, key, &body, &mut unknown)?;
                tasks = (named(plan, key, &chosen), keys_of(key, &chosen));
                match plan.progress(key).filter(|_| !body.dry_run && !chosen.is_empty()) {
                    Some(progress) if body.reset_dag_runs => Ok(progress.clear(&chosen, now)?),
                    Some(progress) => Ok(progress.clear_at_rest(&chosen, now)?),
                    None => Ok(()),
                }
            };
            written.merge(reshape_onto(&mut tx, engine, row, onto.as_deref(), Box::new(change)).await?);
            let (names, keys) = tasks;
            if let Some(note) = note.as_deref().filter(|_| !body.dry_run) {
                task_instance::set_note(&mut tx, &actor.tenant, &keys, Some(note)).await?;
            }
            cleared.push((run_id, names));
        }
        if let Some(task) = unknown.into_iter().next().filter(|_| !cleared.is_empty()) {
            return Err(ServiceError::not_found("task", task));
        }
        if body.dry_run {
            drop(tx);
        } else {
            let extra = json!({"dag_id": dag, "runs": cleared.len()});
            audit::note(&mut tx, actor, now, "clear_task_instances", &extra)?;
            self.conclude(tx, written).await?;
        }
        let mut instances = Vec::new();
        for (run_id, tasks) in &cleared {
            instances.extend(self.instances(&actor.tenant, (dag, run_id), tasks).await?);
        }
        Ok(instances)
    }
}

fn senseless(error: ClearError) -> ServiceError {
    ServiceError::invalid("the body", error.to_string())
}

/// Whether a task instance in this state can be run again: what was removed is no longer part of its run.
fn may_run(state: TaskInstanceState, only_failed: bool) -> bool {
    match state.terminal() {
        Some(Terminal::Removed) => false,
        Some(how) if only_failed => how.fails_run(),
        Some(_) | None => !only_failed,
    }
}

/// The tasks that the latest version has and the run's own has not.
fn tasks_beyond(own: &Graph, latest: &Graph) -> Vec<NewTask> {
    let new = latest.spec().tasks.iter().filter(|task| own.find(&task.task_id).is_none());
    let shown = new.map(|task| NewTask { task_id: task.task_id.clone(), task_display_name: task.shown_name() });
    shown.collect()
}

/// The runs that a request to clear is about, locked.
async fn chosen_runs(
    db: &mut Session,
    actor: &Actor,
    dag: &DagId,
    body: &ClearTaskInstances,
) -> Result<Vec<RunRow>, ServiceError> {
    known_dag(db, &actor.tenant, dag).await?;
    if let Some(run_id) = &body.dag_run_id {
        let around = (body.include_past, body.include_future);
        return runs_around(db, (&actor.tenant, dag), run_id, around).await;
    }
    let from = body.start_date.filter(|_| !body.include_past);
    let to = body.end_date.filter(|_| !body.include_future);
    runs_between(db, (&actor.tenant, dag), (from, to)).await
}

/// The task instances that a request to clear is about. The setups and teardowns of a cleared task are cleared with it. What
/// is found is no longer `unknown`: a run of another version may not have every task.
fn to_clear(
    plan: &Plan<'_>,
    run: RunKey,
    body: &ClearTaskInstances,
    unknown: &mut BTreeSet<TaskId>,
) -> Result<Vec<Instance>, ServiceError> {
    let Some((_, version)) = plan.run(run) else { return Ok(Vec::new()) };
    let graph = &version.graph;
    let mut only: BTreeMap<TaskIndex, BTreeSet<u32>> = BTreeMap::new();
    let starts: Vec<TaskIndex> = match &body.task_ids {
        None => graph.tasks().collect(),
        Some(selected) => selected.iter().filter_map(|selection| find(graph, selection, &mut only)).collect(),
    };
    unknown.retain(|task| graph.find(task).is_none());
    let directions: Vec<Direction> = directions(body.include_upstream, body.include_downstream).collect();
    let all = graph.to_clear(&starts, &directions);
    let is_running = |state: TaskInstanceState| state == TaskInstanceState::Running;
    let wanted =
        |state: TaskInstanceState| may_run(state, body.only_failed()) && (!body.only_running || is_running(state));
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

/// A selected task, if the run has it; if single instances of it are selected, they are noted.
fn find(graph: &Graph, selection: &TaskSelection, only: &mut BTreeMap<TaskIndex, BTreeSet<u32>>) -> Option<TaskIndex> {
    let at = graph.find(selection.task())?;
    match selection {
        TaskSelection::Task(_) | TaskSelection::Instance(_, -1) => {}
        // No instance has an index that is no number from 0.
        TaskSelection::Instance(_, index) => only.entry(at).or_default().extend(u32::try_from(*index)),
    }
    Some(at)
}
