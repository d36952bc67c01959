//! Deadlines: set when a run begins, looked at when they pass. What is late goes on; the DAG's callback runs.

use std::sync::Arc;

use flow_model::callback::Happening;
use flow_model::dag::{CallbackEvent, CallbackSpec, DagSpec, DeadlineReference, DeadlineSpec, GroupSpec};
use flow_model::deadline::{Facts, due, is_met, runs_needed};
use flow_model::graph::{Graph, TaskIndex};
use flow_model::ids::GroupId;
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_store::deadline::{self, DeadlineRow, Subject};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError};

use crate::callbacks::{self, Whose, follow, happening};
use crate::engine::{Engine, Version};
use crate::local::LocalBroker;

/// How many deadlines one transaction looks at.
const ROUND: u32 = 64;

/// Sets what a new run, or one that begins, has to keep. What is set already stays.
pub(crate) async fn begin(db: &mut Session, whose: &[Whose<'_>]) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for (run, version) in whose {
        let spec = version.graph.spec();
        let subjects = subjects(spec);
        let most = subjects.iter().flat_map(|(_, deadlines)| *deadlines).map(runs_needed).max().unwrap_or(0);
        let durations = if most > 0 { run::durations(db, &run.tenant, &run.dag_id, most).await? } else { Vec::new() };
        for (subject, deadlines) in subjects {
            // A task or a group has not started yet.
            let start = if subject == Subject::Run { run.start_date } else { None };
            let facts =
                Facts { logical_date: run.logical_date, queued_at: run.queued_at, start, durations: &durations };
            set(run, &subject, deadlines, facts, &mut rows);
        }
    }
    deadline::set(db, &rows).await
}

/// Adds what a task instance sets that can begin for the first time: the deadlines of its task, and of the groups that it
/// is in, which count from then.
pub(crate) fn start((run, version): Whose<'_>, task: TaskIndex, now: Millis, rows: &mut Vec<DeadlineRow>) {
    let spec = version.graph.spec();
    let task = version.graph.task(task);
    let facts = Facts { start: Some(now), ..Facts::default() };
    let counts_from_start = |deadline: &&DeadlineSpec| deadline.reference == DeadlineReference::Start;
    let own = task.deadlines.iter().any(|deadline| counts_from_start(&deadline));
    if own {
        set_started(run, &Subject::Task(task.task_id.clone()), &task.deadlines, facts, rows);
    }
    for group in around(spec, task.group.as_ref()) {
        set_started(run, &Subject::Group(group.group_id.clone()), &group.deadlines, facts, rows);
    }
}

fn set(run: &RunRow, subject: &Subject, deadlines: &[DeadlineSpec], facts: Facts<'_>, rows: &mut Vec<DeadlineRow>) {
    for (ordinal, spec) in (0u32..).zip(deadlines) {
        if let Some(due_at) = due(spec, facts) {
            let (subject, name) = (subject.clone(), spec.name.clone());
            rows.push(DeadlineRow { run: run.key, subject, ordinal, tenant: run.tenant.clone(), name, due_at });
        }
    }
}

fn set_started(
    run: &RunRow,
    subject: &Subject,
    deadlines: &[DeadlineSpec],
    facts: Facts<'_>,
    rows: &mut Vec<DeadlineRow>,
) {
    let mut all = Vec::new();
    set(run, subject, deadlines, facts, &mut all);
    let counted = |row: &DeadlineRow| {
        let spec = deadlines.get(usize::try_from(row.ordinal).unwrap_or(usize::MAX));
        spec.is_some_and(|spec| spec.reference == DeadlineReference::Start)
    };
    rows.extend(all.into_iter().filter(counted));
}

/// Everything in a DAG that has deadlines.
fn subjects(spec: &DagSpec) -> Vec<(Subject, &[DeadlineSpec])> {
    let run = std::iter::once((Subject::Run, spec.deadlines.as_slice()));
    let tasks = spec.tasks.iter().filter(|task| !task.deadlines.is_empty());
    let tasks = tasks.map(|task| (Subject::Task(task.task_id.clone()), task.deadlines.as_slice()));
    let groups = spec.groups.iter().map(|group| (Subject::Group(group.group_id.clone()), group.deadlines.as_slice()));
    run.chain(tasks).chain(groups).filter(|(_, deadlines)| !deadlines.is_empty()).collect()
}

/// The groups around a task, the innermost first.
fn around<'a>(spec: &'a DagSpec, innermost: Option<&GroupId>) -> Vec<&'a GroupSpec> {
    let find = |id: &GroupId| spec.groups.iter().find(|group| group.group_id == *id);
    let first = innermost.and_then(find);
    std::iter::successors(first, |group| group.parent.as_ref().and_then(find)).take(spec.groups.len()).collect()
}

