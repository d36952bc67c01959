//! Creating runs: the run, its task instances and the work of its roots, in one go.

use std::collections::HashSet;
use std::sync::Arc;

use flow_model::advance;
use flow_model::ids::RunKey;
use flow_model::rest::state_events::StateEvent;
use flow_model::state::{RunState, TaskEvent, TaskStatus, decide};
use flow_model::trigger_rule::Ruling;
use flow_store::event_log::{self, Event};
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, NewTask};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError, dag};

use crate::engine::Engine;
use crate::plan::{Written, of};
use crate::reshape::{Outcome, Reshape};
use crate::versions::Version;

/// A run to be created.
pub(crate) struct NewRun {
    pub(crate) row: RunRow,
    pub(crate) version: Arc<Version>,
    /// Its configuration; `None` for an empty one.
    pub(crate) conf: Option<String>,
    pub(crate) note: Option<String>,
    /// Under whose name it goes into the event log.
    pub(crate) owner: Option<String>,
}

impl NewRun {
    /// How many tasks it has.
    pub(crate) fn tasks(&self) -> usize {
        self.version.graph.spec().tasks.len()
    }
}

/// Creates runs and answers which of them: one whose run id or logical date is taken is left out.
pub(crate) async fn create(
    db: &mut Session,
    engine: &Engine,
    runs: &[&NewRun],
) -> Result<(HashSet<RunKey>, Written), StoreError> {
    let rows: Vec<RunRow> = runs.iter().map(|new| new.row.clone()).collect();
    let created = run::insert(db, &rows).await?;
    let runs: Vec<&NewRun> = runs.iter().copied().filter(|new| created.contains(&new.row.key)).collect();
    let (mut tasks, mut offers) = (Vec::new(), Vec::new());
    for new in &runs {
        begin_tasks(engine, new, &mut tasks, &mut offers);
        describe(db, new).await?;
    }
    let confs: Vec<_> =
        runs.iter().filter_map(|new| Some((&new.row.tenant, new.row.key, new.conf.as_deref()?))).collect();
    if !confs.is_empty() {
        run::insert_confs(db, &confs).await?;
    }
    if !tasks.is_empty() {
        task_instance::insert(db, &tasks).await?;
    }
    if !offers.is_empty() {
        work::insert(db, &offers).await?;
    }
    let events = if engine.events.watched() { runs.iter().map(|new| created_event(new)).collect() } else { Vec::new() };
    let mut written = Written { offers: !offers.is_empty(), delays: false, events };
    for new in runs.iter().filter(|new| new.row.state == RunState::Queued) {
        written.merge(begin_if_unpaused(db, engine, &new.row).await?);
    }
    Ok((created, written))
}

/// Begins a run whose DAG was paused when the run was asked for and is no longer: whoever let the DAG go on did not see the
/// run yet.
async fn begin_if_unpaused(db: &mut Session, engine: &Engine, run: &RunRow) -> Result<Written, StoreError> {
    match dag::lock(db, &run.tenant, &run.dag_id).await? {
        Some(dag) if !dag.is_paused => Reshape::load(db, engine, run.clone()).await?.settle(db, Outcome::Judged).await,
        Some(_) | None => Ok(Written::default()),
    }
}

/// The task instances of a new run; those that may run at once are offered, unless the run waits.
fn begin_tasks(engine: &Engine, new: &NewRun, tasks: &mut Vec<NewTask>, offers: &mut Vec<WorkRow>) {
    let (graph, run, now) = (&new.version.graph, &new.row, new.row.queued_at);
    for index in graph.tasks() {
        let (key, spec) = (of(run.key, index), graph.task(index));
        let mut status = TaskStatus::NEW;
        let ready = run.state == RunState::Running
            && advance::judge(graph, index, flow_model::trigger_rule::UpstreamCounts::default()) == Ruling::Run;
        if ready {
            let attempt = engine.mint_attempt(now);
            if let Ok(transition) = decide(status, &TaskEvent::Released(attempt), now) {
                status = transition.next;
                let kind = WorkKind::Task { key, try_number: status.try_number };
                let turn = Some(engine.turn(&run.tenant));
                let tenant = run.tenant.clone();
                offers.push(WorkRow { attempt, tenant, kind, turn, available_at: now, lease: None });
            }
        }
        tasks.push(NewTask {
            key,
            tenant: run.tenant.clone(),
            status,
            max_tries: spec.retries,
            task_id: spec.task_id.clone(),
            queued_at: ready.then_some(now),
        });
    }
}

/// What only some runs have: a note, and somebody who asked for them.
async fn describe(db: &mut Session, new: &NewRun) -> Result<(), StoreError> {
    let run = &new.row;
    if let Some(note) = &new.note {
        run::set_note(db, &run.tenant, run.key, Some(note)).await?;
    }
    let Some(owner) = &new.owner else { return Ok(()) };
    let event = Event {
        tenant: Some(&run.tenant),
        at: run.queued_at,
        owner,
        event: "trigger_dag_run",
        dag_id: Some(run.dag_id.as_str()),
        run_id: Some(run.run_id.as_str()),
        ..Event::default()
    };
    event_log::append(db, &event).await
}

fn created_event(new: &NewRun) -> (flow_model::ids::TenantId, StateEvent) {
    let run = &new.row;
    let event = StateEvent::DagRun {
        dag_id: run.dag_id.clone(),
        dag_run_id: run.run_id.clone(),
        state: run.state,
        timestamp: run.queued_at,
    };
    (run.tenant.clone(), event)
}
