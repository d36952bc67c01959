//! What is kept about a change besides the state: its dates, what a new try does not inherit, and what watchers are told.

use flow_model::advance::Step;
use flow_model::dag::Native;
use flow_model::graph::Graph;
use flow_model::rest::state_events::StateEvent;
use flow_model::state::Phase;
use flow_model::time::Millis;
use flow_model::waiting::Waiting;
use flow_store::run::RunRow;
use flow_store::task_instance::TaskRow;

/// Keeps what belongs to where a task instance has come to, and forgets what does not.
pub(super) fn keep(row: &mut TaskRow, step: &Step, graph: &Graph, now: Millis) {
    match step.to.phase {
        Phase::None => forget(row),
        Phase::Scheduled => pause(row),
        Phase::Queued(_) => {
            row.queued_at = Some(now);
            pause(row);
        }
        Phase::Running(_) => {
            row.start_date = row.start_date.filter(|_| row.wait.is_some()).or(Some(now));
            (row.end_date, row.error, row.usage) = (None, None, None);
        }
        Phase::Deferred(_) | Phase::AwaitingInput(_) => {
            if let Some(wait) = native(graph, row, now) {
                (row.wait, row.start_date, row.end_date) = (Some(wait), None, None);
            }
            row.start_date = row.start_date.or(Some(now));
        }
        Phase::UpForReschedule(..) => {}
        Phase::UpForRetry(..) => {
            (row.wait, row.spent_ms) = (None, 0);
            row.end_date = Some(now);
        }
        Phase::Ended(_) => {
            row.wait = None;
            row.end_date = Some(now);
        }
    }
}

/// Nobody runs it at present. A try that goes on after a wait began when it began.
fn pause(row: &mut TaskRow) {
    row.start_date = row.start_date.filter(|_| row.wait.is_some());
    (row.end_date, row.worker) = (None, None);
}

fn forget(row: &mut TaskRow) {
    (row.queued_at, row.start_date, row.end_date) = (None, None, None);
    (row.worker, row.error, row.usage) = (None, None, None);
    (row.wait, row.spent_ms, row.map_label) = (None, 0, None);
}

/// What a task that is the host's own work waits for.
fn native(graph: &Graph, row: &TaskRow, now: Millis) -> Option<Waiting> {
    match &graph.task(row.key.task).native {
        Some(Native::Wait(wait)) => Some(Waiting::native(wait, now)),
        Some(Native::HumanInput(form)) => Some(Waiting::asked((**form).clone(), None, now)),
        Some(Native::Empty | Native::LatestOnly) | None => None,
    }
}

pub(super) fn run_event(run: &RunRow, now: Millis) -> StateEvent {
    StateEvent::DagRun { dag_id: run.dag_id.clone(), dag_run_id: run.run_id.clone(), state: run.state, timestamp: now }
}

pub(super) fn task_event(run: &RunRow, graph: &Graph, step: &Step, now: Millis) -> StateEvent {
    StateEvent::TaskInstance {
        dag_id: run.dag_id.clone(),
        dag_run_id: run.run_id.clone(),
        task_id: graph.task(step.at.task).task_id.clone(),
        map_index: step.at.map_index.map_or(-1, i64::from),
        try_number: step.to.try_number,
        state: step.to.state(),
        timestamp: now,
    }
}
