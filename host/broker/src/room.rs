//! Room: how many runs of a DAG have begun and not ended at once. A run that finds none waits; the oldest that waits begins
//! when there is some. A run that is due later waits as well, until its time has come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use flow_model::ids::{DagId, TenantId};
use flow_model::run::{RunType, is_due, may_begin, pauses};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_store::event_log::{self, Event};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError, dag};

use crate::create::begin;
use crate::engine::Engine;
use crate::error::ServiceError;
use crate::local::LocalBroker;
use crate::plan::Written;

/// How many DAGs one round looks at, and how many runs of a DAG one transaction begins.
const ROUND: u32 = 64;

/// What a transaction means for runs that wait. A hint that is lost costs time: everything is looked at now and then.
#[derive(Debug, Default)]
pub(crate) struct RoomChanges {
    /// A run has ended.
    pub(crate) ended: bool,
    /// A run of a backfill has ended, or a backfill can go on.
    pub(crate) backfills: bool,
    /// A run waits for room or for its time.
    pub(crate) waits: bool,
    /// DAGs of which a run has failed, where that may pause them.
    pub(crate) failed: BTreeSet<(TenantId, DagId)>,
}

impl RoomChanges {
    /// A backfill can go on.
    pub(crate) fn of_backfill() -> Self {
        Self { backfills: true, ..Self::default() }
    }

    /// Both together.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.ended |= other.ended;
        self.backfills |= other.backfills;
        self.waits |= other.waits;
        self.failed.append(&mut other.failed);
    }

    /// A run has ended.
    pub(crate) fn end(&mut self, run: &RunRow, may_pause: bool) {
        self.ended = true;
        self.backfills |= run.run_type == RunType::Backfill;
        if may_pause && run.state == RunState::Failed {
            self.failed.insert((run.tenant.clone(), run.dag_id.clone()));
        }
    }
}

/// What is to be looked at, as far as this process knows.
pub(crate) struct Room {
    waits: AtomicBool,
    /// Up to which instant those were looked for that wait for their time.
    due_until: AtomicI64,
    backfills: AtomicBool,
    failed: Mutex<BTreeSet<(TenantId, DagId)>>,
}

impl Default for Room {
    /// Nobody knows yet what waits, so everything may.
    fn default() -> Self {
        Self {
            waits: AtomicBool::new(true),
            due_until: AtomicI64::new(i64::MIN),
            backfills: AtomicBool::new(true),
            failed: Mutex::default(),
        }
    }
}

impl Room {
    /// Up to which instant those were looked for that wait for their time.
    pub(crate) fn due_until(&self) -> Millis {
        Millis(self.due_until.load(Ordering::SeqCst))
    }

    /// Has those looked for that wait, at the next opportunity.
    pub(crate) fn look(&self) {
        self.waits.store(true, Ordering::SeqCst);
    }
}

impl Engine {
    /// Takes note of a committed transaction's changes.
    pub(crate) fn room_changed(&self, changes: RoomChanges) {
        let RoomChanges { ended, backfills, waits, failed } = changes;
        let somebody_waits = self.room.waits.fetch_or(waits, Ordering::SeqCst);
        self.room.backfills.fetch_or(backfills, Ordering::SeqCst);
        let may_pause = !failed.is_empty();
        if may_pause {
            self.room.failed.lock().unwrap_or_else(PoisonError::into_inner).extend(failed);
        }
        if backfills || may_pause || (ended && somebody_waits) {
            self.due.notify_one();
        }
    }
}

/// Says of new runs whether they begin or wait: for their DAG to go on, for their time, or for others of it to end.
pub(crate) async fn seat(db: &mut Session, runs: &mut [RunRow]) -> Result<RoomChanges, StoreError> {
    let dags: BTreeSet<(TenantId, DagId)> = runs.iter().map(|run| (run.tenant.clone(), run.dag_id.clone())).collect();
    let dags: Vec<(&TenantId, &DagId)> = dags.iter().map(|(tenant, dag)| (tenant, dag)).collect();
    let seats = dag::lock_seats(db, &dags).await?;
    let mut running: BTreeMap<_, u64> = seats.iter().map(|(of, seat)| (of.clone(), seat.running)).collect();
    let mut changes = RoomChanges::default();
    for run in runs {
        let of = (run.tenant.clone(), run.dag_id.clone());
        // Whose DAG was deleted a moment ago waits, and goes with it.
        let Some(seat) = seats.get(&of) else {
            wait(run);
            continue;
        };
        if !is_due(run.run_after, run.queued_at) {
            wait(run);
            // It may have become due by the time that it is stored.
            changes.waits = true;
            continue;
        }
        let taken = running.entry(of).or_default();
        let is_counted = run.run_type != RunType::Backfill;
        let begins = may_begin(seat.is_paused, if is_counted { *taken } else { 0 }, seat.max_active_runs.into());
        if begins {
            run.state = RunState::Running;
            run.start_date = Some(run.queued_at);
            *taken += u64::from(is_counted);
        } else {
            wait(run);
            changes.waits |= !seat.is_paused;
        }
    }
    Ok(changes)
}

