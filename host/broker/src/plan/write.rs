//! Writing a plan: what the rules made of each run becomes rows, one statement per table, however many there are.

use std::collections::BTreeMap;

use flow_model::admission::Standing;
use flow_model::advance::{Changes, Instance, Node, RunFacts, Step};
use flow_model::fairness;
use flow_model::ids::{AttemptId, RunKey, TaskId, TenantId};
use flow_model::state::{Phase, QueueEffect, RunState, past_try};
use flow_model::time::Millis;
use flow_model::waiting::Waiting;
use flow_model::work::ErrorClass;
use flow_store::expansion::{self, ExpansionRow};
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, NewTask, TaskKey, TaskRow};
use flow_store::task_try::PastTry;
use flow_store::work::{WorkKind, WorkRow};
use flow_store::{Session, StoreError, task_try, work, xcom};

use super::items::{self, Items};
use super::{Held, Plan, PlannedRun, record};
use crate::engine::{Thing, Written};
use crate::handout::Brief;
use crate::waits;

/// The rows that a plan writes.
#[derive(Default)]
struct Rows {
    runs: Vec<RunRow>,
    saved: Vec<TaskRow>,
    new: Vec<NewTask>,
    removed: Vec<TaskKey>,
    /// The elements of instances that were there before.
    items: Vec<(TaskKey, String)>,
    expansions: Vec<ExpansionRow>,
}

impl<'h> Plan<'h> {
    /// Writes everything. Runs that are new are written by whoever creates them.
    pub(crate) async fn write(mut self, db: &mut Session) -> Result<Written, StoreError> {
        let mut written = Written::default();
        let mut rows = Rows::default();
        // First of all: what is returned is what the tasks behind it are mapped over, perhaps right now.
        self.save_results(db).await?;
        for (key, run) in std::mem::take(&mut self.runs) {
            let PlannedRun { held, stored, row, progress } = run;
            let changes = progress.into_changes();
            let dealt = self.dealt(key, &changes);
            let items = items::deal(db, (&held.version.graph, key), dealt).await?;
            if self.engine.awaited.is_dag(&row.tenant, &row.dag_id) {
                written.happened.push((row.tenant.clone(), Thing::Dag(row.dag_id.clone())));
            }
            if !changes.past.is_empty() {
                written.past.insert((row.tenant.clone(), row.dag_id.clone()));
            }
            let after = self.collect(held, &row, changes, items, &mut rows);
            if after != stored {
                rows.runs.push(after);
            }
        }
        written.merge(self.save(db, &rows)?);
        std::mem::take(&mut self.questions).write(db).await?;
        written.delays |= std::mem::take(&mut self.assets).write(db, self.engine, self.now).await?;
        written.touched = std::mem::take(&mut self.lanes).write(db).await?;
        let mut aftermath = std::mem::take(&mut self.aftermath);
        written.room.merge(std::mem::take(&mut aftermath.room));
        written.offers |= aftermath.write(db, self.engine, self.now).await?;
        Ok(written)
    }

    /// The instances that get their elements now: those that are new, and all of tasks that are dealt to anew.
    fn dealt(&self, run: RunKey, changes: &Changes) -> Vec<Instance> {
        let mut dealt: Vec<Instance> = changes.created.iter().map(|(at, _)| *at).collect();
        if !changes.dealt_anew.is_empty() {
            let present = self.rows.keys().filter(|key| key.run == run && changes.dealt_anew.contains(&key.task));
            dealt.extend(present.map(|key| key.instance()));
        }
        dealt
    }

    async fn save_results(&self, db: &mut Session) -> Result<(), StoreError> {
        for (tenant, task) in &self.outdated_xcoms {
            xcom::clear(db, tenant, task).await?;
        }
        if !self.xcoms.is_empty() {
            xcom::put(db, &self.xcoms, self.now)?;
        }
        Ok(())
    }

