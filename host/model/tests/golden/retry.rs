//! Retry instants: `next_retry_datetime` of tasks with every kind of backoff, limit and policy.

use std::time::Duration;

use chrono::{DateTime, Utc};
use flow_model::ids::{DagId, TaskId};
use flow_model::retry::{FailedTry, RetryDelay};
use serde_json::Value;

use crate::member;

pub(crate) fn check(vector: &Value) -> Result<(), String> {
    let (dag_id, task_id): (DagId, TaskId) = (member(vector, "dag_id")?, member(vector, "task_id")?);
    let failed = FailedTry {
        dag_id: &dag_id,
        task_id: &task_id,
        logical_date: member::<Option<DateTime<Utc>>>(vector, "logical_date")?,
        try_number: member(vector, "try_number")?,
    };
    let delay = RetryDelay {
        delay_ms: millis(member(vector, "retry_delay_s")?)?,
        backoff: member(vector, "effective_backoff")?,
        max_delay_ms: member::<Option<f64>>(vector, "max_retry_delay_s")?.map(millis).transpose()?,
    };
    let decided = member::<Option<f64>>(vector, "retry_delay_override_s")?.map(Duration::from_secs_f64);
    let expected = Duration::from_micros(member(vector, "delay_us")?);
    let found = delay.pause(&failed, decided);
    if found == expected { Ok(()) } else { Err(format!("expected a pause of {expected:?}, got {found:?}")) }
}

fn millis(seconds: f64) -> Result<u64, String> {
    u64::try_from(Duration::from_secs_f64(seconds).as_millis()).map_err(|error| error.to_string())
}
