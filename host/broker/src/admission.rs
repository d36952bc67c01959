//! Admission: what waits for slots begins as soon as there are some. A task instance under a limit becomes `scheduled`, and
//! its lane waits. Whoever frees something of a limit, or brings somebody to wait for it, asks [`admit`] in the same
//! transaction who may begin. Task instances under no limit never come here.
//!
//! Locks: first the runs that a transaction changes anyway, in the order of their keys; then each tenant's default pool, in
//! the order of the tenants; then, without waiting for any of them, the runs of those who are admitted. A run that somebody
//! else holds is passed over, and the tenant is looked at again soon.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::admission::{LimitKey, admit as choose};
use flow_model::ids::{RunKey, TenantId};
use flow_model::state::TaskEvent;
use flow_store::lane::{self, LaneKey};
use flow_store::run::{self, RunRow};
use flow_store::task_instance::TaskKey;
use flow_store::{Session, StoreError, slot_pool};

use crate::engine::{Engine, Written};
use crate::plan::{Holding, Plan};

mod changes;
mod count;
mod due;
mod ledger;
mod rounds;
mod why;

pub(crate) use changes::LaneChanges;
pub(crate) use count::{begin_to_count, recount};
pub(crate) use due::hold_back;

use ledger::Ledger;

/// How many lanes of each limit one look takes up.
const WINDOW: u32 = 64;

/// Lets begin who may after everything that a transaction has written. It is the last thing that a transaction does before
/// its commit: what comes after it must not wait for the lock of a run.
pub(crate) async fn settle(db: &mut Session, engine: &Engine, written: &mut Written) -> Result<(), StoreError> {
    for (tenant, keys) in std::mem::take(&mut written.touched) {
        written.merge(admit(db, engine, &tenant, keys).await?);
    }
    Ok(())
}

/// Lets begin who may, of those who wait for these limits of a tenant.
pub(crate) async fn admit(
    db: &mut Session,
    engine: &Engine,
    tenant: &TenantId,
    keys: BTreeSet<LimitKey>,
) -> Result<Written, StoreError> {
    if keys.is_empty() || slot_pool::lock_default(db, tenant).await?.is_none() {
        return Ok(Written::default());
    }
    let mut round = Round { tenant, ledger: Ledger::default(), runs: BTreeMap::new(), chosen: BTreeMap::new() };
    round.ledger.learn(db, tenant, &keys).await?;
    let mut open: BTreeSet<LimitKey> = keys;
    let mut offset = 0;
    let mut overlooked = false;
    while !open.is_empty() {
        open.retain(|key| !round.ledger.is_full(key));
        let found = lane::waiting_at(db, tenant, &open, (WINDOW, offset)).await?;
        open = found.iter().filter(|(_, lanes)| lanes.len() >= WINDOW as usize).map(|(key, _)| key.clone()).collect();
        let lanes: BTreeSet<LaneKey> = found.into_iter().flat_map(|(_, lanes)| lanes).collect();
        overlooked |= round.look(db, lanes).await?;
        offset += WINDOW;
    }
    let mut written = round.begin(db, engine).await?;
    if overlooked {
        engine.limits.overlook(tenant);
        written.delays = true;
    }
    Ok(written)
}

/// One look at those who wait.
struct Round<'t> {
    tenant: &'t TenantId,
    ledger: Ledger,
    /// The runs that are locked; `None` where somebody else holds the lock.
    runs: BTreeMap<RunKey, Option<RunRow>>,
    /// How many of each lane may begin, and how many of it wait.
    chosen: BTreeMap<LaneKey, (u32, u32)>,
}

