//! Whether a task instance may be tried again, and after which pause.

use std::time::Duration;

use flow_model::retry::{FailedTry, RetryDelay};
use flow_model::state::RetryPolicy;
use flow_model::work::RetryDecision;
use flow_store::task_instance::TaskKey;

use crate::plan::Plan;

/// What holds if the present try of a task instance fails. `decided` is what the module's own policy makes of it.
pub(crate) fn policy(plan: &Plan<'_>, key: TaskKey, decided: Option<&RetryDecision>) -> RetryPolicy {
    let (Some((run, version)), Some(row)) = (plan.run(key.run), plan.row(key)) else {
        return RetryPolicy { max_tries: 0, delay: Duration::ZERO, again: false };
    };
    let task = version.graph.task(key.task);
    let failed = FailedTry {
        dag_id: &run.dag_id,
        task_id: &task.task_id,
        logical_date: run.logical_date.and_then(flow_model::time::Millis::to_utc),
        try_number: plan.status(key).map_or(0, |status| status.upcoming_try()),
    };
    let (again, pause) = match decided {
        None | Some(RetryDecision::Default) => (true, None),
        Some(RetryDecision::Retry { delay_ms, reason: _ }) => (true, delay_ms.map(Duration::from_millis)),
        Some(RetryDecision::Fail { reason: _ }) => (false, None),
    };
    let delay = RetryDelay {
        delay_ms: task.retry_delay_ms,
        backoff: task.retry_exponential_backoff,
        max_delay_ms: task.max_retry_delay_ms,
    };
    RetryPolicy { max_tries: row.node.max_tries.saturating_add(1), delay: delay.pause(&failed, pause), again }
}
