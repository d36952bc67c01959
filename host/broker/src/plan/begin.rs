//! Attempts that begin: those that a worker has claimed, and those that one takes before they were ever queued.

use flow_model::advance::Refusal;
use flow_model::fairness::FreeHands;
use flow_model::ids::{AttemptId, JobId, TenantId};
use flow_model::state::TaskEvent;
use flow_store::task_instance::TaskKey;

use super::Plan;

impl Plan<'_> {
    /// Lets an attempt begin.
    pub(crate) fn start(&mut self, key: TaskKey, attempt: AttemptId, worker: Option<JobId>) -> Result<(), Refusal> {
        let losses = self.status(key).map_or(0, |status| status.losses);
        self.happen(key, &TaskEvent::Started(attempt))?;
        let goes_on = self.row(key).is_some_and(|row| row.wait.is_some());
        let tries = self.status(key).map_or(0, |status| status.try_number);
        // An earlier try, or one that was lost, may have stored values that this one does not.
        if !goes_on && (tries > 1 || losses > 0) {
            self.drop_xcoms(key);
        }
        self.workers.extend(worker.map(|worker| (attempt, worker)));
        Ok(())
    }

    /// Lets what has been released begin in these hands, if they are enough for all of it. To be called once everything is
    /// settled.
    pub(crate) fn hand_over(&mut self, hands: &mut FreeHands) {
        let released: Vec<(TaskKey, AttemptId, &TenantId)> = self
            .runs
            .iter()
            .flat_map(|(&key, run)| {
                let released = run.progress.released(self.now);
                let for_workers = released.filter(|(at, _)| run.held.version.graph.task(at.task).native.is_none());
                for_workers.map(move |(at, attempt)| (TaskKey::of(key, at), attempt, &run.row.tenant))
            })
            .collect();
        let Some(workers) = hands.take(released.iter().map(|(.., tenant)| *tenant)) else { return };
        let tasks: Vec<(TaskKey, AttemptId)> = released.into_iter().map(|(key, attempt, _)| (key, attempt)).collect();
        for ((key, attempt), worker) in tasks.into_iter().zip(workers) {
            if let Err(refused) = self.start(key, attempt, Some(worker)) {
                tracing::error!(%refused, "a task instance that was just released refused to begin");
            }
        }
    }
}
