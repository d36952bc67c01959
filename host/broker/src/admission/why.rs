//! Why a task instance does not begin, as people read it.

use flow_model::admission::obstacles;
use flow_model::ids::{DagId, RunId, TaskId, TenantId};
use flow_model::rest::task_instances::TaskDependency;
use flow_model::state::{Phase, RunState, TaskInstanceState};
use flow_store::lane::{self, LaneKey};
use flow_store::task_instance::{self, TaskKey};
use flow_store::{Session, StoreError};

use super::ledger::Ledger;
use crate::dag_runs::known_run;
use crate::engine::Version;
use crate::error::ServiceError;
use crate::local::LocalBroker;
use crate::plan::Previous;

impl LocalBroker {
    /// What a task instance waits for before it can begin; nothing, if it has begun or ended.
    pub async fn task_instance_dependencies(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
    ) -> Result<Vec<TaskDependency>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let (key, instance) = self.inner.known_task(&mut db, tenant, run, task).await?;
        let row = known_run(&mut db, tenant, run.0, run.1).await?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        Ok(match instance.last_try.state {
            None | Some(TaskInstanceState::None) => {
                let mut found: Vec<TaskDependency> = not_running(row.state).into_iter().collect();
                found.extend(upstream(&mut db, &version, key).await?);
                let previous = Previous::of(&mut db, &self.inner.engine, &row, &version.graph).await?;
                found.extend(match previous.filter(|_| version.graph.waits_for_past(key.task)) {
                    Some(previous) => past(&mut db, &version, key, &previous).await?,
                    None => None,
                });
                found
            }
            Some(TaskInstanceState::Scheduled) => limits(&mut db, tenant, key).await?,
            Some(
                TaskInstanceState::Queued
                | TaskInstanceState::Running
                | TaskInstanceState::Restarting
                | TaskInstanceState::UpForRetry
                | TaskInstanceState::UpForReschedule
                | TaskInstanceState::Deferred
                | TaskInstanceState::AwaitingInput
                | TaskInstanceState::Success
                | TaskInstanceState::Failed
                | TaskInstanceState::Skipped
                | TaskInstanceState::UpstreamFailed
                | TaskInstanceState::Removed,
            ) => Vec::new(),
        })
    }
}

/// That its run has to go on first.
fn not_running(run: RunState) -> Option<TaskDependency> {
    let reason = match run {
        RunState::Queued => "its run is queued; it begins once its DAG is not paused and has room for it",
        RunState::Success | RunState::Failed => "its run has ended; clear it to let it go on",
        RunState::Running => return None,
    };
    Some(TaskDependency { name: "Dagrun Running".to_owned(), reason: reason.to_owned() })
}

/// What it waits for in the run before.
async fn past(
    db: &mut Session,
    version: &Version,
    key: TaskKey,
    previous: &Previous,
) -> Result<Option<TaskDependency>, StoreError> {
    let rows = previous.unmet(db, &version.graph, key.task).await?;
    let mut waited_for: Vec<&str> =
        rows.iter().map(|row| previous.version.graph.task(row.key.task).task_id.as_str()).collect();
    waited_for.sort_unstable();
    waited_for.dedup();
    let (run, tasks) = (&previous.run.run_id, waited_for.join(", "));
    let reason = format!("it waits for tasks of the run before, \"{run}\", to succeed or to be skipped: {tasks}");
    Ok((!waited_for.is_empty()).then(|| TaskDependency { name: "Previous Dagrun State".to_owned(), reason }))
}

/// The tasks before it that have not ended.
async fn upstream(db: &mut Session, version: &Version, key: TaskKey) -> Result<Option<TaskDependency>, StoreError> {
    let graph = &version.graph;
    let before: Vec<_> = graph.upstream(key.task).iter().map(|&task| (key.run, task)).collect();
    let mut waited_for: Vec<String> = task_instance::of_tasks(db, &before)
        .await?
        .iter()
        .filter(|row| !matches!(row.node.status.phase, Phase::Ended(_)))
        .map(|row| graph.task(row.key.task).task_id.to_string())
        .collect();
    waited_for.sort();
    waited_for.dedup();
    let reason = format!("it waits for upstream tasks that have not ended: {}", waited_for.join(", "));
    Ok((!waited_for.is_empty()).then(|| TaskDependency { name: "Trigger Rule".to_owned(), reason }))
}

/// The limits that leave no room for it.
async fn limits(db: &mut Session, tenant: &TenantId, key: TaskKey) -> Result<Vec<TaskDependency>, StoreError> {
    let mut rows = lane::load(db, tenant, &[LaneKey { run: key.run, task: key.task }]).await?;
    rows.sort_by(|a, b| a.limit.key.cmp(&b.limit.key));
    let mut ledger = Ledger::default();
    ledger.learn(db, tenant, rows.iter().map(|row| &row.limit.key)).await?;
    let lanes = ledger.lanes(rows);
    let (keys, taken) = ledger.known();
    let found = lanes.iter().flat_map(|(_, lane)| obstacles(lane, &keys, &taken));
    let mut reasons: Vec<TaskDependency> = found
        .map(|obstacle| {
            let name = if obstacle.key.pool().is_some() { "Pool Slots Available" } else { "Task Concurrency" };
            TaskDependency { name: name.to_owned(), reason: obstacle.to_string() }
        })
        .collect();
    if reasons.is_empty() {
        let reason = "others that wait for the same slots come before it".to_owned();
        reasons.push(TaskDependency { name: "Pool Slots Available".to_owned(), reason });
    }
    Ok(reasons)
}
