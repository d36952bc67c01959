//! Timetables of modules: asked for a DAG's next run as work of its own, never inside the scheduler.
//!
//! While the answer is awaited, the DAG has a row in the queue. The answer is when its next run is due, as if a timetable of
//! the host had said so. One that fails is asked again after a pause, and the event log says why.

use std::time::Duration;

use flow_model::dag::ScheduleSpec;
use flow_model::fairness::URGENT;
use flow_model::ids::{AttemptId, DagId, TenantId};
use flow_model::port::BrokerError;
use flow_model::run::{RunType, permits};
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun, Restriction, pause_before_asking};
use flow_model::work::{AttemptClaims, AttemptEnd, AttemptRole, ErrorClass, Failure, Job, TimetableQuery, Verdict};
use flow_store::dag::{self, DagRow};
use flow_store::event_log::{self, Event};
use flow_store::work::{self, WorkKind, WorkRow};
use flow_store::{Session, StoreError};

use crate::engine::{Engine, Version};
use crate::handout::Handout;
use crate::local::LocalBroker;
use crate::schedules::{next_run, restriction};
use crate::text::keep_message;

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
    offer(db, engine, &row.tenant, (&row.dag_id, last, 0), Duration::ZERO)?;
    Ok(true)
}

fn offer(
    db: &mut Session,
    engine: &Engine,
    tenant: &TenantId,
    (dag, last, losses): (&DagId, Option<DataInterval>, u32),
    pause: Duration,
) -> Result<(), StoreError> {
    let now = engine.now();
    let row = WorkRow {
        attempt: engine.mint_attempt(now),
        tenant: tenant.clone(),
        kind: WorkKind::Timetable { dag: dag.clone(), last, losses },
        turn: pause.is_zero().then(|| engine.turn(tenant)),
        priority: URGENT,
        available_at: now.after(pause),
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
        let message = "the worker was not heard of until its lease expired".to_owned();
        let lost = AttemptEnd::Failed(Failure { class: ErrorClass::Lost, message, location: None });
        self.end_timetable(attempt, None, lost).await.map(drop)
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
            let version = self.inner.engine.versions.get(&mut tx, &row.tenant, dag.version).await?;
            let limits = restriction(version.graph.spec());
            let unanswered = answer(end, *last, limits).map(|next| dag.next = next).err();
            if let Some(Unanswered::Failed(reason) | Unanswered::Refused(reason)) = &unanswered {
                complain(&mut tx, &dag, reason, now)?;
            }
            let pause = match unanswered {
                None | Some(Unanswered::Refused(_)) => None,
                Some(Unanswered::Unheard) => Some(pause_before_asking(true, *losses)),
                Some(Unanswered::Failed(_)) => Some(pause_before_asking(false, *losses)),
            };
            match pause {
                None => dag::put(&mut tx, &dag).await?,
                Some(pause) => {
                    let again = (id, *last, losses.saturating_add(1));
                    offer(&mut tx, &self.inner.engine, &row.tenant, again, pause)?;
                }
            }
        }
        tx.commit().await?;
        self.inner.committer.stocked();
        self.inner.engine.due.notify_one();
        Ok(true)
    }
}

/// Why there is no answer that counts.
enum Unanswered {
    /// Nobody has heard the question.
    Unheard,
    /// The timetable has failed; another time it may not.
    Failed(String),
    /// What it says cannot be, and it would say the same again.
    Refused(String),
}

/// When the DAG runs next.
fn answer(end: AttemptEnd, last: Option<DataInterval>, limits: Restriction) -> Result<Option<NextRun>, Unanswered> {
    match end {
        AttemptEnd::NextRun(None) => Ok(None),
        AttemptEnd::NextRun(Some(next)) => {
            next.accepted(last, limits).map_err(|refused| Unanswered::Refused(refused.to_string()))
        }
        AttemptEnd::Failed(failure) => Err(match failure.class.verdict() {
            Verdict::Requeue => Unanswered::Unheard,
            Verdict::Retry | Verdict::Fail => Unanswered::Failed(failure.message),
        }),
        AttemptEnd::Success { .. }
        | AttemptEnd::Branch { .. }
        | AttemptEnd::ShortCircuit { .. }
        | AttemptEnd::Skipped { .. }
        | AttemptEnd::Deferred(_)
        | AttemptEnd::Reschedule { .. }
        | AttemptEnd::AwaitingInput { .. }
        | AttemptEnd::Pending { .. }
        | AttemptEnd::Fired { .. }
        | AttemptEnd::Parsed { .. } => Err(Unanswered::Refused("it ended as nothing that a timetable can".to_owned())),
    }
}

/// Says in the event log why a DAG does not run by its schedule for now.
fn complain(db: &mut Session, dag: &DagRow, reason: &str, now: Millis) -> Result<(), StoreError> {
    let event = Event {
        tenant: Some(&dag.tenant),
        at: now,
        owner: "scheduler",
        event: "timetable failed",
        dag_id: Some(dag.dag_id.as_str()),
        extra: Some(serde_json::json!({ "reason": keep_message(reason) }).to_string()),
        ..Event::default()
    };
    event_log::append(db, &[event])
}
