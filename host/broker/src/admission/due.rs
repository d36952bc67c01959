//! Retries and further looks that are due, of task instances under limits: they stand in line again.

use std::collections::HashSet;

use flow_model::admission::limits_of;
use flow_model::ids::AttemptId;
use flow_model::state::{Admission, TaskEvent};
use flow_model::time::Millis;
use flow_store::task_instance::TaskKey;
use flow_store::work::{WorkKind, WorkRow};
use flow_store::{Session, StoreError, run};

use crate::engine::{Engine, Written};
use crate::plan::{Holding, Plan};

/// Takes out of `due` what is under a limit, and lets it wait for its slot. The rest may be claimed.
pub(crate) async fn hold_back(
    db: &mut Session,
    engine: &Engine,
    due: &mut Vec<WorkRow>,
    now: Millis,
) -> Result<Written, StoreError> {
    let attempts: Vec<AttemptId> = due.iter().filter_map(task_key).map(|(attempt, _)| attempt).collect();
    if attempts.is_empty() {
        return Ok(Written::default());
    }
    let runs = run::lock_of_attempts(db, &attempts).await?;
    let holding = Holding::load(db, engine, runs).await?;
    let is_limited = |key: &TaskKey| {
        let held = holding.iter().find(|held| held.row.key == key.run);
        held.is_some_and(|held| !limits_of(&held.version.graph, key.task, key.run, held.counted).is_empty())
    };
    let limited: Vec<(AttemptId, TaskKey)> =
        due.iter().filter_map(task_key).filter(|(_, key)| is_limited(key)).collect();
    if limited.is_empty() {
        return Ok(Written::default());
    }
    let mut plan = Plan::new(engine, now, &holding);
    plan.load(db, &limited.iter().map(|(_, key)| *key).collect::<Vec<_>>()).await?;
    for &(attempt, key) in &limited {
        let is_its = plan.row(key).is_some_and(|row| row.node.status.attempt() == Some(attempt));
        if is_its && let Err(refused) = plan.happen(key, &TaskEvent::Due(Admission::Held)) {
            tracing::error!(%refused, "a task instance that is due refused to stand in line");
        }
    }
    plan.settle(db).await?;
    let held_back: HashSet<AttemptId> = limited.into_iter().map(|(attempt, _)| attempt).collect();
    due.retain(|row| !held_back.contains(&row.attempt));
    plan.write(db).await
}

fn task_key(row: &WorkRow) -> Option<(AttemptId, TaskKey)> {
    match &row.kind {
        WorkKind::Task { key, .. } => Some((row.attempt, *key)),
        WorkKind::Trigger { .. }
        | WorkKind::Wait { .. }
        | WorkKind::Parse { .. }
        | WorkKind::Timetable { .. }
        | WorkKind::Callback { .. } => None,
    }
}
