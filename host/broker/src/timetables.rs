//! Timetables of modules: asked for a DAG's next run as work of its own, never inside the scheduler.
//!
//! While the answer is awaited, the DAG has a row in the queue. The answer is when its next run is due, as if a timetable of
//! the host had said so.

use flow_model::dag::ScheduleSpec;
use flow_model::fairness::URGENT;
use flow_model::ids::{AttemptId, DagId, TenantId};
use flow_model::port::BrokerError;
use flow_model::run::{RunType, permits};
use flow_model::state::MAX_LOSSES;
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun, Restriction};
use flow_model::work::{AttemptClaims, AttemptEnd, AttemptRole, Job, TimetableQuery, Verdict};
use flow_store::dag::{self, DagRow};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError};

use crate::engine::Engine;
use crate::handout::Handout;
use crate::local::LocalBroker;
use crate::schedules::{next_run, restriction};
use crate::versions::Version;

/// The name of the module's timetable that says when the DAG runs, and what it gets to know, if there is one.
fn custom(version: &Version) -> Option<(&str, &serde_json::Value)> {
    let spec = version.graph.spec();
    let custom = spec.schedule.as_ref().and_then(ScheduleSpec::custom);
    custom.filter(|_| permits(&spec.allowed_run_types, RunType::Scheduled))
}

/// Finds out when a DAG that the transaction has locked runs next after a run for `last`, or has its module asked. `true` if it
/// is asked: say so with `stocked` once that is committed.
pub(crate) async fn plan_next(
    db: &mut Session,
    engine: &Engine,
    (row, version): (&mut DagRow, &Version),
    last: Option<DataInterval>,
    now: Millis,
) -> Result<bool, StoreError> {
    if custom(version).is_none() {
        row.next = next_run(version, last, now);
        return Ok(false);
    }
    row.next = None;
    work::forget_timetable(db, &row.tenant, &row.dag_id).await?;
    offer(db, engine, &row.tenant, (&row.dag_id, last, 0))?;
    Ok(true)
}

fn offer(
    db: &mut Session,
    engine: &Engine,
    tenant: &TenantId,
    (dag, last, losses): (&DagId, Option<DataInterval>, u32),
) -> Result<(), StoreError> {
    let now = engine.now();
    let row = WorkRow {
        attempt: engine.mint_attempt(now),
        tenant: tenant.clone(),
        kind: WorkKind::Timetable { dag: dag.clone(), last, losses },
        turn: Some(engine.turn(tenant)),
        priority: URGENT,
        available_at: now,
        lease: None,
    };
    work::insert(db, &[row])
}

impl Handout<'_> {
    /// What a timetable is asked; `None` if its DAG no longer has one.
    pub(crate) async fn query(
        &self,
        db: &mut Session,
        row: &WorkRow,
    ) -> Result<Option<(AttemptRole, Job)>, StoreError> {
        let WorkKind::Timetable { dag: id, last, .. } = &row.kind else { return Ok(None) };
        let Some(dag) = dag::find(db, &row.tenant, id).await? else { return Ok(None) };
        let version = self.inner.engine.versions.get(db, &row.tenant, dag.version).await?;
        let Some((timetable, params)) = custom(&version) else { return Ok(None) };
        let query = TimetableQuery {
            timetable: timetable.to_owned(),
            params: params.to_string(),
            last: *last,
            restriction: restriction(version.graph.spec()),
            now: row.available_at,
        };
        Ok(Some((AttemptRole::Timetable { dag: id.clone() }, Job::Timetable(query))))
    }
}

impl LocalBroker {
    /// A worker reports what a timetable said.
    pub(crate) async fn finish_timetable(&self, claims: &AttemptClaims, end: AttemptEnd) -> Result<(), BrokerError> {
        match self.end_timetable(claims.attempt, Some(&claims.tenant), end).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(BrokerError::Fenced(claims.attempt)),
            Err(error) => Err(BrokerError::Unavailable(error.to_string())),
        }
    }

    /// The lease of a timetable's question has expired.
    pub(crate) async fn lose_timetable(&self, attempt: AttemptId) -> Result<(), StoreError> {
        self.end_timetable(attempt, None, AttemptEnd::NextRun(None)).await.map(drop)
    }

    async fn end_timetable(
        &self,
        attempt: AttemptId,
        tenant: Option<&TenantId>,
        end: AttemptEnd,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("end timetable").await?;
        let Some(row) = work::load(&mut tx, &[attempt]).await?.into_iter().next() else { return Ok(false) };
        let WorkKind::Timetable { dag: id, last, losses } = &row.kind else { return Ok(false) };
        let Some((_, until)) = row.lease else { return Ok(false) };
        let lost = tenant.is_none();
        if tenant.is_some_and(|tenant| *tenant != row.tenant) || (lost && until > now) {
            return Ok(false);
        }
        // Whoever asks anew holds the DAG too, so that no answer comes between.
        let dag = dag::lock(&mut tx, &row.tenant, id).await?;
        if !work::remove(&mut tx, attempt).await? {
            return Ok(false);
        }
        if let Some(mut dag) = dag.filter(|dag| !dag.is_stale && !dag.is_paused) {
            let again = lost || end.failure().is_some_and(|failure| failure.class.verdict() == Verdict::Requeue);
            if again && *losses < MAX_LOSSES {
                offer(&mut tx, &self.inner.engine, &row.tenant, (id, *last, losses + 1))?;
            } else {
                let version = self.inner.engine.versions.get(&mut tx, &row.tenant, dag.version).await?;
                dag.next = answer(&dag, end, *last, restriction(version.graph.spec()));
                dag::put(&mut tx, &dag).await?;
            }
        }
        tx.commit().await?;
        self.inner.committer.stocked();
        self.inner.engine.due.notify_one();
        Ok(true)
    }
}

/// When the DAG runs next. A timetable that fails leaves its DAG without a next run until it is asked again, which is when the
/// module is uploaded anew or the DAG is unpaused.
fn answer(dag: &DagRow, end: AttemptEnd, last: Option<DataInterval>, limits: Restriction) -> Option<NextRun> {
    let refused = match end {
        AttemptEnd::NextRun(None) => return None,
        AttemptEnd::NextRun(Some(next)) => match next.accepted(last, limits) {
            Ok(next) => return next,
            Err(refused) => refused.to_string(),
        },
        AttemptEnd::Failed(failure) => failure.message,
        AttemptEnd::Success { .. }
        | AttemptEnd::Branch { .. }
        | AttemptEnd::ShortCircuit { .. }
        | AttemptEnd::Skipped { .. }
        | AttemptEnd::Deferred(_)
        | AttemptEnd::Reschedule { .. }
        | AttemptEnd::AwaitingInput { .. }
        | AttemptEnd::Pending { .. }
        | AttemptEnd::Fired { .. }
        | AttemptEnd::Parsed { .. } => "it ended as nothing that a timetable can".to_owned(),
    };
    tracing::warn!(tenant = %dag.tenant, dag = %dag.dag_id, %refused, "the DAG's timetable does not say when it runs next");
    None
}
