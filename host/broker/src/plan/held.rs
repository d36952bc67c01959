//! Runs that a transaction has locked, with all that their progress depends on besides their own rows.

use std::sync::Arc;

use flow_model::dag::Native;
use flow_model::run::RunType;
use flow_model::time::Millis;
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError};

use super::Previous;
use crate::engine::{Engine, Version};
use crate::schedules;

/// A run that is locked.
pub(crate) struct Held {
    pub(crate) row: RunRow,
    pub(crate) version: Arc<Version>,
    /// The run before, if something of this one may have to wait for it.
    pub(crate) previous: Option<Previous>,
    /// Whether it is the latest of its schedule, or was asked for.
    pub(crate) is_latest: bool,
    /// Whether the tenant's default pool is counted.
    pub(crate) counted: bool,
}

/// The runs of one transaction.
#[derive(Default)]
pub(crate) struct Holding(Vec<Held>);

impl Holding {
    /// Takes up runs that the transaction has locked, or is about to create.
    pub(crate) async fn load(db: &mut Session, engine: &Engine, rows: Vec<RunRow>) -> Result<Self, StoreError> {
        let mut holding = Self::default();
        for row in rows {
            holding.0.push(Held::load(db, engine, row).await?);
        }
        Ok(holding)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.0.iter()
    }
}

impl Held {
    async fn load(db: &mut Session, engine: &Engine, row: RunRow) -> Result<Self, StoreError> {
        let version = engine.versions.get(db, &row.tenant, row.version).await?;
        let previous = Previous::of(db, engine, &row, &version.graph).await?;
        let is_latest = is_latest(db, (&row, &version), engine.now()).await?;
        let counted = engine.limits.counts(db, &row.tenant, engine.now()).await?;
        Ok(Self { row, version, previous, is_latest, counted })
    }
}

/// Whether no later scheduled run of the DAG is due yet (Airflow's `LatestOnlyOperator`). What a module's timetable would say is
/// not known here, so that only those runs count which it has named.
async fn is_latest(db: &mut Session, (row, version): (&RunRow, &Version), now: Millis) -> Result<bool, StoreError> {
    let spec = version.graph.spec();
    let asks = spec.tasks.iter().any(|task| task.native == Some(Native::LatestOnly));
    match row.run_type {
        RunType::Scheduled | RunType::Backfill
            if asks && spec.schedule.as_ref().is_some_and(|it| it.custom().is_some()) =>
        {
            let last = run::last_scheduled(db, &row.tenant, &row.dag_id).await?;
            Ok(last.is_none_or(|last| row.logical_date >= Some(last.start)))
        }
        RunType::Scheduled | RunType::Backfill if asks => {
            Ok(schedules::following_run(version, row.interval, now).is_none_or(|next| next.run_after > now))
        }
        RunType::Scheduled
        | RunType::Backfill
        | RunType::Manual
        | RunType::OperatorTriggered
        | RunType::AssetTriggered
        | RunType::AssetMaterialization => Ok(true),
    }
}
