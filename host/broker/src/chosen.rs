//! Which runs and task instances a request is about.

use std::collections::BTreeSet;

use flow_model::advance::Instance;
use flow_model::graph::Direction;
use flow_model::ids::{DagId, RunId, RunKey, TaskId, TenantId};
use flow_model::time::Millis;
use flow_store::Session;
use flow_store::run::{self, RunRow};
use flow_store::task_instance::TaskKey;

use crate::dag_runs::known_run;
use crate::error::ServiceError;
use crate::plan::Plan;

/// How many runs one request may change.
const MAX_RUNS: u32 = 1_000;

/// A task instance by name: its task's id, and its index as the API writes it.
pub(crate) type Named = (TaskId, i64);

/// Which ways along the edges are meant.
pub(crate) fn directions(upstream: bool, downstream: bool) -> impl Iterator<Item = Direction> {
    let upstream = upstream.then_some(Direction::Upstream);
    upstream.into_iter().chain(downstream.then_some(Direction::Downstream))
}

/// These task instances by name.
pub(crate) fn named(plan: &Plan<'_>, run: RunKey, tasks: &[Instance]) -> BTreeSet<Named> {
    let Some((_, version)) = plan.run(run) else { return BTreeSet::new() };
    let name = |at: &Instance| (version.graph.task(at.task).task_id.clone(), at.map_index.map_or(-1, i64::from));
    tasks.iter().map(name).collect()
}

/// These task instances by place.
pub(crate) fn keys_of(run: RunKey, tasks: &[Instance]) -> Vec<TaskKey> {
    tasks.iter().map(|&at| TaskKey::of(run, at)).collect()
}

/// A run, and the earlier and later ones of its DAG if they are asked for, locked in the one order that everybody locks runs in.
pub(crate) async fn runs_around(
    db: &mut Session,
    (tenant, dag): (&TenantId, &DagId),
    run_id: &RunId,
    (past, future): (bool, bool),
) -> Result<Vec<RunRow>, ServiceError> {
    if !past && !future {
        let found = run::lock(db, tenant, dag, run_id).await?;
        return Ok(vec![found.ok_or_else(|| ServiceError::not_found("DAG run", run_id))?]);
    }
    let Some(date) = known_run(db, tenant, dag, run_id).await?.logical_date else {
        let reason = "the run has no logical date, so that no run is before or after it";
        return Err(ServiceError::refused("include_past, include_future", reason));
    };
    let (from, to) = ((!past).then_some(date), (!future).then_some(date));
    runs_between(db, (tenant, dag), (from, to)).await
}

/// The runs of a DAG for these logical dates, both included, locked in the one order that everybody locks runs in.
pub(crate) async fn runs_between(
    db: &mut Session,
    (tenant, dag): (&TenantId, &DagId),
    (from, to): (Option<Millis>, Option<Millis>),
) -> Result<Vec<RunRow>, ServiceError> {
    let range = (from.unwrap_or(Millis(i64::MIN)), to.unwrap_or(Millis(i64::MAX)));
    let runs = run::lock_between(db, tenant, dag, range, MAX_RUNS + 1).await?;
    if runs.len() > MAX_RUNS as usize {
        let reason = format!("more than {MAX_RUNS} runs lie between these dates; choose fewer");
        return Err(ServiceError::invalid("start_date, end_date", reason));
    }
    Ok(runs)
}