impl LocalBroker {
    /// Looks at every deadline that has passed: one that was kept is removed, one that was not sets off its callback.
    pub(crate) async fn look_at_deadlines(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let mut tx = self.inner.store.begin("look at deadlines").await?;
            let passed = deadline::lock_due(&mut tx, now, ROUND).await?;
            let seen = passed.len();
            let mut missed = Vec::new();
            for row in passed {
                match self.is_missed(&mut tx, &row).await? {
                    Some(whose) => missed.push((row, whose)),
                    None => deadline::remove(&mut tx, &row).await?,
                }
            }
            let mut rows = Vec::new();
            for (row, (run, version)) in &missed {
                let callbacks = after_miss(&self.inner.engine, (run, version), row, now);
                rows.extend(callbacks.into_iter().map(|callback| (run.dag_id.clone(), callback)));
            }
            callbacks::offer(&mut tx, &self.inner.engine, &rows).await?;
            let missed: Vec<DeadlineRow> = missed.into_iter().map(|(row, _)| row).collect();
            if !missed.is_empty() {
                deadline::miss(&mut tx, &missed, now).await?;
            }
            tx.commit().await?;
            self.inner.committer.stocked();
            if seen < ROUND as usize {
                return Ok(());
            }
        }
    }

    /// The run whose deadline was missed; `None` if it was kept, or has nothing left to be kept for.
    async fn is_missed(
        &self,
        db: &mut Session,
        row: &DeadlineRow,
    ) -> Result<Option<(RunRow, Arc<Version>)>, StoreError> {
        let Some(found) = run::with_conf(db, &[row.run]).await?.pop() else { return Ok(None) };
        let run = found.run;
        let version = self.inner.engine.versions.get(db, &run.tenant, run.version).await?;
        let ended_well = match &row.subject {
            Subject::Run => (run.state == RunState::Success).then_some(run.end_date).flatten(),
            Subject::Task(_) | Subject::Group(_) => {
                let tasks = tasks_of(&version.graph, &row.subject);
                match deadline::ended_well(db, &run.tenant, run.key, &tasks).await? {
                    Some((0, at)) => at,
                    Some(_) => None,
                    // The version that the run has now knows nothing of it.
                    None => return Ok(None),
                }
            }
        };
        Ok((!is_met(row.due_at, [ended_well])).then_some((run, version)))
    }
}

/// The tasks that a deadline of this subject is for.
fn tasks_of(graph: &Graph, subject: &Subject) -> Vec<TaskIndex> {
    match subject {
        Subject::Run => graph.tasks().collect(),
        Subject::Task(task) => graph.find(task).into_iter().collect(),
        Subject::Group(group) => {
            let inside = |index: &TaskIndex| {
                let innermost = graph.task(*index).group.as_ref();
                around(graph.spec(), innermost).iter().any(|around| around.group_id == *group)
            };
            graph.tasks().filter(inside).collect()
        }
    }
}

/// What runs after a deadline was missed.
fn after_miss(
    engine: &Engine,
    whose: Whose<'_>,
    row: &DeadlineRow,
    now: Millis,
) -> Vec<flow_store::callback::CallbackRow> {
    let graph = &whose.1.graph;
    let (deadlines, task) = match &row.subject {
        Subject::Run => (graph.spec().deadlines.as_slice(), None),
        Subject::Task(task) => match graph.find(task) {
            Some(index) => (graph.task(index).deadlines.as_slice(), Some(index)),
            None => return Vec::new(),
        },
        Subject::Group(id) => match graph.spec().groups.iter().find(|group| group.group_id == *id) {
            Some(group) => (group.deadlines.as_slice(), None),
            None => return Vec::new(),
        },
    };
    let ordinal = usize::try_from(row.ordinal).unwrap_or(usize::MAX);
    let Some(spec) = deadlines.get(ordinal) else { return Vec::new() };
    let Some(function) = spec.callback.clone() else { return Vec::new() };
    let (task_id, group_id) = match &row.subject {
        Subject::Run => (None, None),
        Subject::Task(task) => (Some(task.clone()), None),
        Subject::Group(group) => (None, Some(group.clone())),
    };
    let happening = Happening {
        task_id,
        group_id,
        state: (row.subject == Subject::Run).then(|| whose.0.state.to_string()),
        deadline: Some(row.name.clone()).filter(|name| !name.is_empty()),
        due: Some(row.due_at),
        ..happening(whose.0, CallbackEvent::DeadlineMissed, now)
    };
    let callback = CallbackSpec {
        on: CallbackEvent::DeadlineMissed,
        function,
        arguments: spec.arguments.clone(),
        retries: spec.retries,
    };
    follow(engine, whose, (&[callback], task), &happening)
}
