//! Letting runs go on: the rules say which rows they need, and the plan fetches those of all runs together.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::admission::limits_of;
use flow_model::advance::{Host, Past, Settled, Wanted};
use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, RunKey};
use flow_model::time::Millis;
use flow_store::task_instance::{self, TaskKey, TaskRow};
use flow_store::{Session, StoreError, expansion};

use super::{Held, Plan, of};
use crate::engine::Engine;

impl Plan<'_> {
    /// Follows everything that has happened until nothing more follows.
    pub(crate) async fn settle(&mut self, db: &mut Session) -> Result<(), StoreError> {
        let mut before = Vec::new();
        loop {
            let mut wanted = Vec::new();
            for (&key, run) in &mut self.runs {
                let mut host = RunHost { engine: self.engine, now: self.now, held: run.held };
                if let Settled::Needs(needs) = run.progress.settle(&mut host) {
                    wanted.extend(needs.into_iter().map(|need| (key, need)));
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            if wanted == before {
                let reason = format!("rows that have to be there are not: {wanted:?}");
                return Err(StoreError::Inconsistent { column: "task_instance", reason });
            }
            before.clone_from(&wanted);
            self.fetch(db, wanted).await?;
        }
    }

    /// Takes up task instances that were loaded, with what those of mapped tasks share.
    pub(crate) async fn take_up(&mut self, db: &mut Session, rows: Vec<TaskRow>) -> Result<(), StoreError> {
        let mut request = Request::default();
        let mut of_runs: BTreeMap<RunKey, Vec<TaskRow>> = BTreeMap::new();
        for row in rows {
            let Some(planned) = self.runs.get(&row.key.run) else { continue };
            request.expand(row.key.run, row.key.task, planned.held.version.graph.mapping(row.key.task).is_some());
            of_runs.entry(row.key.run).or_default().push(row);
        }
        for (run, rows) in of_runs {
            self.adopt(run, &[], rows, Vec::new());
        }
        self.answer(db, request, &[]).await
    }

    /// Hands in what was asked for.
    pub(super) async fn fetch(&mut self, db: &mut Session, wanted: Vec<(RunKey, Wanted)>) -> Result<(), StoreError> {
        let mut request = Request::default();
        for (run, need) in &wanted {
            let Some(planned) = self.runs.get(run) else { continue };
            let is_mapped = |task: TaskIndex| planned.held.version.graph.mapping(task).is_some();
            match need {
                Wanted::Head(task) => {
                    request.instances.insert(of(*run, *task));
                    request.expand(*run, *task, is_mapped(*task));
                }
                Wanted::Instance(at) => {
                    request.instances.insert(TaskKey::of(*run, *at));
                    request.expand(*run, at.task, is_mapped(at.task));
                }
                Wanted::Whole(task) => {
                    request.whole.insert((*run, *task));
                    request.expand(*run, *task, is_mapped(*task));
                }
                Wanted::Past(task) => {
                    let past = past(db, planned.held, *task).await?;
                    if let Some(progress) = self.progress(*run) {
                        progress.adopt_past(*task, past);
                    }
                }
                Wanted::Everything => {
                    let tenant = planned.row.tenant.clone();
                    let rows = task_instance::of_run(db, &tenant, *run).await?;
                    let expansions = expansion::of_run(db, &tenant, *run).await?;
                    self.adopt(*run, &[Wanted::Everything], rows, expansions);
                }
            }
        }
        self.answer(db, request, &wanted).await
    }

    async fn answer(
        &mut self,
        db: &mut Session,
        request: Request,
        wanted: &[(RunKey, Wanted)],
    ) -> Result<(), StoreError> {
        let Request { instances, whole, expansions } = request;
        let mut rows: BTreeMap<RunKey, Vec<TaskRow>> = BTreeMap::new();
        let mut facts: BTreeMap<RunKey, Vec<_>> = BTreeMap::new();
        if !instances.is_empty() {
            let keys: Vec<TaskKey> = instances.into_iter().collect();
            for row in task_instance::load(db, &keys).await? {
                rows.entry(row.key.run).or_default().push(row);
            }
        }
        if !whole.is_empty() {
            let keys: Vec<_> = whole.into_iter().collect();
            for row in task_instance::of_tasks(db, &keys).await? {
                rows.entry(row.key.run).or_default().push(row);
            }
        }
        if !expansions.is_empty() {
            let keys: Vec<_> = expansions.into_iter().collect();
            for row in expansion::load(db, &keys).await? {
                facts.entry(row.run).or_default().push(row);
            }
        }
        let runs: BTreeSet<RunKey> = wanted.iter().map(|(run, _)| *run).chain(facts.keys().copied()).collect();
        for run in runs {
            let answered: Vec<Wanted> = wanted
                .iter()
                .filter(|(of, need)| *of == run && *need != Wanted::Everything)
                .map(|(_, need)| *need)
                .collect();
            self.adopt(run, &answered, rows.remove(&run).unwrap_or_default(), facts.remove(&run).unwrap_or_default());
        }
        Ok(())
    }
}

/// Rows to be fetched.
#[derive(Default)]
struct Request {
    instances: BTreeSet<TaskKey>,
    whole: BTreeSet<(RunKey, TaskIndex)>,
    expansions: BTreeSet<(RunKey, TaskIndex)>,
}

impl Request {
    fn expand(&mut self, run: RunKey, task: TaskIndex, is_mapped: bool) {
        if is_mapped {
            self.expansions.insert((run, task));
        }
    }
}

/// Whether a task has to wait for the run before.
async fn past(db: &mut Session, held: &Held, task: TaskIndex) -> Result<Past, StoreError> {
    match &held.previous {
        Some(previous) => previous.past(db, &held.version.graph, task).await,
        None => Ok(Past::Met),
    }
}

/// What the rules ask about one run.
pub(super) struct RunHost<'h> {
    pub(super) engine: &'h Engine,
    pub(super) now: Millis,
    pub(super) held: &'h Held,
}

impl Host for RunHost<'_> {
    fn now(&self) -> Millis {
        self.now
    }

    fn mint(&mut self) -> AttemptId {
        self.engine.mint_attempt(self.now)
    }

    fn admits(&mut self, task: TaskIndex) -> bool {
        limits_of(&self.held.version.graph, task, self.held.row.key, self.held.counted).is_empty()
    }
}
