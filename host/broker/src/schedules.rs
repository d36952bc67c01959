//! Scheduled runs: created when they are due, each exactly once.

use std::sync::Arc;
use std::time::Duration;

use flow_model::advance::Tally;
use flow_model::dag::DagSpec;
use flow_model::fairness::FreeHands;
use flow_model::ids::RunId;
use flow_model::run::{RunType, TriggeredBy, is_due, permits, scheduled_run_id, state_at_creation};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, NextRun, Restriction, Schedule};
use flow_store::dag::{self, DagRow};
use flow_store::run::{self, RunRow};
use flow_store::{Session, StoreError};

use crate::create::{NewRun, create};
use crate::engine::{Engine, Version, Written};
use crate::local::LocalBroker;
use crate::timetables::plan_next;

/// How many DAGs one transaction looks at.
const ROUND: u32 = 64;
/// How long the schedule of a DAG with too many active runs waits before it looks again.
const HOLD: Duration = Duration::from_secs(1);

impl LocalBroker {
    /// Creates every scheduled run that is due.
    pub(crate) async fn create_scheduled(&self, now: Millis) -> Result<(), StoreError> {
        let engine = &self.inner.engine;
        loop {
            let mut tx = self.inner.store.begin("create scheduled").await?;
            let due = dag::lock_due(&mut tx, now, ROUND).await?;
            if due.is_empty() {
                return Ok(());
            }
            let written = create_due(&mut tx, engine, due, now).await?;
            self.conclude(tx, written).await?;
        }
    }
}

/// Creates the due runs of these DAGs and notes when each is due next, in one transaction.
async fn create_due(db: &mut Session, engine: &Engine, due: Vec<DagRow>, now: Millis) -> Result<Written, StoreError> {
    let (mut runs, mut asked) = (Vec::new(), false);
    for mut dag in due {
        let version = match engine.versions.get(db, &dag.tenant, dag.version).await {
            Ok(version) => version,
            Err(error @ StoreError::Inconsistent { .. }) => {
                tracing::error!(tenant = %dag.tenant, dag = %dag.dag_id, %error, "the DAG is not scheduled any more");
                dag.next = None;
                dag::put(db, &dag).await?;
                continue;
            }
            Err(error) => return Err(error),
        };
        let at_most = u64::from(dag.limits.max_active_runs);
        let mut active = run::active_of_dag(db, &dag.tenant, &dag.dag_id, at_most).await?;
        while let Some(next) = dag.next.filter(|next| next.run_after <= now) {
            if active >= at_most {
                dag.next = Some(NextRun { run_after: now.after(HOLD), ..next });
                break;
            }
            let next = up_to_now(db, (&dag, &version), next, now).await?;
            runs.extend(scheduled_run(engine, &dag, &version, next, now));
            asked |= plan_next(db, engine, (&mut dag, &version), Some(next.interval), now).await?;
            active += 1;
        }
        dag::put(db, &dag).await?;
    }
    let runs: Vec<&NewRun> = runs.iter().collect();
    // A run that is there already was triggered by hand for the same logical date; then there is nothing to create.
    let (_, mut written) = create(db, engine, &runs, &mut FreeHands::default()).await?;
    written.offers |= asked;
    Ok(written)
}

/// The data of a continuous schedule's run begins where the last one's ended, and ends when the run is made. It is not empty,
/// so that the next run stands for another.
async fn up_to_now(
    db: &mut Session,
    (dag, version): (&DagRow, &Version),
    next: NextRun,
    now: Millis,
) -> Result<NextRun, StoreError> {
    let schedule = version.graph.spec().schedule.as_ref().and_then(|schedule| Schedule::parse(schedule).ok());
    match schedule.as_ref().map(Schedule::by_time) {
        Some(Schedule::Continuous) => {
            let last = run::last_scheduled(db, &dag.tenant, &dag.dag_id).await?;
            let NextRun { interval, .. } = next_run(version, last, now).unwrap_or(next);
            let end = interval.end.max(interval.start.after_ms(1));
            Ok(NextRun { interval: DataInterval { end, ..interval }, ..next })
        }
        Some(_) | None => Ok(next),
    }
}

fn scheduled_run(engine: &Engine, dag: &DagRow, version: &Arc<Version>, next: NextRun, now: Millis) -> Option<NewRun> {
    let run_id: RunId = scheduled_run_id(next.interval.start).parse().ok()?;
    // Not `next.run_after`, which is later if the schedule had to wait; and the module may have said that it is due earlier.
    let run_after = next.interval.end.min(now);
    let state = state_at_creation(dag.is_paused, is_due(run_after, now));
    let row = RunRow {
        key: engine.mint_run(now),
        tenant: dag.tenant.clone(),
        dag_id: dag.dag_id.clone(),
        run_id,
        version: version.id,
        state,
        tally: Tally::default(),
        run_type: RunType::Scheduled,
        logical_date: Some(next.interval.start),
        interval: Some(next.interval),
        run_after,
        queued_at: now,
        start_date: (state == RunState::Running).then_some(now),
        end_date: None,
        triggered_by: TriggeredBy::Timetable,
        triggering_user: None,
        timeout_at: timeout(version, state, now),
        held: false,
    };
    Some(NewRun { row, version: Arc::clone(version), conf: None, note: None, partition: None, owner: None })
}

/// The next runs of a DAG by time, at most `count`, were it not paused.
pub(crate) fn preview(version: &Version, last: Option<DataInterval>, now: Millis, count: usize) -> Vec<NextRun> {
    let spec = version.graph.spec();
    let schedule = spec.schedule.as_ref().and_then(|schedule| Schedule::parse(schedule).ok());
    schedule.map_or_else(Vec::new, |schedule| schedule.preview(last, restriction(spec), now, count))
}

pub(crate) fn restriction(spec: &DagSpec) -> Restriction {
    Restriction { earliest: spec.start_date, latest: spec.end_date, catchup: spec.catchup }
}

/// When a run that begins now has taken too long.
pub(crate) fn timeout(version: &Version, state: RunState, now: Millis) -> Option<Millis> {
    let timeout = version.graph.spec().dagrun_timeout_ms.filter(|_| state == RunState::Running);
    timeout.map(|timeout| now.after_ms(timeout))
}

/// The run that follows the one for `last`, none left out: whether it is due yet or not.
pub(crate) fn following_run(version: &Version, last: Option<DataInterval>, now: Millis) -> Option<NextRun> {
    let spec = version.graph.spec();
    let schedule = Schedule::parse(spec.schedule.as_ref()?).ok()?;
    schedule.next(last, Restriction { earliest: spec.start_date, latest: spec.end_date, catchup: true }, now)
}

/// What a run stands for that somebody asks for at `at`.
pub(crate) fn manual_interval(version: &Version, at: Millis) -> DataInterval {
    let schedule = version.graph.spec().schedule.as_ref().and_then(|schedule| Schedule::parse(schedule).ok());
    schedule.map_or(DataInterval::exact(at), |schedule| schedule.manual_interval(at))
}

/// When a DAG runs next after a run for `last`; `None` if it has no schedule or none is left.
pub(crate) fn next_run(version: &Version, last: Option<DataInterval>, now: Millis) -> Option<NextRun> {
    let spec = version.graph.spec();
    if !permits(&spec.allowed_run_types, RunType::Scheduled) {
        return None;
    }
    let schedule = Schedule::parse(spec.schedule.as_ref()?).ok()?;
    schedule.next(last, restriction(spec), now)
}
