//! One transaction's changes to runs: gathered in memory by the model's rules, then written table by table.
//!
//! Everything that changes a task instance goes through [`Plan::apply`], so that its row, its place in the queue, its
//! record of tries and its run's tally always change together.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_model::advance::Wave;
use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, RunKey, TenantId};
use flow_model::rest::state_events::StateEvent;
use flow_model::state::{InvalidTransition, Phase, QueueEffect, TaskEvent, Transition, decide, past_try};
use flow_model::time::Millis;
use flow_store::run::RunRow;
use flow_store::task_instance::{TaskKey, TaskRow};
use flow_store::task_try::PastTry;
use flow_store::work::{WorkKind, WorkRow};
use flow_store::xcom::NewXcom;
use flow_store::{Session, StoreError};

use crate::engine::Engine;
use crate::versions::Version;

mod record;
mod settle;
mod write;

pub(crate) use write::Written;

/// See the module.
pub(crate) struct Plan<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) now: Millis,
    runs: BTreeMap<RunKey, PlannedRun>,
    tasks: BTreeMap<TaskKey, PlannedTask>,
    waves: BTreeMap<RunKey, Wave>,
    offers: Vec<WorkRow>,
    withdrawals: Vec<AttemptId>,
    xcoms: Vec<NewXcom>,
    outdated_xcoms: Vec<(TenantId, TaskKey)>,
    tries: Vec<PastTry>,
    events: Vec<(TenantId, StateEvent)>,
}

struct PlannedRun {
    row: RunRow,
    version: Arc<Version>,
    changed: bool,
}

struct PlannedTask {
    row: TaskRow,
    changed: bool,
}

impl<'e> Plan<'e> {
    pub(crate) fn new(engine: &'e Engine, now: Millis) -> Self {
        Self {
            engine,
            now,
            runs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            waves: BTreeMap::new(),
            offers: Vec::new(),
            withdrawals: Vec::new(),
            xcoms: Vec::new(),
            outdated_xcoms: Vec::new(),
            tries: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Takes up runs that the transaction has locked.
    pub(crate) async fn adopt_runs(&mut self, db: &mut Session, rows: Vec<RunRow>) -> Result<(), StoreError> {
        for row in rows {
            let version = self.engine.versions.get(db, &row.tenant, row.version).await?;
            self.runs.insert(row.key, PlannedRun { row, version, changed: false });
        }
        Ok(())
    }

    /// Takes up task instances of those runs.
    pub(crate) fn adopt_tasks(&mut self, rows: Vec<TaskRow>) {
        for row in rows {
            self.tasks.entry(row.key).or_insert(PlannedTask { row, changed: false });
        }
    }

    /// A run that was taken up.
    pub(crate) fn run(&self, key: RunKey) -> Option<(&RunRow, &Arc<Version>)> {
        self.runs.get(&key).map(|run| (&run.row, &run.version))
    }

    /// A run that was taken up, to be changed.
    pub(crate) fn change_run(&mut self, key: RunKey, change: impl FnOnce(&mut RunRow)) {
        if let Some(run) = self.runs.get_mut(&key) {
            let before = run.row.state;
            change(&mut run.row);
            run.changed = true;
            if run.row.state != before && self.engine.events.watched() {
                self.events.push((run.row.tenant.clone(), record::run_event(&run.row, self.now)));
            }
        }
    }

    /// A task instance that was taken up.
    pub(crate) fn task(&self, key: TaskKey) -> Option<&TaskRow> {
        self.tasks.get(&key).map(|task| &task.row)
    }

    /// A task instance that was taken up, to be changed in what is not its status.
    pub(crate) fn change_task(&mut self, key: TaskKey, change: impl FnOnce(&mut TaskRow)) {
        if let Some(task) = self.tasks.get_mut(&key) {
            change(&mut task.row);
            task.changed = true;
        }
    }

    /// Every task instance of a run that was taken up, in the order of its DAG.
    pub(crate) fn tasks_of(&self, run: RunKey) -> impl Iterator<Item = &TaskRow> {
        self.tasks.values().map(|task| &task.row).filter(move |row| row.key.run == run)
    }

    /// Stores a value under a task instance's name.
    pub(crate) fn put_xcom(&mut self, xcom: NewXcom) {
        self.xcoms.push(xcom);
    }

    /// Removes what earlier tries of the task instance stored.
    pub(crate) fn drop_xcoms(&mut self, key: TaskKey) {
        if let Some(run) = self.runs.get(&key.run) {
            self.outdated_xcoms.push((run.row.tenant.clone(), key));
        }
    }

    /// Lets `event` happen to a task instance.
    pub(crate) fn happen(&mut self, key: TaskKey, event: &TaskEvent<'_>) -> Result<(), InvalidTransition> {
        let Some(task) = self.tasks.get(&key) else { return Ok(()) };
        let transition = decide(task.row.status, event, self.now)?;
        self.apply(key, transition);
        Ok(())
    }

    /// Carries out what the model decided about a task instance.
    pub(crate) fn apply(&mut self, key: TaskKey, transition: Transition) {
        let (Some(task), Some(run)) = (self.tasks.get_mut(&key), self.runs.get(&key.run)) else { return };
        let before = task.row.status;
        if before == transition.next {
            return;
        }
        if let Some(state) = past_try(before, transition.next) {
            let mut past = task.row.clone();
            past.status.try_number = transition.next.try_number;
            past.end_date = Some(past.end_date.unwrap_or(self.now));
            self.tries.push(PastTry { tenant: run.row.tenant.clone(), task: past, state });
        }
        task.row.status = transition.next;
        task.changed = true;
        record::date(&mut task.row, self.now);
        match transition.next.phase {
            Phase::Ended(how) => {
                self.waves.entry(key.run).or_default().insert(key.task, how);
            }
            Phase::None | Phase::Queued(_) | Phase::Running(_) | Phase::UpForRetry(..) => {}
        }
        if self.engine.events.watched() {
            self.events.push((run.row.tenant.clone(), record::task_event(run, &task.row, self.now)));
        }
        self.queue(key, transition.queue);
    }

    fn queue(&mut self, key: TaskKey, effect: QueueEffect) {
        match effect {
            QueueEffect::Keep => {}
            QueueEffect::Offer(attempt, at) => self.offer(key, attempt, at),
            QueueEffect::Withdraw(attempt) => self.withdrawals.push(attempt),
            QueueEffect::Replace(old, new, at) => {
                self.withdrawals.push(old);
                self.offer(key, new, at);
            }
        }
    }

    fn offer(&mut self, key: TaskKey, attempt: AttemptId, at: Millis) {
        let (Some(task), Some(run)) = (self.tasks.get(&key), self.runs.get(&key.run)) else { return };
        let tenant = run.row.tenant.clone();
        let turn = (at <= self.now).then(|| self.engine.turn(&tenant));
        let kind = WorkKind::Task { key, try_number: task.row.status.upcoming_try() };
        self.offers.push(WorkRow { attempt, tenant, kind, turn, available_at: at, lease: None });
    }
}

/// The task instance of a task that is not mapped.
pub(crate) fn of(run: RunKey, task: TaskIndex) -> TaskKey {
    TaskKey { run, task, map_index: None }
}
