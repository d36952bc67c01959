//! One transaction's changes to runs: gathered in memory by the model's rules, then written table by table.
//!
//! Every run has its [`Progress`]; whatever happens to a task instance happens there. The plan loads the rows that the rules
//! ask for, of all runs in one statement, and at the end writes what came of it: rows, places in the queue, records of
//! tries, lanes and tallies always change together.

use std::collections::{BTreeMap, HashMap, HashSet};

use flow_model::admission::limits_of;
use flow_model::advance::{Finish, Instance, Progress, Refusal, RunFacts, Wanted};
use flow_model::human_input::Answered;
use flow_model::ids::{AttemptId, JobId, RunKey, TenantId};
use flow_model::rest::state_events::StateEvent;
use flow_model::state::{TaskEvent, TaskStatus};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, Failure};
use flow_store::expansion::{self, ExpansionRow};
use flow_store::run::RunRow;
use flow_store::task_instance::{self, TaskKey, TaskRow};
use flow_store::task_try::PastTry;
use flow_store::work::WorkRow;
use flow_store::xcom::{NewXcom, RETURN_VALUE};
use flow_store::{Session, StoreError};

use crate::admission::LaneChanges;
use crate::assets::Ledger;
use crate::engine::{Engine, Version};

mod aftermath;
mod begin;
mod held;
mod items;
mod load;
mod previous;
mod questions;
mod record;
mod write;

use aftermath::Aftermath;
pub(crate) use held::{Held, Holding};
use load::RunHost;
pub(crate) use previous::Previous;
use questions::Questions;

/// See the module.
pub(crate) struct Plan<'h> {
    pub(crate) engine: &'h Engine,
    pub(crate) now: Millis,
    runs: BTreeMap<RunKey, PlannedRun<'h>>,
    /// What is kept of task instances besides what the rules see.
    rows: BTreeMap<TaskKey, TaskRow>,
    offers: Vec<WorkRow>,
    withdrawals: Vec<AttemptId>,
    xcoms: Vec<NewXcom>,
    outdated_xcoms: Vec<(TenantId, TaskKey)>,
    tries: Vec<PastTry>,
    events: Vec<(TenantId, StateEvent)>,
    lanes: LaneChanges,
    assets: Ledger,
    questions: Questions,
    aftermath: Aftermath<'h>,
    /// Who runs the attempts that begin.
    workers: HashMap<AttemptId, JobId>,
}

struct PlannedRun<'h> {
    held: &'h Held,
    /// The row as it is stored.
    stored: RunRow,
    /// The row as it is to be.
    row: RunRow,
    progress: Progress<'h>,
}

impl<'h> Plan<'h> {
    /// A plan for these runs, which the transaction has locked. None of their task instances is in memory yet.
    pub(crate) fn new(engine: &'h Engine, now: Millis, holding: &'h Holding) -> Self {
        let runs = holding.iter().map(|held| (held.row.key, PlannedRun::new(held))).collect();
        Self {
            engine,
            now,
            runs,
            rows: BTreeMap::new(),
            offers: Vec::new(),
            withdrawals: Vec::new(),
            xcoms: Vec::new(),
            outdated_xcoms: Vec::new(),
            tries: Vec::new(),
            events: Vec::new(),
            lanes: LaneChanges::default(),
            assets: Ledger::default(),
            questions: Questions::default(),
            aftermath: Aftermath::default(),
            workers: HashMap::new(),
        }
    }

    /// The same with every task instance of every run in memory.
    pub(crate) async fn of_everything(
        db: &mut Session,
        engine: &'h Engine,
        holding: &'h Holding,
    ) -> Result<Self, StoreError> {
        let mut plan = Self::new(engine, engine.now(), holding);
        for held in holding.iter() {
            let (tenant, run) = (&held.row.tenant, held.row.key);
            let rows = task_instance::of_run(db, tenant, run).await?;
            let expansions = expansion::of_run(db, tenant, run).await?;
            plan.adopt(run, &[Wanted::Everything], rows, expansions);
        }
        Ok(plan)
    }

    /// Begins runs that are about to be stored. Answers them as they are to be stored.
    pub(crate) async fn begin(&mut self, db: &mut Session) -> Result<Vec<RunRow>, StoreError> {
        for run in self.runs.values_mut() {
            run.progress = Progress::create(&run.held.version.graph, run.progress.run().clone());
        }
        self.settle(db).await?;
        let rows = self.runs.values_mut().map(|run| {
            run.row = write::advanced(&run.row, run.held, run.progress.run(), false, self.now);
            run.stored = run.row.clone();
            run.row.clone()
        });
        Ok(rows.collect())
    }

    /// Leaves out the runs that are not among these.
    pub(crate) fn retain(&mut self, runs: &HashSet<RunKey>) {
        self.runs.retain(|key, _| runs.contains(key));
    }

    /// Takes up task instances, with what those of mapped tasks share.
    pub(crate) async fn load(&mut self, db: &mut Session, keys: &[TaskKey]) -> Result<(), StoreError> {
        let wanted = keys.iter().map(|key| (key.run, Wanted::Instance(key.instance()))).collect();
        self.fetch(db, wanted).await
    }

    fn adopt(&mut self, run: RunKey, answered: &[Wanted], rows: Vec<TaskRow>, expansions: Vec<ExpansionRow>) {
        let Some(planned) = self.runs.get_mut(&run) else { return };
        let nodes = rows.iter().map(|row| (row.key.instance(), row.node.clone()));
        planned.progress.adopt(answered, nodes, expansions.into_iter().map(|row| (row.task, row.facts)));
        for row in rows {
            self.rows.entry(row.key).or_insert(row);
        }
    }

