//! Room: how many runs of a DAG have begun and not ended at once. A run that finds none waits; the oldest that waits begins
//! when there is some. A run that is due later waits as well, until its time has come.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::ids::{DagId, TenantId};
use flow_model::run::{RunType, is_due, may_begin, pauses};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_store::event_log::{self, Event};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError, dag};

use crate::create::begin;
use crate::engine::{Engine, RoomChanges, Written};
use crate::error::ServiceError;
use crate::local::LocalBroker;

/// How many DAGs one round looks at, and how many runs of a DAG one transaction begins.
const ROUND: u32 = 64;

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
        if room.take_waits() || all {
            let now = self.now();
            self.begin_where_there_is_room(now).await?;
            room.looked_until(now);
            if run::any_waits(&mut self.inner.store.read().await?, now).await? {
                room.look();
            }
        }
        if room.take_backfills() || all {
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
        for (tenant, id) in self.inner.engine.room.take_failed() {
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
