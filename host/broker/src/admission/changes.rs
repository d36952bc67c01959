//! What a transaction changes about lanes, gathered while task instances change and written in a few statements.

use std::collections::BTreeMap;

use flow_model::admission::{Standing, Standings, limits_of};
use flow_model::graph::TaskIndex;
use flow_store::lane::{self, Entry, LaneKey, Shift};
use flow_store::run::RunRow;
use flow_store::{Session, StoreError};

use crate::engine::{Touched, Version};

/// See the module.
#[derive(Default)]
pub(crate) struct LaneChanges {
    entries: BTreeMap<LaneKey, Entry>,
    shifts: BTreeMap<LaneKey, Shift>,
    touched: Touched,
}

impl LaneChanges {
    /// An instance of a task that was `from` is `to`. Whether the default pool of its tenant is `counted` decides which
    /// limits it is under.
    pub(crate) fn step(
        &mut self,
        (run, version, counted): (&RunRow, &Version, bool),
        task: TaskIndex,
        (from, to): (Option<Standing>, Option<Standing>),
    ) {
        if from == to {
            return;
        }
        let limits = limits_of(&version.graph, task, run.key, counted);
        if limits.is_empty() {
            return;
        }
        let (tenant, lane, step) = (&run.tenant, LaneKey { run: run.key, task }, Standings::step(from, to));
        if step.frees() || to == Some(Standing::Waiting) {
            let touched = self.touched.entry(tenant.clone()).or_default();
            touched.extend(limits.iter().map(|limit| limit.key.clone()));
        }
        if from.is_none() {
            let entry = self.entries.entry(lane).or_insert_with(|| Entry {
                tenant: tenant.clone(),
                lane,
                limits,
                rank: version.rank(run, task),
                count: Standings::default(),
            });
            entry.count = entry.count.and(step);
        } else {
            let none = || Shift { tenant: tenant.clone(), lane, change: Standings::default() };
            let shift = self.shifts.entry(lane).or_insert_with(none);
            shift.change = shift.change.and(step);
        }
    }

    /// Writes everything, after the task instances themselves, and says for which limits somebody may begin now: that goes
    /// into [`crate::plan::Written`] and from there to [`super::settle`].
    pub(crate) async fn write(self, db: &mut Session) -> Result<Touched, StoreError> {
        let entries: Vec<Entry> = self.entries.into_values().collect();
        let mut shifts: Vec<Shift> = self.shifts.into_values().collect();
        shifts.retain(|shift| shift.change != Standings::default());
        if !entries.is_empty() {
            lane::enter(db, &entries).await?;
        }
        if !shifts.is_empty() {
            lane::shift(db, &shifts).await?;
        }
        Ok(self.touched)
    }
}
