//! Timetables of modules: asked for a DAG's next run as work of its own, never inside the scheduler.
//!
//! While the answer is awaited, the DAG has a row in the queue. The answer is when its next run is due, as if a timetable of
//! the host had said so.

use flow_model::dag::ScheduleSpec;
use flow_model::ids::{AttemptId, DagId, TenantId};
use flow_model::port::BrokerError;
use flow_model::state::MAX_LOSSES;
use flow_model::timetable::Restriction;
use flow_model::work::{AttemptClaims, AttemptEnd, AttemptRole, Job, TimetableQuery, Verdict};
use flow_store::dag::{self, DagRow};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError, run};

use crate::engine::Engine;
use crate::handout::Handout;
use crate::local::LocalBroker;
use crate::versions::Version;

/// Whether a timetable of the module says when the DAG runs.
pub(crate) fn asks(version: &Version) -> bool {
    custom(version).is_some()
}

fn custom(version: &Version) -> Option<(&String, &serde_json::Value)> {
    match &version.graph.spec().schedule {
        Some(ScheduleSpec::Custom { timetable, params }) => Some((timetable, params)),
        Some(_) | None => None,
    }
}

/// Has the timetable of a DAG asked, unless it is being asked already. Say so with `stocked` once it is committed.
pub(crate) async fn ask(db: &mut Session, engine: &Engine, tenant: &TenantId, dag: &DagId) -> Result<(), StoreError> {
    work::forget_timetable(db, tenant, dag).await?;
    offer(db, engine, tenant, dag, 0).await
}

async fn offer(
    db: &mut Session,
    engine: &Engine,
    tenant: &TenantId,
    dag: &DagId,
    losses: u32,
) -> Result<(), StoreError> {
    let now = engine.now();
    let row = WorkRow {
        attempt: engine.mint_attempt(now),
        tenant: tenant.clone(),
        kind: WorkKind::Timetable { dag: dag.clone(), losses },
        turn: Some(engine.turn(tenant)),
        priority: 0,
        available_at: now,
        lease: None,
    };
    work::insert(db, &[row]).await
}

impl Handout<'_> {
    /// What a timetable is asked; `None` if its DAG no longer has one.
    pub(crate) async fn query(
        &self,
        db: &mut Session,
        row: &WorkRow,
    ) -> Result<Option<(AttemptRole, Job)>, StoreError> {
        let WorkKind::Timetable { dag: id, .. } = &row.kind else { return Ok(None) };
        let Some(dag) = dag::find(db, &row.tenant, id).await? else { return Ok(None) };
        let version = self.inner.engine.versions.get(db, &row.tenant, dag.version).await?;
        let Some((timetable, params)) = custom(&version) else { return Ok(None) };
        let spec = version.graph.spec();
        let restriction = Restriction { earliest: spec.start_date, latest: spec.end_date, catchup: spec.catchup };
        let query = TimetableQuery {
            timetable: timetable.clone(),
            params: params.to_string(),
            last: run::last_scheduled(db, &row.tenant, id).await?,
            restriction,
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
        let WorkKind::Timetable { dag: id, losses } = &row.kind else { return Ok(false) };
        let Some((_, until)) = row.lease else { return Ok(false) };
        let lost = tenant.is_none();
        if tenant.is_some_and(|tenant| *tenant != row.tenant) || (lost && until > now) {
            return Ok(false);
        }
        let Some(mut dag) = dag::lock(&mut tx, &row.tenant, id).await? else { return Ok(false) };
        if !work::remove(&mut tx, attempt).await? {
            return Ok(false);
        }
        let again = lost || end.failure().is_some_and(|failure| failure.class.verdict() == Verdict::Requeue);
        if again && *losses < MAX_LOSSES {
            offer(&mut tx, &self.inner.engine, &row.tenant, id, losses + 1).await?;
        } else {
            note(&mut dag, end);
            dag::put(&mut tx, &dag).await?;
        }
        tx.commit().await?;
        self.inner.committer.stocked();
        self.inner.engine.due.notify_one();
        Ok(true)
    }
}

/// Notes when the DAG runs next. A timetable that fails leaves its DAG without a next run until it is asked again, which is
/// when the module is uploaded anew or the DAG is unpaused.
fn note(dag: &mut DagRow, end: AttemptEnd) {
    dag.next = match end {
        AttemptEnd::NextRun(next) if !dag.is_paused => next,
        AttemptEnd::NextRun(_) => None,
        AttemptEnd::Success { .. }
        | AttemptEnd::Branch { .. }
        | AttemptEnd::ShortCircuit { .. }
        | AttemptEnd::Skipped { .. }
        | AttemptEnd::Deferred(_)
        | AttemptEnd::Reschedule { .. }
        | AttemptEnd::AwaitingInput { .. }
        | AttemptEnd::Pending { .. }
        | AttemptEnd::Fired { .. }
        | AttemptEnd::Parsed { .. }
        | AttemptEnd::Failed(_) => {
            tracing::warn!(tenant = %dag.tenant, dag = %dag.dag_id, "the DAG's timetable did not say when it runs next");
            None
        }
    };
}
