//! Creating runs: the run, its task instances and the work of its roots, in one go.

use std::collections::HashSet;
use std::sync::Arc;

use flow_model::fairness::FreeHands;
use flow_model::ids::{PartitionKey, RunKey};
use flow_model::rest::state_events::StateEvent;
use flow_model::run::is_due;
use flow_store::event_log::{self, Event};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError};

use crate::engine::{Engine, Version, Written};
use crate::plan::{Holding, Plan};
use crate::{deadlines, room};

/// A run to be created.
pub(crate) struct NewRun {
    pub(crate) row: RunRow,
    pub(crate) version: Arc<Version>,
    /// Its configuration; `None` for an empty one.
    pub(crate) conf: Option<String>,
    pub(crate) note: Option<String>,
    /// The part of its assets that it is for.
    pub(crate) partition: Option<PartitionKey>,
    /// Under whose name it goes into the event log.
    pub(crate) owner: Option<String>,
}

impl NewRun {
    /// How many tasks it has.
    pub(crate) fn tasks(&self) -> usize {
        self.version.graph.spec().tasks.len()
    }
}

/// Creates runs and answers which of them: one whose run id or logical date is taken is left out. Their first tasks may begin
/// at once in these hands.
pub(crate) async fn create(
    db: &mut Session,
    engine: &Engine,
    runs: &[&NewRun],
    hands: &mut FreeHands,
) -> Result<(HashSet<RunKey>, Written), StoreError> {
    let mut new: Vec<RunRow> = runs.iter().map(|new| new.row.clone()).collect();
    let is_early = new.iter().any(|run| !is_due(run.run_after, run.queued_at));
    let room = room::seat(db, &mut new).await?;
    let holding = Holding::load(db, engine, new).await?;
    let mut plan = Plan::new(engine, engine.now(), &holding);
    let rows = plan.begin(db).await?;
    let created = run::insert(db, &rows).await?;
    plan.retain(&created);
    let runs: Vec<&NewRun> = runs.iter().copied().filter(|new| created.contains(&new.row.key)).collect();
    describe(db, &runs).await?;
    let confs: Vec<_> =
        runs.iter().filter_map(|new| Some((&new.row.tenant, new.row.key, new.conf.as_deref()?))).collect();
    if !confs.is_empty() {
        run::insert_confs(db, &confs)?;
    }
    set_deadlines(db, &rows, &runs).await?;
    plan.hand_over(hands);
    let mut written = plan.write(db).await?;
    written.room.merge(room);
    written.delays |= is_early;
    if engine.events.watched() {
        let new = rows.iter().filter(|row| created.contains(&row.key));
        written.events.splice(0..0, new.map(created_event));
    }
    Ok((created, written))
}

/// Sets by when these runs, which have just been stored, have to be done.
async fn set_deadlines(db: &mut Session, rows: &[RunRow], runs: &[&NewRun]) -> Result<(), StoreError> {
    for new in runs.iter().filter(|new| new.version.has_deadlines()) {
        if let Some(row) = rows.iter().find(|row| row.key == new.row.key) {
            deadlines::begin(db, &[(row, &new.version)]).await?;
        }
    }
    Ok(())
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

/// What only some runs have: a note, a partition, and somebody who asked for them.
async fn describe(db: &mut Session, runs: &[&NewRun]) -> Result<(), StoreError> {
    let mut events = Vec::new();
    for new in runs {
        let run = &new.row;
        if let Some(note) = &new.note {
            run::set_note(db, &run.tenant, run.key, Some(note)).await?;
        }
        if let Some(key) = &new.partition {
            run::set_partition(db, &run.tenant, run.key, key).await?;
        }
        events.extend(new.owner.as_deref().map(|owner| asked_for(run, owner)));
    }
    if events.is_empty() { Ok(()) } else { event_log::append(db, &events) }
}

fn asked_for<'r>(run: &'r RunRow, owner: &'r str) -> Event<'r> {
    Event {
        tenant: Some(&run.tenant),
        at: run.queued_at,
        owner,
        event: "trigger_dag_run",
        dag_id: Some(run.dag_id.as_str()),
        run_id: Some(run.run_id.as_str()),
        ..Event::default()
    }
}

fn created_event(run: &RunRow) -> (flow_model::ids::TenantId, StateEvent) {
    let event = StateEvent::DagRun {
        dag_id: run.dag_id.clone(),
        dag_run_id: run.run_id.clone(),
        state: run.state,
        timestamp: run.queued_at,
    };
    (run.tenant.clone(), event)
}
