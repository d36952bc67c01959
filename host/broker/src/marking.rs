//! Task instances: saying how they ended, noting things about them, deleting them.

use std::collections::BTreeSet;

use flow_model::advance::Instance;
use flow_model::graph::{Direction, Graph, TaskIndex};
use flow_model::ids::{DagId, GroupId, RunId, RunKey, TaskId, TenantId};
use flow_model::rest::task_instances::{TaskInstance, TaskInstanceFilter, TaskInstancePatch, TaskTarget};
use flow_model::rest::{Change as Edit, PageRequest, Scope};
use flow_model::state::{TaskInstanceState, Terminal};
use flow_model::time::Millis;
use flow_store::Tx;
use flow_store::task_instance::{self, TaskKey};
use serde_json::json;

use crate::audit;
use crate::chosen::{Named, directions, keys_of, named, runs_around};
use crate::engine::Written;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::plan::Plan;
use crate::reshape::{instances, reshape};
use crate::triggers::edited_note;

/// Whose task instances are meant.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// All instances of a task.
    Task(&'a TaskId),
    /// The instance of a task with this index, or the one without.
    Instance(&'a TaskId, Option<u32>),
    /// All instances of the tasks in a group, and in those in it.
    Group(&'a GroupId),
}

/// What a change to task instances came to.
struct Marked {
    run: RunId,
    /// Those that it concerns.
    all: BTreeSet<Named>,
    /// Those of them that are something else since, or would be.
    changed: BTreeSet<Named>,
}

impl LocalBroker {
    /// Says how task instances ended, or changes their note. Answers every task instance that it concerned.
    pub async fn patch_task_instances(
        &self,
        actor: &Actor,
        (dag, run_id): (&DagId, &RunId),
        subject: Subject<'_>,
        patch: TaskInstancePatch,
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        let extra = json!({"task_id": subject.name(), "new_state": patch.new_state});
        let (mut tx, written, marked) = self.marked((actor, dag, run_id), subject, &patch, false).await?;
        let is_vain = patch.new_state.is_some() && marked.iter().all(|run| run.changed.is_empty());
        if is_vain && matches!(patch.note, Edit::Keep) {
            let reason = "every task instance that is meant is in this state already";
            return Err(ServiceError::conflict(subject.to_string(), reason));
        }
        audit::note_run(&mut tx, actor, self.now(), "patch_task_instance", (dag, run_id), &extra)?;
        self.conclude(tx, written).await?;
        self.shown(&actor.tenant, dag, marked.iter().map(|run| (&run.run, &run.all))).await
    }

    /// The task instances that would be something else after such a change.
    pub async fn rehearse_patch(
        &self,
        actor: &Actor,
        (dag, run_id): (&DagId, &RunId),
        subject: Subject<'_>,
        patch: TaskInstancePatch,
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        let (tx, _, marked) = self.marked((actor, dag, run_id), subject, &patch, true).await?;
        drop(tx);
        let is_note = patch.new_state.is_none();
        let shown = marked.iter().map(|run| (&run.run, if is_note { &run.all } else { &run.changed }));
        self.shown(&actor.tenant, dag, shown).await
    }

    /// Does what a patch says within a transaction, or finds out what that would be.
    async fn marked(
        &self,
        (actor, dag, run_id): (&Actor, &DagId, &RunId),
        subject: Subject<'_>,
        patch: &TaskInstancePatch,
        rehearses: bool,
    ) -> Result<(Tx, Written, Vec<Marked>), ServiceError> {
        let (engine, now) = (&self.inner.engine, self.now());
        let mut tx = self.inner.store.begin("patch task instances").await?;
        let around = (patch.include_past, patch.include_future);
        let (mut written, mut marked) = (Written::default(), Vec::new());
        for row in runs_around(&mut tx, (&actor.tenant, dag), run_id, around).await? {
            let run = row.run_id.clone();
            let mut found = (Vec::new(), BTreeSet::new(), BTreeSet::new());
            let change = |plan: &mut Plan<'_>, key| -> Result<(), ServiceError> {
                let (own, concerned) = concerned(plan, key, subject, patch);
                let changed = match patch.new_state {
                    Some(target) if rehearses => differing(plan, key, &concerned, target),
                    Some(target) => mark(plan, key, &concerned, target, now)?,
                    None => Vec::new(),
                };
                found = (keys_of(key, &own), named(plan, key, &concerned), named(plan, key, &changed));
                Ok(())
            };
            written.merge(reshape(&mut tx, engine, row, Box::new(change)).await?);
            let (own, all, changed) = found;
            if run == *run_id && own.is_empty() {
                return Err(ServiceError::not_found("task instance", subject));
            }
            if let (true, Edit::To(note)) = (run == *run_id && !rehearses, &patch.note) {
                let note = edited_note(note.clone())?;
                task_instance::set_note(&mut tx, &actor.tenant, &own, note.as_deref()).await?;
            }
            marked.push(Marked { run, all, changed });
        }
        Ok((tx, written, marked))
    }

    /// Deletes a task instance with what it left, if it has ended.
    pub async fn delete_task_instance(
        &self,
        actor: &Actor,
        (dag, run_id): (&DagId, &RunId),
        (task, map_index): (&TaskId, Option<u32>),
    ) -> Result<(), ServiceError> {
        let subject = Subject::Instance(task, map_index);
        let (mut tx, row) = self.locked_run("delete task instance", &actor.tenant, dag, run_id).await?;
        let (key, _) = self.inner.known_task(&mut tx, &actor.tenant, (dag, run_id), (task, map_index)).await?;
        if !row.state.is_terminal() {
            let reason = "its run has not ended; wait for it or end it first";
            return Err(ServiceError::conflict(subject.to_string(), reason));
        }
        task_instance::delete_with_all(&mut tx, &actor.tenant, key).await?;
        audit::note_run(&mut tx, actor, self.now(), "delete_task_instance", (dag, run_id), &json!({"task_id": task}))?;
        Ok(tx.commit().await?)
    }

    /// These task instances of several runs, as people see them.
    async fn shown<'m>(
        &self,
        tenant: &TenantId,
        dag: &DagId,
        runs: impl Iterator<Item = (&'m RunId, &'m BTreeSet<Named>)>,
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        let mut shown = Vec::new();
        for (run, tasks) in runs {
            shown.extend(self.instances(tenant, (dag, run), tasks).await?);
        }
        Ok(shown)
    }

    /// These task instances of a run, as people see them.
    pub(crate) async fn instances(
        &self,
        tenant: &TenantId,
        (dag, run_id): (&DagId, &RunId),
        tasks: &BTreeSet<Named>,
    ) -> Result<Vec<TaskInstance>, ServiceError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let scope = Scope { dag: Some(dag.clone()), run: Some(run_id.clone()), task: None };
        let all = PageRequest { limit: u32::MAX, ..PageRequest::default() };
        let page = self.task_instances(tenant, &scope, &TaskInstanceFilter::default(), &all).await?;
        let is_wanted = |it: &TaskInstance| tasks.contains(&(it.last_try.task_id.clone(), it.last_try.map_index));
        Ok(page.entries.into_iter().filter(is_wanted).collect())
    }
}

