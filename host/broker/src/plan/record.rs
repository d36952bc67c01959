//! What is kept about a change besides the state: its dates, and what watchers are told.

use flow_model::rest::state_events::StateEvent;
use flow_model::state::Phase;
use flow_model::time::Millis;
use flow_store::run::RunRow;
use flow_store::task_instance::TaskRow;

use super::PlannedRun;

/// Keeps the dates that belong to a status, and what a new try does not inherit.
pub(super) fn date(row: &mut TaskRow, now: Millis) {
    match row.status.phase {
        Phase::None => {
            row.queued_at = None;
            row.start_date = None;
            row.end_date = None;
            row.worker = None;
            row.error = None;
            row.usage = None;
        }
        Phase::Queued(_) => {
            row.queued_at = Some(now);
            row.start_date = None;
            row.end_date = None;
            row.worker = None;
        }
        Phase::Running(_) => {
            row.start_date = Some(now);
            row.end_date = None;
            row.error = None;
            row.usage = None;
        }
        Phase::UpForRetry(..) | Phase::Ended(_) => row.end_date = Some(now),
    }
}

pub(super) fn run_event(run: &RunRow, now: Millis) -> StateEvent {
    StateEvent::DagRun { dag_id: run.dag_id.clone(), dag_run_id: run.run_id.clone(), state: run.state, timestamp: now }
}

pub(super) fn task_event(run: &PlannedRun, task: &TaskRow, now: Millis) -> StateEvent {
    StateEvent::TaskInstance {
        dag_id: run.row.dag_id.clone(),
        dag_run_id: run.row.run_id.clone(),
        task_id: run.version.graph.task(task.key.task).task_id.clone(),
        map_index: task.key.map_index.map_or(-1, i64::from),
        try_number: task.status.try_number,
        state: task.status.state(),
        timestamp: now,
    }
}
