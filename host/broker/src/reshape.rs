//! Changing a run as a whole: what users do to it besides triggering it.
//!
//! Task instances are cleared, marked or stopped, and then the run is looked at anew: its counts are added up from
//! scratch, what may run is released, and its state is what its tasks say it is. The cost is that of the run, as a user may
//! expect; nothing on the way of a running task comes here.

use flow_model::advance;
use flow_model::graph::TaskIndex;
use flow_model::ids::RunKey;
use flow_model::state::{RunState, TaskEvent};
use flow_store::run::RunRow;
use flow_store::task_instance;
use flow_store::{Session, StoreError};

use crate::engine::Engine;
use crate::plan::{Plan, Written, of};

/// What a user does to a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It runs again.
    Clear,
    /// It has ended like this.
    Mark(flow_model::state::Terminal),
    /// It ends as its run is stopped.
    Stop,
}

/// What a run is to be afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What its task instances say.
    Judged,
    /// This, whatever they say.
    Fixed(RunState),
}

/// One locked run with all its task instances, about to be changed.
pub(crate) struct Reshape<'e> {
    pub(crate) plan: Plan<'e>,
    run: RunKey,
}

impl<'e> Reshape<'e> {
    /// Takes up a run that the transaction has locked.
    pub(crate) async fn load(db: &mut Session, engine: &'e Engine, run: RunRow) -> Result<Self, StoreError> {
        let (key, tenant) = (run.key, run.tenant.clone());
        let mut plan = Plan::new(engine, engine.now());
        plan.adopt_runs(db, vec![run]).await?;
        plan.adopt_tasks(task_instance::of_run(db, &tenant, key).await?);
        Ok(Self { plan, run: key })
    }

    /// Lets a change happen to each of these tasks.
    pub(crate) fn change(&mut self, tasks: &[TaskIndex], change: Change) {
        for &task in tasks {
            let key = of(self.run, task);
            let event = match change {
                Change::Clear => TaskEvent::Cleared,
                Change::Mark(how) => TaskEvent::Marked(how),
                Change::Stop => TaskEvent::Stopped,
            };
            if change == Change::Clear {
                self.grant_tries(task);
            }
            if let Err(refused) = self.plan.happen(key, &event) {
                tracing::error!(%refused, "a task instance refused what a user did to it");
            }
        }
    }

    /// A cleared task instance has all its tries before it once more (Airflow bumps `max_tries` alike).
    fn grant_tries(&mut self, task: TaskIndex) {
        let Some((_, version)) = self.plan.run(self.run) else { return };
        let retries = version.graph.task(task).retries;
        self.plan.change_task(of(self.run, task), |row| {
            row.max_tries = row.status.try_number.saturating_add(retries);
        });
    }

    /// Looks at the run anew and writes everything.
    pub(crate) async fn settle(mut self, db: &mut Session, outcome: Outcome) -> Result<Written, StoreError> {
        let Some((_, version)) = self.plan.run(self.run) else { return Ok(Written::default()) };
        let version = std::sync::Arc::clone(version);
        let (ended, waiting) = self.plan.outline(self.run);
        let resettled = advance::resettle(&version.graph, &ended, &waiting);
        for task in version.graph.tasks() {
            let seen = resettled.counts.get(&task).copied().unwrap_or_default();
            let key = of(self.run, task);
            if self.plan.task(key).is_some_and(|row| row.seen != seen) {
                self.plan.change_task(key, |row| row.seen = seen);
            }
        }
        for &task in &resettled.released {
            let attempt = self.plan.engine.mint_attempt(self.plan.now);
            self.happen(task, &TaskEvent::Released(attempt));
        }
        for (&task, &how) in &resettled.ruled {
            self.happen(task, &TaskEvent::Ruled(how));
        }
        self.plan.forget_waves();
        let state = match outcome {
            Outcome::Judged => resettled.tally.verdict(),
            Outcome::Fixed(state) => state,
        };
        let now = self.plan.now;
        self.plan.change_run(self.run, |run| {
            run.tally = resettled.tally;
            if state.is_terminal() {
                run.end_date = run.end_date.or(Some(now));
            } else {
                run.end_date = None;
                if run.state != state {
                    run.queued_at = now;
                    run.start_date = Some(now);
                }
            }
            run.state = state;
        });
        self.plan.write(db).await
    }

    fn happen(&mut self, task: TaskIndex, event: &TaskEvent<'_>) {
        if let Err(refused) = self.plan.happen(of(self.run, task), event) {
            tracing::error!(%refused, "a waiting task instance refused its upstream's ruling");
        }
    }
}
