//! Writing a plan: one statement per table, however many rows.

use flow_model::ids::TenantId;
use flow_model::rest::state_events::StateEvent;
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, TaskRow};
use flow_store::{Session, StoreError, task_try, work, xcom};

use super::Plan;

/// What became of a plan once it is written.
#[derive(Default)]
pub(crate) struct Written {
    /// Work can be claimed that could not before.
    pub(crate) offers: bool,
    /// Something falls due later.
    pub(crate) delays: bool,
    /// What to tell watchers after the commit.
    pub(crate) events: Vec<(TenantId, StateEvent)>,
}

impl Written {
    /// Both together.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.offers |= other.offers;
        self.delays |= other.delays;
        self.events.append(&mut other.events);
    }
}

impl Plan<'_> {
    /// Writes everything, one statement per table.
    pub(crate) async fn write(self, db: &mut Session) -> Result<Written, StoreError> {
        let tasks: Vec<TaskRow> = self.tasks.into_values().filter(|task| task.changed).map(|task| task.row).collect();
        let runs: Vec<RunRow> = self.runs.into_values().filter(|run| run.changed).map(|run| run.row).collect();
        if !tasks.is_empty() {
            task_instance::save(db, &tasks).await?;
        }
        if !self.withdrawals.is_empty() {
            work::delete(db, &self.withdrawals).await?;
        }
        if !self.offers.is_empty() {
            work::insert(db, &self.offers).await?;
        }
        if !runs.is_empty() {
            run::save(db, &runs).await?;
        }
        if !self.tries.is_empty() {
            task_try::insert(db, &self.tries).await?;
        }
        for (tenant, task) in &self.outdated_xcoms {
            xcom::clear(db, tenant, task).await?;
        }
        if !self.xcoms.is_empty() {
            xcom::put(db, &self.xcoms, self.now).await?;
        }
        Ok(Written {
            offers: self.offers.iter().any(|work| work.turn.is_some()),
            delays: self.offers.iter().any(|work| work.turn.is_none()),
            events: self.events,
        })
    }
}
