//! What follows from a plan besides its own rows: callbacks are offered, deadlines set and met, and whoever waits for room
//! is told. DAGs that ask for none of it pay for none of it.

use std::collections::BTreeSet;

use flow_model::advance::Step;
use flow_model::callback::Reason;
use flow_model::ids::{DagId, RunKey};
use flow_model::state::{Phase, RunState, Terminal};
use flow_model::time::Millis;
use flow_store::callback::CallbackRow;
use flow_store::deadline::{self, DeadlineRow, Subject};
use flow_store::run::RunRow;
use flow_store::task_instance::{TaskKey, TaskRow};
use flow_store::{Session, StoreError};

use super::Held;
use crate::engine::{Engine, RoomChanges};
use crate::{callbacks, deadlines};

/// See the module.
#[derive(Default)]
pub(super) struct Aftermath<'h> {
    /// Task instances that did something themselves; whatever else happens to others is the rules' doing.
    pub(super) own: BTreeSet<TaskKey>,
    /// Whether a user says how the runs end.
    pub(super) by_user: bool,
    callbacks: Vec<(DagId, CallbackRow)>,
    starts: Vec<DeadlineRow>,
    met: Vec<(RunKey, Subject)>,
    begun: Vec<(RunRow, &'h Held)>,
    pub(super) room: RoomChanges,
}

impl<'h> Aftermath<'h> {
    /// A task instance has taken a step; `row` is what is kept of it since.
    pub(super) fn step(&mut self, engine: &Engine, (run, held): (&RunRow, &Held), row: &TaskRow, step: &Step) {
        let version = &held.version;
        if version.has_callbacks() && !version.graph.task(row.key.task).callbacks.is_empty() {
            let mut task = row.clone();
            task.node.status = step.to;
            // A try that goes on after a wait has begun before.
            let how = (self.reason(held, row.key, step), row.wait.is_some());
            let rows = callbacks::of_task(engine, (run, version), &task, how);
            self.callbacks.extend(rows.into_iter().map(|row| (run.dag_id.clone(), row)));
        }
        if !version.has_deadlines() {
            return;
        }
        if step.from.phase == Phase::None && !matches!(step.to.phase, Phase::Ended(Terminal::Skipped)) {
            deadlines::start((run, version), row.key.task, engine.now(), &mut self.starts);
        }
        let task = version.graph.task(row.key.task);
        let ended_well = matches!(step.to.phase, Phase::Ended(Terminal::Success | Terminal::Skipped));
        if ended_well && row.key.map_index.is_none() && !task.deadlines.is_empty() {
            self.met.push((run.key, Subject::Task(task.task_id.clone())));
        }
    }

    fn reason(&self, held: &Held, key: TaskKey, step: &Step) -> Reason {
        // What the host does in place of a function, it does the moment that the task may run.
        let is_native = held.version.graph.task(key.task).native.is_some();
        let ran = is_native && step.from.try_number < step.to.try_number;
        if ran || self.own.contains(&key) { Reason::Itself } else { Reason::Rules }
    }

    /// A run has come from the state that it was held in to that of `after`.
    pub(super) fn run(&mut self, engine: &Engine, held: &'h Held, after: &RunRow) {
        let was = held.row.state;
        if was == after.state {
            return;
        }
        let version = &held.version;
        match after.state {
            RunState::Success | RunState::Failed => {
                self.room.end(after, version.graph.spec().max_consecutive_failed_dag_runs > 0);
                let reason = if self.by_user { Reason::User } else { Reason::Itself };
                let rows = callbacks::of_run(engine, (after, version), reason);
                self.callbacks.extend(rows.into_iter().map(|row| (after.dag_id.clone(), row)));
                if after.state == RunState::Success && version.has_deadlines() {
                    self.met.push((after.key, Subject::Run));
                }
            }
            RunState::Running if version.has_deadlines() => self.begun.push((after.clone(), held)),
            RunState::Running | RunState::Queued => {}
        }
    }

    /// Writes all of it. Answers whether work was offered.
    pub(super) async fn write(self, db: &mut Session, engine: &Engine, now: Millis) -> Result<bool, StoreError> {
        for (run, held) in &self.begun {
            if held.row.state.is_terminal() {
                deadline::forget(db, &run.tenant, run.key).await?;
            }
            deadlines::begin(db, &[(run, &held.version)]).await?;
        }
        if !self.starts.is_empty() {
            deadline::set(db, &self.starts).await?;
        }
        if !self.met.is_empty() {
            deadline::meet(db, &self.met, now).await?;
        }
        callbacks::offer(db, engine, &self.callbacks).await?;
        Ok(!self.callbacks.is_empty())
    }
}
