//! Taking a run to the latest version of its DAG when it is run again.
//!
//! Rows name their tasks by the indices that these have in the run's version. So first what is gone is removed, then the
//! rows get their new indices, and what the run comes to is found out with the new version.

use std::sync::Arc;

use flow_model::advance::{Instance, Renumbering};
use flow_model::ids::RunKey;
use flow_model::state::{TaskEvent, TaskInstanceState};
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, TaskKey};
use flow_store::{Session, StoreError, dag, dag_version};

use crate::admission;
use crate::engine::{Engine, Version, Written};
use crate::plan::{Holding, Plan};
use crate::reshape::{Change, instances, reshape};

/// The version that a run is to be taken to when it is run again, if not the one that it has: what was asked for counts, or
/// else what the DAG says. A run of a part of its DAG keeps its own.
pub(crate) async fn target(
    db: &mut Session,
    engine: &Engine,
    run: &RunRow,
    asked: Option<bool>,
) -> Result<Option<Arc<Version>>, StoreError> {
    let Some(dag) = dag::find(db, &run.tenant, &run.dag_id).await? else { return Ok(None) };
    let latest = engine.versions.get(db, &run.tenant, dag.version).await?;
    if latest.id == run.version || !asked.unwrap_or(latest.graph.spec().rerun_with_latest_version) {
        return Ok(None);
    }
    let own = dag_version::find(db, &run.tenant, run.version).await?;
    Ok(Some(latest).filter(|_| own.is_some_and(|own| own.part.is_none())))
}

/// Changes a run, as [`reshape`] does, after taking it to another version if one is given. If the change is refused, the
/// transaction must not be committed.
pub(crate) async fn reshape_onto<E: From<StoreError>>(
    db: &mut Session,
    engine: &Engine,
    run: RunRow,
    onto: Option<&Version>,
    change: Change<'_, E>,
) -> Result<Written, E> {
    let Some(version) = onto else { return reshape(db, engine, run, change).await };
    let tenant = run.tenant.clone();
    let (row, mut written) = renumber(db, engine, run, version).await?;
    let fit_and_change = |plan: &mut Plan<'_>, key| {
        let now = plan.now;
        if let Some(progress) = plan.progress(key) {
            progress.fit(now);
        }
        admit_unlimited(plan, key);
        change(plan, key)
    };
    written.merge(reshape(db, engine, row.clone(), Box::new(fit_and_change)).await?);
    admission::recount(db, engine, &tenant, &[row]).await?;
    engine.limits.overlook(&tenant);
    written.delays = true;
    Ok(written)
}

/// Gives the run the version, and its rows the indices that they have there.
async fn renumber(
    db: &mut Session,
    engine: &Engine,
    run: RunRow,
    version: &Version,
) -> Result<(RunRow, Written), StoreError> {
    let (tenant, key) = (run.tenant.clone(), run.key);
    let tasks = run::tasks(db, &tenant, key).await?;
    let renumbering = Renumbering::new(tasks.iter().cloned(), &version.graph);
    let written = remove_gone(db, engine, run.clone(), &renumbering).await?;
    let mut decided = task_instance::of_run(db, &tenant, key).await?;
    decided.retain(|row| row.node.skips.is_some());
    for row in &mut decided {
        renumbering.apply_to(&mut row.node);
    }
    task_instance::save(db, &decided)?;
    let indices: Vec<_> = tasks.into_iter().map(|(index, _)| index).collect();
    run::renumber(db, (&tenant, key), &indices, &renumbering).await?;
    let row = RunRow { version: version.id, ..run };
    run::save(db, std::slice::from_ref(&row))?;
    Ok((row, written))
}

/// Removes the task instances of tasks that the new version does not have; what runs of them is stopped. What follows from
/// that is not looked at yet.
async fn remove_gone(
    db: &mut Session,
    engine: &Engine,
    run: RunRow,
    renumbering: &Renumbering,
) -> Result<Written, StoreError> {
    let key = run.key;
    let holding = Holding::load(db, engine, vec![run]).await?;
    let mut plan = Plan::of_everything(db, engine, &holding).await?;
    let mut gone = instances(&plan, key, |_| true);
    gone.retain(|at| renumbering.is_gone(renumbering.of(at.task)));
    for at in gone {
        happen(&mut plan, TaskKey::of(key, at), &TaskEvent::Removed);
    }
    plan.write(db).await
}

/// Whoever waits for a slot of which the new version knows nothing waits no longer.
fn admit_unlimited(plan: &mut Plan<'_>, run: RunKey) {
    let waiting = instances(plan, run, |state| state == TaskInstanceState::Scheduled);
    let free = |at: &Instance| plan.admits(TaskKey::of(run, *at));
    for at in waiting.into_iter().filter(free).collect::<Vec<_>>() {
        let attempt = plan.engine.mint_attempt(plan.now);
        happen(plan, TaskKey::of(run, at), &TaskEvent::Admitted(attempt));
    }
}

fn happen(plan: &mut Plan<'_>, key: TaskKey, event: &TaskEvent<'_>) {
    if let Err(refused) = plan.happen(key, event) {
        tracing::error!(%refused, "a task instance refused to follow its run to another version");
    }
}
