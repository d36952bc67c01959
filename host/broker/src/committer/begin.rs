//! Beginning tasks in the very transaction that hands them out, for workers who run at once what they claim.

use flow_model::fairness::FreeHands;
use flow_model::ids::{AttemptId, JobId};
use flow_store::work::{WorkKind, WorkRow};
use flow_store::{Session, StoreError, step};

use super::steps::Steps;
use crate::engine::{Engine, Written};
use crate::plan::Holding;

/// What one worker is about to get.
pub(super) struct Share<'s> {
    pub(super) worker: JobId,
    pub(super) rows: &'s mut Vec<WorkRow>,
}

/// Lets the tasks of these shares begin. One whose run somebody else is changing right now is left out: waiting for that run
/// here could be waiting in a circle.
pub(super) async fn begin(db: &mut Session, engine: &Engine, shares: Vec<Share<'_>>) -> Result<Written, StoreError> {
    let is_task = |row: &WorkRow| matches!(row.kind, WorkKind::Task { .. });
    let tasks: Vec<AttemptId> =
        shares.iter().flat_map(|share| share.rows.iter().filter(|row| is_task(row)).map(|row| row.attempt)).collect();
    if tasks.is_empty() {
        return Ok(Written::default());
    }
    let (runs, found) = step::lock_free(db, &tasks).await?;
    let holding = Holding::load(db, engine, runs).await?;
    let mut steps = Steps::take_up(db, engine, &holding, found).await?;
    for Share { worker, rows } in shares {
        rows.retain(|row| !is_task(row) || steps.begin(row.attempt, worker).is_ok());
    }
    steps.write(db, &mut FreeHands::default()).await
}