impl Round<'_> {
    /// Chooses among these lanes; `true` if some had to be passed over because somebody else changes their runs.
    async fn look(&mut self, db: &mut Session, lanes: BTreeSet<LaneKey>) -> Result<bool, StoreError> {
        let new: BTreeSet<RunKey> =
            lanes.iter().map(|lane| lane.run).filter(|run| !self.runs.contains_key(run)).collect();
        if !new.is_empty() {
            let mut locked: BTreeMap<RunKey, RunRow> =
                run::lock_free(db, &new).await?.into_iter().map(|row| (row.key, row)).collect();
            self.runs.extend(new.into_iter().map(|run| (run, locked.remove(&run))));
        }
        let mine = |lane: &LaneKey| self.runs.get(&lane.run).is_some_and(Option::is_some);
        let (mine, others): (Vec<LaneKey>, Vec<LaneKey>) =
            lanes.into_iter().filter(|lane| !self.chosen.contains_key(lane)).partition(mine);
        if !mine.is_empty() {
            let rows = lane::load(db, self.tenant, &mine).await?;
            self.ledger.learn(db, self.tenant, rows.iter().map(|row| &row.limit.key)).await?;
            let (keys, lanes): (Vec<LaneKey>, Vec<_>) = self.ledger.lanes(rows).into_iter().unzip();
            let counts = choose(&lanes, self.ledger.taken());
            for ((key, lane), count) in keys.into_iter().zip(lanes).zip(counts) {
                self.chosen.insert(key, (count, lane.waiting));
            }
        }
        Ok(!others.is_empty())
    }

    /// Lets those begin who were chosen.
    async fn begin(mut self, db: &mut Session, engine: &Engine) -> Result<Written, StoreError> {
        self.chosen.retain(|_, (count, _)| *count > 0);
        if self.chosen.is_empty() {
            return Ok(Written::default());
        }
        let instances = self.instances(db).await?;
        let astray = self.astray(&instances);
        let runs: BTreeSet<RunKey> = self.chosen.keys().map(|lane| lane.run).collect();
        let rows: Vec<RunRow> = runs.iter().filter_map(|run| self.runs.remove(run).flatten()).collect();
        let holding = Holding::load(db, engine, rows.clone()).await?;
        let mut plan = Plan::new(engine, engine.now(), &holding);
        plan.load(db, &instances).await?;
        for key in instances {
            let attempt = engine.mint_attempt(plan.now);
            if let Err(refused) = plan.happen(key, &TaskEvent::Admitted(attempt)) {
                tracing::error!(%refused, "a task instance refused its slot");
            }
        }
        let written = plan.write(db).await?;
        if !astray.is_empty() {
            tracing::error!(tenant = %self.tenant, "lanes waited without instances; their runs are counted anew");
            let rows: Vec<RunRow> = rows.into_iter().filter(|row| astray.contains(&row.key)).collect();
            recount(db, engine, self.tenant, &rows).await?;
            engine.limits.overlook(self.tenant);
        }
        Ok(written)
    }

    /// The instances that were chosen.
    async fn instances(&self, db: &mut Session) -> Result<Vec<TaskKey>, StoreError> {
        let whole: Vec<LaneKey> =
            self.chosen.iter().filter(|(_, (count, waiting))| count == waiting).map(|(lane, _)| *lane).collect();
        let mut instances = lane::all_waiting(db, self.tenant, &whole).await?;
        for (lane, &(count, waiting)) in &self.chosen {
            if count < waiting {
                instances.extend(lane::first_waiting(db, self.tenant, *lane, count).await?);
            }
        }
        Ok(instances)
    }

    /// The runs in which fewer instances wait than their lanes say.
    fn astray(&self, instances: &[TaskKey]) -> BTreeSet<RunKey> {
        let mut found: BTreeMap<LaneKey, u32> = BTreeMap::new();
        for key in instances {
            *found.entry(LaneKey { run: key.run, task: key.task }).or_default() += 1;
        }
        let is_short = |lane: &LaneKey, count: u32| found.get(lane).copied().unwrap_or(0) != count;
        self.chosen.iter().filter(|(lane, (count, _))| is_short(lane, *count)).map(|(lane, _)| lane.run).collect()
    }
}