    /// A run of the plan, and its version.
    pub(crate) fn run(&self, key: RunKey) -> Option<(&RunRow, &'h Version)> {
        self.runs.get(&key).map(|run| (&run.row, &*run.held.version))
    }

    /// A run of the plan, to be changed in what the rules do not see.
    pub(crate) fn change_run(&mut self, key: RunKey, change: impl FnOnce(&mut RunRow)) {
        if let Some(run) = self.runs.get_mut(&key) {
            change(&mut run.row);
        }
    }

    /// How a run goes on.
    pub(crate) fn progress(&mut self, key: RunKey) -> Option<&mut Progress<'h>> {
        self.runs.get_mut(&key).map(|run| &mut run.progress)
    }

    /// A task instance that is in memory, as it was loaded; where it stands since is in [`Plan::status`].
    pub(crate) fn row(&self, key: TaskKey) -> Option<&TaskRow> {
        self.rows.get(&key)
    }

    /// Where a task instance stands that is in memory.
    pub(crate) fn status(&self, key: TaskKey) -> Option<TaskStatus> {
        self.runs.get(&key.run)?.progress.node(key.instance()).map(|node| node.status)
    }

    /// A task instance that is in memory, to be changed in what the rules do not see.
    pub(crate) fn change_row(&mut self, key: TaskKey, change: impl FnOnce(&mut TaskRow)) {
        if let Some(row) = self.rows.get_mut(&key) {
            change(row);
        }
    }

    /// Every task instance of a run that was in memory at the begin, in the order of its DAG.
    pub(crate) fn rows_of(&self, run: RunKey) -> impl Iterator<Item = &TaskRow> {
        self.rows.values().filter(move |row| row.key.run == run)
    }

    /// Lets something happen to a task instance.
    pub(crate) fn happen(&mut self, key: TaskKey, event: &TaskEvent<'_>) -> Result<(), Refusal> {
        let now = self.now;
        self.aftermath.own.insert(key);
        match self.runs.get_mut(&key.run) {
            Some(run) => run.progress.happen(key.instance(), event, now),
            None => Err(Refusal::NotInMemory(key.instance())),
        }
    }

    /// Lets an attempt at a task instance end. If the end makes no sense, the answer says why it is a failure.
    pub(crate) fn finish(&mut self, key: TaskKey, finish: &Finish<'_>) -> Result<Option<Failure>, Refusal> {
        let now = self.now;
        self.aftermath.own.insert(key);
        match self.runs.get_mut(&key.run) {
            Some(run) => run.progress.finish(key.instance(), finish, now),
            None => Err(Refusal::NotInMemory(key.instance())),
        }
    }

    /// The pause before another try is over of what is the host's own work.
    pub(crate) fn try_again(&mut self, key: TaskKey) -> Result<(), Refusal> {
        let (engine, now) = (self.engine, self.now);
        match self.runs.get_mut(&key.run) {
            Some(run) => run.progress.try_again(key.instance(), &mut RunHost { engine, now, held: run.held }),
            None => Err(Refusal::NotInMemory(key.instance())),
        }
    }

    /// Notes that a question has its answer.
    pub(crate) fn note_answer(&mut self, attempt: AttemptId, answered: Answered) {
        self.questions.answer(attempt, answered);
    }

    /// Notes that a user says how the runs of the plan end, so that nobody has to be told.
    pub(crate) fn ended_by_user(&mut self) {
        self.aftermath.by_user = true;
    }

    /// Whether an instance of the task can be claimed at once, because nothing limits how many there are.
    pub(crate) fn admits(&self, key: TaskKey) -> bool {
        self.runs.get(&key.run).is_some_and(|run| {
            let (graph, counted) = (&run.held.version.graph, run.held.counted);
            limits_of(graph, key.task, key.run, counted).is_empty()
        })
    }

    /// Stores what an attempt returned, if it returned something.
    pub(crate) fn put_result(&mut self, task: TaskKey, end: &AttemptEnd) {
        let tenant = self.runs.get(&task.run).map(|run| run.row.tenant.clone());
        if let (Some(tenant), Some(value), Ok(key)) = (tenant, end.value(), RETURN_VALUE.parse()) {
            self.put_xcom(NewXcom { tenant, task, key, value: value.clone() });
        }
    }

    /// Stores a value under a task instance's name.
    pub(crate) fn put_xcom(&mut self, xcom: NewXcom) {
        self.xcoms.push(xcom);
    }

    /// Removes what earlier tries of the task instance stored.
    pub(crate) fn drop_xcoms(&mut self, key: TaskKey) {
        if let Some(run) = self.runs.get(&key.run) {
            self.outdated_xcoms.push((run.row.tenant.clone(), key));
            self.assets.forget(&run.held.version, key);
        }
    }
}

impl<'h> PlannedRun<'h> {
    fn new(held: &'h Held) -> Self {
        let row = held.row.clone();
        let facts = RunFacts {
            state: row.state,
            tally: row.tally.clone(),
            has_past: held.previous.is_some(),
            is_latest: held.is_latest,
        };
        Self { held, progress: Progress::new(&held.version.graph, facts), stored: row.clone(), row }
    }
}

/// The task instance of a task that is not mapped.
pub(crate) fn of(run: RunKey, task: flow_model::graph::TaskIndex) -> TaskKey {
    TaskKey::of(run, Instance::of(task))
}
