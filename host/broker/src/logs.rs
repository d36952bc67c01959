//! Logs of tries, as people read them.

use std::cmp::Ordering;

use flow_model::ids::{DagId, RunId, TaskId, TenantId};
use flow_model::rest::logs::{LogMessage, LogQuery, TaskLog};
use flow_model::rest::task_instances::TaskTry;
use flow_model::state::TaskInstanceState;
use flow_model::work::LogLine;
use flow_store::task_instance::TaskKey;
use flow_store::{Session, StoreError, log};

use crate::error::ServiceError;
use crate::local::LocalBroker;

/// How many pieces are read at once.
const PIECES: u32 = 100;

impl LocalBroker {
    /// What a try logged, from the beginning or from where an earlier answer ended.
    pub async fn task_log(
        &self,
        tenant: &TenantId,
        run: (&DagId, &RunId),
        task: (&TaskId, Option<u32>),
        try_number: u32,
        query: &LogQuery,
    ) -> Result<TaskLog, ServiceError> {
        let after = query.token.as_deref().map_or(Ok(-1), token)?;
        let mut db = self.inner.store.read().await?;
        let (key, instance) = self.inner.known_task(&mut db, tenant, run, task).await?;
        // Looked at before the log is: a try that is over by then has logged everything.
        let is_over =
            is_over(&instance.last_try, try_number).ok_or_else(|| ServiceError::not_found("try", try_number))?;
        let mut part = Part { after, ..Part::default() };
        loop {
            let is_last = part.extend(&mut db, tenant, (key, try_number)).await?;
            if is_last || !query.full_content {
                let continuation_token = (!is_last || !is_over).then(|| part.after.to_string());
                return Ok(TaskLog { content: part.content, continuation_token });
            }
        }
    }
}

/// A part of a log while it is read.
#[derive(Default)]
struct Part {
    content: Vec<LogMessage>,
    /// The last piece that is in it.
    after: i64,
}

impl Part {
    /// Adds the next pieces. Answers whether there are no more for now.
    async fn extend(
        &mut self,
        db: &mut Session,
        tenant: &TenantId,
        (task, try_number): (TaskKey, u32),
    ) -> Result<bool, StoreError> {
        let pieces = log::read(db, (tenant, task), try_number, self.after, PIECES).await?;
        let is_last = pieces.len() < PIECES as usize;
        for (seq, lines) in pieces {
            self.after = seq;
            for line in lines.lines() {
                let line: LogLine = serde_json::from_str(line).map_err(|error| StoreError::Inconsistent {
                    column: "log_chunk.lines",
                    reason: error.to_string(),
                })?;
                self.content.push(line.into());
            }
        }
        Ok(is_last)
    }
}

fn token(text: &str) -> Result<i64, ServiceError> {
    text.parse().map_err(|_| ServiceError::invalid("token", "give the `continuation_token` of an earlier answer"))
}

/// Whether a try logs nothing more; `None` if there is no such try and will be none.
fn is_over(last: &TaskTry, try_number: u32) -> Option<bool> {
    let under_way = match last.state {
        Some(
            TaskInstanceState::Queued
            | TaskInstanceState::Running
            | TaskInstanceState::Restarting
            | TaskInstanceState::UpForReschedule
            | TaskInstanceState::Deferred
            | TaskInstanceState::AwaitingInput,
        ) => true,
        None
        | Some(
            TaskInstanceState::None
            | TaskInstanceState::Scheduled
            | TaskInstanceState::UpForRetry
            | TaskInstanceState::Success
            | TaskInstanceState::Failed
            | TaskInstanceState::Skipped
            | TaskInstanceState::UpstreamFailed
            | TaskInstanceState::Removed,
        ) => false,
    };
    let may_be_tried = last.state.is_none_or(|state| state.terminal().is_none());
    match try_number.cmp(&last.try_number) {
        Ordering::Less | Ordering::Equal if try_number == 0 => None,
        Ordering::Less => Some(true),
        Ordering::Equal => Some(!under_way),
        Ordering::Greater => may_be_tried.then_some(false),
    }
}
