//! How backfills go on: as runs of one end, it makes the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_model::advance::Tally;
use flow_model::backfill::{self as rule, Fate, LeftOut, SlotState, fate, slot_state};
use flow_model::fairness::FreeHands;
use flow_model::ids::{RunId, RunKey, TenantId};
use flow_model::quota::Quota;
use flow_model::run::{RunType, TriggeredBy, backfill_run_id};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_store::backfill::{self, BackfillRow, SlotRow};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError, dag, tenant};

use crate::create::{NewRun, create};
use crate::engine::{Engine, RoomChanges, Version, Written};
use crate::error::ServiceError;
use crate::local::LocalBroker;
use crate::plan::Plan;
use crate::refit::{reshape_onto, target};
use crate::reshape::instances;
use crate::schedules::timeout;

/// How many dates of one backfill a transaction looks at.
const ROUND: u32 = 64;

impl LocalBroker {
    /// Makes runs for which backfills have room, a few of each: whatever else is due comes before the next ones.
    pub(crate) async fn advance_backfills(&self, now: Millis) -> Result<(), ServiceError> {
        // When one has ended, another may go on that waited for it.
        let (mut seen, mut more) = (BTreeSet::new(), false);
        loop {
            let open = backfill::open(&mut self.inner.store.read().await?).await?;
            let new: Vec<_> = open.into_iter().filter(|one| seen.insert(one.clone())).collect();
            if new.is_empty() {
                break;
            }
            for (tenant, id) in new {
                more |= self.advance_backfill(&tenant, id, now).await?;
            }
        }
        if more {
            self.inner.engine.told(Written { room: RoomChanges::of_backfill(), ..Written::default() });
        }
        Ok(())
    }

    /// One step of a backfill; `true` if there may be another one at once.
    async fn advance_backfill(&self, tenant: &TenantId, id: i64, now: Millis) -> Result<bool, ServiceError> {
        let engine = &self.inner.engine;
        let mut tx = self.inner.store.begin("advance backfill").await?;
        let is_open = |row: &BackfillRow| row.completed_at.is_none();
        let Some(row) = backfill::lock(&mut tx, tenant, id).await?.filter(is_open) else { return Ok(false) };
        let Some(dag) = dag::find(&mut tx, tenant, &row.dag_id).await? else { return Ok(false) };
        // Whoever is paused makes no runs, but those that it has made go on, and may have been the last.
        let is_at_rest = row.is_paused || dag.is_paused || dag.is_stale;
        let version = engine.versions.get(&mut tx, tenant, dag.version).await?;
        let mut step = Step { engine, version, row, now, changed: Vec::new(), written: Written::default() };
        let active = step.settle(&mut tx).await?;
        let room = if is_at_rest { 0 } else { room(&mut tx, tenant).await? };
        let wanted = step.row.max_active_runs.saturating_sub(active).min(ROUND).min(room);
        let waiting = backfill::waiting_slots(&mut tx, tenant, id, wanted.max(1)).await?;
        let is_over = active == 0 && waiting.is_empty();
        let mut left_out = false;
        for slot in waiting.into_iter().take(usize::try_from(wanted).unwrap_or(usize::MAX)) {
            left_out |= step.take(&mut tx, slot).await? == SlotState::LeftOut;
        }
        let more = (left_out || wanted == ROUND) && !is_over;
        let written = step.finish(&mut tx, is_over).await?;
        self.conclude(tx, written).await?;
        Ok(more)
    }
}

/// How many runs the tenant's quota leaves for backfills, as far as one step is concerned.
async fn room(db: &mut Session, tenant: &TenantId) -> Result<u32, StoreError> {
    let allowed = tenant::get(db, tenant).await?.map_or_else(Quota::default, |tenant| tenant.quota).active_runs;
    let left = rule::room(allowed, run::active(db, tenant, allowed).await?);
    Ok(u32::try_from(left).unwrap_or(u32::MAX))
}

/// What one transaction does for a backfill.
struct Step<'e> {
    engine: &'e Engine,
    version: Arc<Version>,
    row: BackfillRow,
    now: Millis,
    changed: Vec<SlotRow>,
    written: Written,
}

