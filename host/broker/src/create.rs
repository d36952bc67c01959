//! Creating runs: the run, its task instances and the work of its roots, in one go.

use std::collections::HashSet;
use std::sync::Arc;

use flow_model::ids::RunKey;
use flow_model::rest::state_events::StateEvent;
use flow_model::state::RunState;
use flow_store::event_log::{self, Event};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError, dag};

use crate::engine::Engine;
use crate::plan::{Holding, Plan, Written};
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
    let new: Vec<RunRow> = runs.iter().map(|new| new.row.clone()).collect();
    let holding = Holding::load(db, engine, new).await?;
    let mut plan = Plan::new(engine, engine.now(), &holding);
    let rows = plan.begin(db).await?;
    let created = run::insert(db, &rows).await?;
    plan.retain(&created);
    let runs: Vec<&NewRun> = runs.iter().copied().filter(|new| created.contains(&new.row.key)).collect();
    for new in &runs {
        describe(db, new).await?;
    }
    let confs: Vec<_> =
        runs.iter().filter_map(|new| Some((&new.row.tenant, new.row.key, new.conf.as_deref()?))).collect();
    if !confs.is_empty() {
        run::insert_confs(db, &confs).await?;
    }
    let mut written = plan.write(db).await?;
    if engine.events.watched() {
        written.events.splice(0..0, runs.iter().map(|new| created_event(new)));
    }
    for new in runs.iter().filter(|new| new.row.state == RunState::Queued) {
        written.merge(begin_if_unpaused(db, engine, &new.row).await?);
    }
    Ok((created, written))
}

/// Begins a run whose DAG was paused when the run was asked for and is no longer: whoever let the DAG go on did not see the
/// run yet.
async fn begin_if_unpaused(db: &mut Session, engine: &Engine, run: &RunRow) -> Result<Written, StoreError> {
    match dag::lock(db, &run.tenant, &run.dag_id).await? {
        Some(dag) if !dag.is_paused => begin(db, engine, run.clone()).await,
        Some(_) | None => Ok(Written::default()),
    }
}

/// Lets a run begin that waited to; the transaction has locked it.
pub(crate) async fn begin(db: &mut Session, engine: &Engine, run: RunRow) -> Result<Written, StoreError> {
    let key = run.key;
    let holding = Holding::load(db, engine, vec![run]).await?;
    let mut plan = Plan::of_everything(db, engine, &holding).await?;
    if let Some(progress) = plan.progress(key) {
        progress.begin();
    }
    plan.settle(db).await?;
    plan.write(db).await
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
