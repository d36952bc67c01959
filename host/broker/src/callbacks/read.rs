//! Callbacks and deadlines of runs, as people read them.

use flow_model::ids::{CallbackId, DagId, RunId, TenantId};
use flow_model::rest::callbacks::{Callback, Deadline};
use flow_model::rest::logs::{LogMessage, TaskLog};
use flow_model::rest::{Page, PageRequest, Scope};
use flow_model::work::LogLine;
use flow_store::{StoreError, callback, log, view};

use crate::dag_runs::{check_scope, known_run};
use crate::error::ServiceError;
use crate::local::LocalBroker;

/// How many pieces of a callback's log are read; its bytes are bounded by what an attempt may log.
const PIECES: u32 = 10_000;

impl LocalBroker {
    /// What ran, or will run, after something had happened in a run.
    pub async fn callbacks(
        &self,
        tenant: &TenantId,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<Callback>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        check_scope(&mut db, tenant, scope).await?;
        Ok(view::callbacks::callbacks(&mut db, tenant, scope, page).await?)
    }

    /// What a try of a callback of a run logged.
    pub async fn callback_log(
        &self,
        tenant: &TenantId,
        (dag, run): (&DagId, &RunId),
        id: CallbackId,
        try_number: u32,
    ) -> Result<TaskLog, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let run = known_run(&mut db, tenant, dag, run).await?;
        let found = callback::find(&mut db, tenant, id).await?.filter(|callback| callback.run == run.key);
        let callback = found.ok_or_else(|| ServiceError::not_found("callback", id))?;
        if try_number == 0 || try_number > callback.try_number {
            return Err(ServiceError::not_found("try", try_number));
        }
        let mut content: Vec<LogMessage> = Vec::new();
        for (_, lines) in log::of_callback(&mut db, tenant, id, try_number, PIECES).await? {
            for line in lines.lines() {
                let line: LogLine = serde_json::from_str(line).map_err(|error| StoreError::Inconsistent {
                    column: "log_chunk.lines",
                    reason: error.to_string(),
                })?;
                content.push(line.into());
            }
        }
        Ok(TaskLog { content, continuation_token: None })
    }

    /// By when what of a run has to be done, and what was not.
    pub async fn deadlines(
        &self,
        tenant: &TenantId,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<Deadline>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        check_scope(&mut db, tenant, scope).await?;
        Ok(view::callbacks::deadlines(&mut db, tenant, scope, page).await?)
    }
}