    fn save(&mut self, db: &mut Session, rows: &Rows) -> Result<Written, StoreError> {
        if !rows.removed.is_empty() {
            task_instance::delete(db, &rows.removed)?;
        }
        if !rows.new.is_empty() {
            task_instance::insert(db, &rows.new)?;
        }
        if !rows.saved.is_empty() {
            task_instance::save(db, &rows.saved)?;
        }
        if !rows.items.is_empty() {
            task_instance::deal(db, &rows.items)?;
        }
        if !rows.expansions.is_empty() {
            expansion::save(db, &rows.expansions)?;
        }
        if !self.withdrawals.is_empty() {
            work::delete(db, &self.withdrawals)?;
        }
        if !self.offers.is_empty() {
            work::insert(db, &self.offers)?;
        }
        if !rows.runs.is_empty() {
            run::save(db, &rows.runs)?;
        }
        if !self.tries.is_empty() {
            task_try::insert(db, &self.tries)?;
        }
        let (handed, offers): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.offers).into_iter().partition(|offer| offer.lease.is_some());
        Ok(Written {
            offers: offers.iter().any(|offer| offer.turn.is_some()),
            delays: offers.iter().any(|offer| offer.turn.is_none()),
            handed,
            events: std::mem::take(&mut self.events),
            ..Written::default()
        })
    }

    /// What came of one run, as rows.
    fn collect(
        &mut self,
        held: &'h Held,
        before: &RunRow,
        changes: Changes,
        mut items: Items,
        rows: &mut Rows,
    ) -> RunRow {
        let (key, tenant, graph) = (before.key, &before.tenant, &held.version.graph);
        let mut nodes: BTreeMap<_, Node> = changes.changed.into_iter().collect();
        let mut new: BTreeMap<_, TaskRow> =
            changes.created.into_iter().map(|(at, node)| (at, blank(TaskKey::of(key, at), node))).collect();
        for step in &changes.steps {
            let task = TaskKey::of(key, step.at);
            let row = new.get_mut(&step.at).or_else(|| self.rows.get_mut(&task));
            let Some(row) = row else { continue };
            let past = past(tenant, row, step, self.now);
            record::keep(row, step, graph, self.now);
            if let Phase::Running(attempt) = step.to.phase {
                row.worker = self.workers.get(&attempt).copied();
            }
            let row = row.clone();
            if !changes.marked.contains(&step.at) {
                self.assets.step(before, &held.version, step);
            }
            self.aftermath.step(self.engine, (before, held), &row, step);
            self.tries.extend(past);
            self.queue(held, &row, step);
            let standings = (Standing::of(step.from.state()), Standing::of(step.to.state()));
            self.lanes.step((before, &held.version, held.counted), step.at.task, standings);
            if self.engine.events.watched() {
                self.events.push((tenant.clone(), record::task_event(before, graph, step, self.now)));
            }
        }
        for (at, reason) in changes.reasons {
            let row = new.get_mut(&at).or_else(|| self.rows.get_mut(&TaskKey::of(key, at)));
            if let Some(row) = row {
                row.error = Some((ErrorClass::Error, reason));
            }
        }
        for (at, node) in std::mem::take(&mut nodes) {
            if let Some(row) = self.rows.remove(&TaskKey::of(key, at)) {
                rows.saved.push(TaskRow { node, ..row });
            }
        }
        for (at, row) in new {
            let task_id = graph.task(at.task).task_id.clone();
            let item = at.map_index.and_then(|index| items.remove(&(key, at.task, index)));
            rows.new.push(created(tenant, row, task_id, item));
        }
        rows.items.extend(
            items.into_iter().map(|((run, task, index), item)| (TaskKey::of(run, Instance::at(task, index)), item)),
        );
        rows.removed.extend(changes.removed.into_iter().map(|at| TaskKey::of(key, at)));
        let expansion = |(task, facts)| ExpansionRow { run: key, task, tenant: tenant.clone(), facts };
        rows.expansions.extend(changes.expansions.into_iter().map(expansion));
        let after = advanced(before, held, &changes.run, changes.is_held, self.now);
        self.aftermath.run(self.engine, held, &after);
        // Who waits for the run may begin to watch before the commit, and must hear of it all the same.
        if after.state != held.row.state {
            self.events.push((tenant.clone(), record::run_event(&after, self.now)));
        }
        after
    }

    /// What becomes of a task instance's place in the queue.
    fn queue(&mut self, held: &Held, row: &TaskRow, step: &Step) {
        match step.queue {
            QueueEffect::Keep => {}
            QueueEffect::Offer(attempt, at) => self.offer(held, row, step, (attempt, at)),
            QueueEffect::Withdraw(attempt) => self.withdrawals.push(attempt),
            QueueEffect::Replace(old, attempt, at) => {
                self.withdrawals.push(old);
                self.offer(held, row, step, (attempt, at));
            }
        }
        // A wait has its row in the queue too: somebody has to look, or to say that it took too long.
        if step.from.phase != step.to.phase
            && let (Phase::Deferred(attempt) | Phase::AwaitingInput(attempt), Some(wait)) = (step.to.phase, &row.wait)
        {
            let (kind, at) = waits::first_look(wait, (row.key, step.to.try_number), held.row.interval, self.now);
            let turn = (waits::is_claimed(&kind) && at <= self.now).then(|| self.engine.turn(&held.row.tenant));
            let tenant = held.row.tenant.clone();
            let priority = fairness::URGENT;
            self.offers.push(WorkRow { attempt, tenant, kind, turn, priority, available_at: at, lease: None });
            self.questions.ask(&held.row.tenant, attempt, (row, step.to.try_number), self.now);
        }
    }

    fn offer(&mut self, held: &Held, row: &TaskRow, step: &Step, (attempt, at): (AttemptId, Millis)) {
        let tenant = held.row.tenant.clone();
        let (key, try_number) = (row.key, step.to.upcoming_try());
        let kind = match held.version.graph.task(key.task).native {
            Some(_) => WorkKind::Wait { key, try_number },
            None => WorkKind::Task { key, try_number, brief: Brief::of(row) },
        };
        let turn = (at <= self.now && waits::is_claimed(&kind)).then(|| self.engine.turn(&tenant));
        let priority = held.version.rank(&held.row, row.key.task).priority_of_claim();
        let lease = self.workers.get(&attempt).map(|&worker| (worker, self.now.after(self.engine.lease)));
        self.offers.push(WorkRow { attempt, tenant, kind, turn, priority, available_at: at, lease });
    }
}