impl Step<'_> {
    /// Notes which of its runs have ended, and answers how many have not.
    async fn settle(&mut self, db: &mut Session) -> Result<u32, StoreError> {
        let mut active = 0;
        for (slot, state) in backfill::active_slots(db, &self.row.tenant, self.row.id).await? {
            match slot_state(state) {
                SlotState::Active | SlotState::Waiting => active += 1,
                state @ (SlotState::Ended | SlotState::LeftOut) => self.changed.push(SlotRow { state, ..slot }),
            }
        }
        Ok(active)
    }

    /// Does what is to be done for one date.
    async fn take(&mut self, db: &mut Session, slot: SlotRow) -> Result<SlotState, ServiceError> {
        let date = slot.due.interval.start;
        let present = run::lock_between(db, &self.row.tenant, &self.row.dag_id, (date, date), 1).await?.pop();
        let (run, left_out) = match (fate(self.row.reprocess, present.as_ref().map(|run| run.state)), present) {
            (Fate::Clear, Some(present)) => (Some(self.clear(db, present).await?), None),
            (Fate::LeaveOut(reason), _) => (None, Some(reason)),
            (Fate::Create | Fate::Clear, _) => match self.create(db, &slot).await? {
                Some(run) => (Some(run), None),
                None => (None, Some(LeftOut::Unknown)),
            },
        };
        let state = if run.is_some() { SlotState::Active } else { SlotState::LeftOut };
        self.changed.push(SlotRow { state, run, left_out, ..slot });
        Ok(state)
    }

    /// Makes the run for a date; `None` if its id is taken.
    async fn create(&mut self, db: &mut Session, slot: &SlotRow) -> Result<Option<RunKey>, StoreError> {
        let date = slot.due.interval.start;
        let Ok(run_id) = backfill_run_id(date).parse::<RunId>() else { return Ok(None) };
        let new = NewRun {
            row: RunRow {
                key: self.engine.mint_run(self.now),
                tenant: self.row.tenant.clone(),
                dag_id: self.row.dag_id.clone(),
                run_id,
                version: self.version.id,
                state: RunState::Running,
                tally: Tally::default(),
                run_type: RunType::Backfill,
                logical_date: Some(date),
                interval: Some(slot.due.interval),
                run_after: slot.due.run_after,
                queued_at: self.now,
                start_date: Some(self.now),
                end_date: None,
                triggered_by: TriggeredBy::Backfill,
                triggering_user: Some(self.row.asked_by.clone()),
                timeout_at: timeout(&self.version, RunState::Running, self.now),
                held: false,
            },
            version: Arc::clone(&self.version),
            conf: self.row.conf.clone(),
            note: None,
            partition: None,
            owner: None,
        };
        let (created, written) = create(db, self.engine, &[&new], &mut FreeHands::default()).await?;
        self.written.merge(written);
        Ok(created.contains(&new.row.key).then_some(new.row.key))
    }

    /// Runs again what there is for a date, as a run of the backfill.
    async fn clear(&mut self, db: &mut Session, present: RunRow) -> Result<RunKey, ServiceError> {
        let key = present.key;
        run::join_backfill(db, &self.row.tenant, key, &self.row.asked_by).await?;
        run::replace_conf(db, &self.row.tenant, key, self.row.conf.as_deref()).await?;
        let now = self.now;
        let clear = |plan: &mut Plan<'_>, key| -> Result<(), ServiceError> {
            let all = instances(plan, key, |_| true);
            match plan.progress(key) {
                Some(progress) => Ok(progress.clear(&all, now)?),
                None => Ok(()),
            }
        };
        let onto = target(db, self.engine, &present, Some(self.row.on_latest_version)).await?;
        self.written.merge(reshape_onto(db, self.engine, present, onto.as_deref(), Box::new(clear)).await?);
        Ok(key)
    }

    async fn finish(mut self, db: &mut Session, is_over: bool) -> Result<Written, StoreError> {
        if !self.changed.is_empty() {
            backfill::save_slots(db, &self.row.tenant, &self.changed).await?;
        }
        if is_over {
            self.row.updated_at = self.now;
            self.row.completed_at = Some(self.now);
            backfill::save(db, &self.row).await?;
        }
        Ok(self.written)
    }
}
