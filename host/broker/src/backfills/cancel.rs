//! Pausing a backfill, letting it go on, and cancelling it.

use flow_model::advance::EndOfRun;
use flow_model::backfill::SlotState;
use flow_model::ids::{RunKey, TenantId};
use flow_model::rest::backfills::Backfill;
use flow_model::state::RunState;
use flow_store::backfill::{self, BackfillRow};
use flow_store::{Session, Tx, run};
use serde_json::json;

use crate::audit;
use crate::engine::{RoomChanges, Written};
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::plan::Plan;
use crate::reshape::reshape;

impl LocalBroker {
    /// Lets a backfill make no further runs, or go on. Runs that it has made go on.
    pub async fn pause_backfill(&self, actor: &Actor, id: i64, is_paused: bool) -> Result<Backfill, ServiceError> {
        let (mut tx, mut row) = self.locked_backfill("pause backfill", &actor.tenant, id).await?;
        row.is_paused = is_paused;
        row.updated_at = self.now();
        backfill::save(&mut tx, &row).await?;
        let event = if is_paused { "pause_backfill" } else { "unpause_backfill" };
        audit::note(&mut tx, actor, row.updated_at, event, &json!({"backfill_id": id}))?;
        let written = Written { room: RoomChanges::of_backfill(), ..Written::default() };
        self.conclude(tx, written).await?;
        self.backfill(&actor.tenant, id).await
    }

    /// Ends a backfill and those that wait for it. Its runs that have not begun fail; those that have begun go on.
    pub async fn cancel_backfill(&self, actor: &Actor, id: i64) -> Result<Backfill, ServiceError> {
        let (mut tx, row) = self.locked_backfill("cancel backfill", &actor.tenant, id).await?;
        let mut written = Written::default();
        for later in backfill::lock_later(&mut tx, &row).await?.into_iter().chain([row]) {
            written.merge(self.end_cancelled(&mut tx, later).await?);
        }
        audit::note(&mut tx, actor, self.now(), "cancel_backfill", &json!({"backfill_id": id}))?;
        self.conclude(tx, written).await?;
        self.backfill(&actor.tenant, id).await
    }

    async fn end_cancelled(&self, db: &mut Session, mut row: BackfillRow) -> Result<Written, ServiceError> {
        let mut written = Written::default();
        let mut slots = backfill::active_slots(db, &row.tenant, row.id).await?;
        for (slot, state) in &mut slots {
            if let (Some(key), Some(RunState::Queued)) = (slot.run, *state) {
                written.merge(self.fail_waiting(db, key).await?);
            }
            slot.state = SlotState::Ended;
        }
        let slots: Vec<_> = slots.into_iter().map(|(slot, _)| slot).collect();
        backfill::save_slots(db, &row.tenant, &slots).await?;
        row.is_paused = true;
        row.updated_at = self.now();
        row.completed_at = Some(row.updated_at);
        backfill::save(db, &row).await?;
        Ok(written)
    }

    /// Ends a run that has not begun.
    async fn fail_waiting(&self, db: &mut Session, run: RunKey) -> Result<Written, ServiceError> {
        let mut written = Written::default();
        for row in run::lock_free(db, [&run]).await? {
            let now = self.now();
            let end = |plan: &mut Plan<'_>, key| -> Result<(), ServiceError> {
                plan.ended_by_user();
                if let Some(progress) = plan.progress(key) {
                    progress.end(EndOfRun::Stopped, now);
                }
                Ok(())
            };
            written.merge(reshape(db, &self.inner.engine, row, Box::new(end)).await?);
        }
        Ok(written)
    }

    /// A backfill that has not ended, locked within a transaction that begins here.
    async fn locked_backfill(
        &self,
        name: &'static str,
        tenant: &TenantId,
        id: i64,
    ) -> Result<(Tx, BackfillRow), ServiceError> {
        let mut tx = self.inner.store.begin(name).await?;
        let row = backfill::lock(&mut tx, tenant, id).await?.ok_or_else(|| ServiceError::not_found("backfill", id))?;
        if row.completed_at.is_some() {
            return Err(ServiceError::conflict(format!("backfill {id}"), "it has ended already"));
        }
        Ok((tx, row))
    }
}