fn wait(run: &mut RunRow) {
    (run.state, run.start_date, run.timeout_at) = (RunState::Queued, None, None);
}

/// Begins the runs of a DAG that wait and for which there is room, oldest first, but none before its time. Answers whether
/// others may wait still.
pub(crate) async fn begin_waiting(
    db: &mut Session,
    engine: &Engine,
    tenant: &TenantId,
    id: &DagId,
) -> Result<(Written, bool), StoreError> {
    let mut written = Written::default();
    let Some(dag) = dag::lock(db, tenant, id).await? else { return Ok((written, false)) };
    let at_most = u64::from(dag.limits.max_active_runs);
    let mut running = run::running(db, &[(tenant, id)]).await?.into_values().sum();
    let mut begun = 0;
    for row in run::lock_queued(db, tenant, id, engine.now(), ROUND).await? {
        let is_counted = row.run_type != RunType::Backfill;
        if dag.is_stale || !may_begin(dag.is_paused, if is_counted { running } else { 0 }, at_most) {
            break;
        }
        running += u64::from(is_counted);
        begun += 1;
        written.merge(begin(db, engine, row).await?);
    }
    Ok((written, begun == ROUND))
}

impl LocalBroker {
    /// Does what room there is allows: waiting runs begin, backfills make runs. All of them are looked at if `all`.
    pub(crate) async fn use_room(&self, all: bool) -> Result<(), ServiceError> {
        self.pause_failing().await?;
        let room = &self.inner.engine.room;
        if room.waits.swap(false, Ordering::SeqCst) || all {
            let now = self.now();
            self.begin_where_there_is_room(now).await?;
            room.due_until.store(now.0, Ordering::SeqCst);
            let still = run::any_waits(&mut self.inner.store.read().await?, now).await?;
            room.waits.fetch_or(still, Ordering::SeqCst);
        }
        if room.backfills.swap(false, Ordering::SeqCst) || all {
            self.advance_backfills(self.now()).await?;
        }
        Ok(())
    }

    async fn begin_where_there_is_room(&self, now: Millis) -> Result<(), StoreError> {
        loop {
            let dags = run::with_room(&mut self.inner.store.read().await?, now, ROUND).await?;
            for (tenant, dag) in &dags {
                let mut more = true;
                while more {
                    let mut tx = self.inner.store.begin("begin waiting runs").await?;
                    let written;
                    (written, more) = begin_waiting(&mut tx, &self.inner.engine, tenant, dag).await?;
                    self.conclude(tx, written).await?;
                }
            }
            if dags.len() < ROUND as usize {
                return Ok(());
            }
        }
    }

    /// Pauses DAGs that have failed too often in a row (Airflow's `max_consecutive_failed_dag_runs`).
    async fn pause_failing(&self) -> Result<(), StoreError> {
        let failed = std::mem::take(&mut *self.inner.engine.room.failed.lock().unwrap_or_else(PoisonError::into_inner));
        for (tenant, id) in failed {
            let mut tx = self.inner.store.begin("pause failing DAG").await?;
            let Some(mut dag) = dag::lock(&mut tx, &tenant, &id).await?.filter(|dag| !dag.is_paused) else { continue };
            let most = dag.limits.max_failed_runs;
            if !pauses(most, &run::latest_states(&mut tx, &tenant, &id, most).await?) {
                continue;
            }
            (dag.is_paused, dag.next) = (true, None);
            dag::put(&mut tx, &dag).await?;
            let extra = format!("{{\"failed_in_a_row\":{most}}}");
            let event = Event {
                tenant: Some(&tenant),
                at: self.now(),
                owner: "scheduler",
                event: "pause_dag",
                dag_id: Some(id.as_str()),
                extra: Some(extra),
                ..Event::default()
            };
            event_log::append(&mut tx, &[event])?;
            tx.commit().await?;
        }
        Ok(())
    }
}