impl Subject<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Task(task) | Self::Instance(task, _) => task.as_str(),
            Self::Group(group) => group.as_str(),
        }
    }

    fn tasks(&self, graph: &Graph) -> Vec<TaskIndex> {
        match self {
            Self::Task(task) | Self::Instance(task, _) => graph.find(task).into_iter().collect(),
            Self::Group(group) => graph.find_group(group).map_or_else(Vec::new, |group| graph.tasks_of(group).to_vec()),
        }
    }

    fn is_it(&self, at: Instance) -> bool {
        match self {
            Self::Task(_) | Self::Group(_) => true,
            Self::Instance(_, index) => at.map_index == *index,
        }
    }
}

impl std::fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Task(_) | Self::Group(_) | Self::Instance(_, None) => f.write_str(self.name()),
            Self::Instance(task, Some(index)) => write!(f, "{task}[{index}]"),
        }
    }
}

/// The task instances that are meant, and all those that the change concerns with them.
fn concerned(
    plan: &Plan<'_>,
    run: RunKey,
    subject: Subject<'_>,
    patch: &TaskInstancePatch,
) -> (Vec<Instance>, Vec<Instance>) {
    let Some((_, version)) = plan.run(run) else { return (Vec::new(), Vec::new()) };
    let graph = &version.graph;
    let starts = subject.tasks(graph);
    let mut tasks: BTreeSet<TaskIndex> = starts.iter().copied().collect();
    for direction in directions(patch.include_upstream, patch.include_downstream) {
        tasks.extend(match direction {
            Direction::Upstream => graph.upstream_closure(&starts),
            Direction::Downstream => graph.downstream_closure(&starts),
        });
    }
    let is_start = |at: &Instance| starts.contains(&at.task);
    let is_concerned = |at: &Instance| tasks.contains(&at.task) && (!is_start(at) || subject.is_it(*at));
    let all: Vec<Instance> = instances(plan, run, |_| true).into_iter().filter(is_concerned).collect();
    (all.iter().copied().filter(is_start).collect(), all)
}

/// Those of these that are not as they should be.
fn differing(plan: &Plan<'_>, run: RunKey, tasks: &[Instance], target: TaskTarget) -> Vec<Instance> {
    let wanted = terminal(target);
    let is_so = |at: &Instance| plan.status(TaskKey::of(run, *at)).is_some_and(|is| is.ended() == Some(wanted));
    tasks.iter().copied().filter(|at| !is_so(at)).collect()
}

fn terminal(target: TaskTarget) -> Terminal {
    match target {
        TaskTarget::Success => Terminal::Success,
        TaskTarget::Failed => Terminal::Failed,
        TaskTarget::Skipped => Terminal::Skipped,
    }
}

/// Marks task instances, and answers those that were something else. Those behind them that have failed get another go, as in
/// Airflow.
fn mark(
    plan: &mut Plan<'_>,
    run: RunKey,
    chosen: &[Instance],
    target: TaskTarget,
    now: Millis,
) -> Result<Vec<Instance>, ServiceError> {
    let changed = differing(plan, run, chosen, target);
    let Some((_, version)) = plan.run(run).filter(|_| !changed.is_empty()) else { return Ok(changed) };
    let tasks: Vec<TaskIndex> = chosen.iter().map(|at| at.task).collect();
    let behind = version.graph.downstream_closure(&tasks);
    let failed = |state: TaskInstanceState| state.terminal().is_some_and(Terminal::fails_run);
    let again: Vec<Instance> = instances(plan, run, failed)
        .into_iter()
        .filter(|at| behind.contains(&at.task) && !chosen.contains(at) && !tasks.contains(&at.task))
        .collect();
    if let Some(progress) = plan.progress(run) {
        if target == TaskTarget::Success {
            progress.clear(&again, now)?;
        }
        progress.mark(&changed, terminal(target), now)?;
    }
    Ok(changed)
}
