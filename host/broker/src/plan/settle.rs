//! What follows when task instances end: downstream tasks are counted, released or ruled out, runs come to an end.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::advance::{self, Wave};
use flow_model::graph::TaskIndex;
use flow_model::ids::RunKey;
use flow_model::state::{Phase, TaskEvent};
use flow_model::trigger_rule::{Ruling, UpstreamCounts};
use flow_store::task_instance::{self, TaskKey};
use flow_store::{Session, StoreError};

use super::{Plan, of};

impl Plan<'_> {
    /// Follows every end to the tasks behind it, wave by wave, until nothing more follows.
    pub(crate) async fn settle(&mut self, db: &mut Session) -> Result<(), StoreError> {
        while !self.waves.is_empty() {
            let waves = std::mem::take(&mut self.waves);
            let growth = self.growth(&waves);
            let missing: Vec<TaskKey> = growth.keys().filter(|key| !self.tasks.contains_key(key)).copied().collect();
            if !missing.is_empty() {
                let rows = task_instance::load(db, &missing).await?;
                self.adopt_tasks(rows);
            }
            for (key, grown) in growth {
                self.change_task(key, |task| task.seen.add(grown));
                self.judge(key);
            }
        }
        self.conclude();
        Ok(())
    }

    /// Counts waves into their runs' tallies, and how the upstream counts behind them grow.
    fn growth(&mut self, waves: &BTreeMap<RunKey, Wave>) -> BTreeMap<TaskKey, UpstreamCounts> {
        let mut all = BTreeMap::new();
        for (&key, wave) in waves {
            let Some(run) = self.runs.get_mut(&key) else { continue };
            run.row.tally = run.row.tally.after(&run.version.graph, wave);
            run.changed = true;
            let touched = advance::touched(&run.version.graph, wave);
            all.extend(touched.into_iter().map(|(task, grown)| (of(key, task), grown)));
        }
        all
    }

    /// Asks the model what becomes of a task instance that waits for its upstream.
    fn judge(&mut self, key: TaskKey) {
        let (Some(task), Some(run)) = (self.tasks.get(&key), self.runs.get(&key.run)) else { return };
        if task.row.status.phase != Phase::None {
            return;
        }
        let event = match advance::judge(&run.version.graph, key.task, task.row.seen) {
            Ruling::Wait => return,
            Ruling::Run => TaskEvent::Released(self.engine.mint_attempt(self.now)),
            Ruling::End(how) => TaskEvent::Ruled(how),
        };
        if let Err(refused) = self.happen(key, &event) {
            tracing::error!(%refused, "a waiting task instance refused its upstream's ruling");
        }
    }

    /// Forgets what ended, for a caller that looks at the run as a whole instead.
    pub(crate) fn forget_waves(&mut self) {
        self.waves.clear();
    }

    /// Ends the runs in which nothing is left to do.
    fn conclude(&mut self) {
        let now = self.now;
        let over: Vec<_> = self
            .runs
            .values()
            .filter(|run| run.changed && !run.row.state.is_terminal())
            .map(|run| (run.row.key, run.row.tally.verdict()))
            .filter(|(_, verdict)| verdict.is_terminal())
            .collect();
        for (key, verdict) in over {
            self.change_run(key, |run| {
                run.state = verdict;
                run.end_date = Some(now);
            });
        }
    }

    /// The tasks of a run by what the model asks of them: which have ended and how, and which wait.
    pub(crate) fn outline(&self, run: RunKey) -> (Wave, BTreeSet<TaskIndex>) {
        let mut ended = Wave::new();
        let mut waiting = BTreeSet::new();
        for row in self.tasks_of(run) {
            match row.status.phase {
                Phase::Ended(how) => {
                    ended.insert(row.key.task, how);
                }
                Phase::None => {
                    waiting.insert(row.key.task);
                }
                Phase::Queued(_) | Phase::Running(_) | Phase::UpForRetry(..) => {}
            }
        }
        (ended, waiting)
    }
}
