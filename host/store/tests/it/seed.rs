//! Rows to begin a test with.

use flow_model::advance::{Node, Tally};
use flow_model::graph::TaskIndex;
use flow_model::ids::{AttemptId, DagVersionId, JobId, RunKey, TenantId};
use flow_model::run::{RunType, TriggeredBy};
use flow_model::state::{RunState, TaskStatus};
use flow_model::time::Millis;
use flow_store::run::RunRow;
use flow_store::task_instance::{NewTask, TaskKey};
use flow_store::work::{WorkKind, WorkRow};
use uuid::Uuid;

pub(crate) const NOW: Millis = Millis(1_767_225_600_000);

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().expect("a tenant's name")
}

pub(crate) fn attempt(number: u128) -> AttemptId {
    AttemptId(Uuid::from_u128(number))
}

pub(crate) fn worker(number: u128) -> JobId {
    JobId(Uuid::from_u128(number))
}

pub(crate) fn run_key(number: u128) -> RunKey {
    RunKey(Uuid::from_u128(number))
}

pub(crate) fn task_key(run: u128, task: u32) -> TaskKey {
    TaskKey { run: run_key(run), task: TaskIndex(task), map_index: None }
}

pub(crate) fn run(number: u128) -> RunRow {
    RunRow {
        key: run_key(number),
        tenant: tenant("acme"),
        dag_id: "dag".parse().expect("a DAG's id"),
        run_id: format!("run{number}").parse().expect("a run's id"),
        version: DagVersionId(Uuid::from_u128(1)),
        state: RunState::Running,
        tally: Tally { unfinished: 1, ..Tally::default() },
        run_type: RunType::Manual,
        logical_date: None,
        interval: None,
        run_after: NOW,
        queued_at: NOW,
        start_date: Some(NOW),
        end_date: None,
        triggered_by: TriggeredBy::RestApi,
        triggering_user: Some("ada".to_owned()),
        timeout_at: Some(NOW),
        held: true,
    }
}

pub(crate) fn new_task(key: TaskKey, status: TaskStatus) -> NewTask {
    NewTask {
        key,
        tenant: tenant("acme"),
        node: Node { status, ..Node::new(2) },
        task_id: format!("t{}", key.task.0).parse().expect("a task's id"),
        wait: None,
        item: None,
        queued_at: None,
        start_date: None,
        end_date: None,
        worker: None,
    }
}

pub(crate) fn work(number: u128, of: &str, turn: Option<u64>) -> WorkRow {
    let kind = WorkKind::Task { key: task_key(number, 0), try_number: 1, brief: None };
    WorkRow { attempt: attempt(number), tenant: tenant(of), kind, turn, priority: 0, available_at: NOW, lease: None }
}