/// A task instance of which nothing is kept yet besides what the rules see.
fn blank(key: TaskKey, node: Node) -> TaskRow {
    TaskRow {
        key,
        node,
        wait: None::<Waiting>,
        spent_ms: 0,
        queued_at: None,
        start_date: None,
        end_date: None,
        worker: None,
        error: None,
        usage: None,
        map_label: None,
    }
}

/// The run's row after what happened in it.
pub(super) fn advanced(before: &RunRow, held: &Held, facts: &RunFacts, is_held: bool, now: Millis) -> RunRow {
    let mut after = before.clone();
    (after.state, after.tally) = (facts.state, facts.tally.clone());
    // Once held, a run stays so until it is looked at as a whole or has ended.
    after.held = (before.held || is_held) && !facts.state.is_terminal();
    let was = held.row.state;
    match facts.state {
        RunState::Queued => {}
        RunState::Running => {
            if was != RunState::Running {
                after.start_date = Some(now);
                let timeout = held.version.graph.spec().dagrun_timeout_ms;
                after.timeout_at = timeout.map(|timeout| now.after_ms(timeout));
            }
            if was.is_terminal() {
                after.queued_at = now;
            }
            after.end_date = None;
        }
        RunState::Success | RunState::Failed => {
            after.start_date = after.start_date.or(Some(now));
            after.end_date = after.end_date.or(Some(now));
            after.timeout_at = None;
        }
    }
    after
}

/// The try that a step leaves behind, if it leaves one.
fn past(tenant: &TenantId, row: &TaskRow, step: &Step, now: Millis) -> Option<PastTry> {
    let state = past_try(step.from, step.to)?;
    let mut task = row.clone();
    task.node.status.try_number = step.to.try_number;
    task.end_date = Some(task.end_date.unwrap_or(now));
    Some(PastTry { tenant: tenant.clone(), task, state })
}

/// The row of a task instance that there was not before.
fn created(tenant: &TenantId, row: TaskRow, task_id: TaskId, item: Option<String>) -> NewTask {
    NewTask {
        key: row.key,
        tenant: tenant.clone(),
        node: row.node,
        task_id,
        wait: row.wait,
        item,
        queued_at: row.queued_at,
        start_date: row.start_date,
        end_date: row.end_date,
        worker: row.worker,
    }
}
