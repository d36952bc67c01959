//! Claiming: from leased rows to everything that a worker needs to run them.
//!
//! What turns out not to be runnable is ended here and not handed out.

use flow_model::ids::AttemptId;
use flow_model::port::{BrokerError, ClaimRequest, Report};
use flow_model::work::{AttemptEnd, ErrorClass, Failure, Usage, Work};
use flow_store::StoreError;
use flow_store::work::{WorkKind, WorkRow};

use crate::committer::{Cause, Finish, Refusal};
use crate::handout::{Handout, TooMuch};
use crate::jobs::is_hostname;
use crate::local::LocalBroker;

impl LocalBroker {
    pub(crate) async fn claim_work(&self, request: ClaimRequest) -> Result<Vec<Work>, BrokerError> {
        if request.slots == 0 {
            return Err(BrokerError::Invalid("slots must be at least 1".to_owned()));
        }
        if !is_hostname(&request.hostname) {
            return Err(BrokerError::Invalid("hostname is at most 255 bytes without control characters".to_owned()));
        }
        self.inner.note_claim(&request).await;
        let share = self.inner.committer.claim(request).await.map_err(|refusal| refusal.about(AttemptId(nil())))?;
        if share.rows().is_empty() {
            return Ok(Vec::new());
        }
        let work = self.brief(share.rows()).await.map_err(|error| Refusal::from(&error).about(AttemptId(nil())))?;
        share.keep();
        Ok(work)
    }

    async fn brief(&self, rows: &[WorkRow]) -> Result<Vec<Work>, StoreError> {
        let mut db = self.inner.store.read().await?;
        let handout = Handout::load(&mut db, &self.inner, rows).await?;
        let mut ready = Vec::with_capacity(rows.len());
        for row in rows {
            let work = match &row.kind {
                WorkKind::Task { key, try_number, brief } => handout.task(row, (*key, *try_number), brief.as_deref()),
                WorkKind::Trigger { key, try_number } => Ok(handout.trigger(row, *key, *try_number)),
                WorkKind::Parse { .. } => Ok(handout.parse(&mut db, row).await?),
                WorkKind::Timetable { .. } => Ok(handout.timetable(&mut db, row).await?),
                WorkKind::Callback { .. } => Ok(handout.callback(&mut db, row).await?),
                // The host looks itself.
                WorkKind::Wait { .. } => Ok(None),
            };
            match work {
                Ok(Some(work)) => ready.push(work),
                // Its run or module was deleted a moment ago, and the row with it.
                Ok(None) => {}
                Err(refused) => self.refuse_to_run(row, refused).await,
            }
        }
        Ok(ready)
    }

    /// Ends an attempt that cannot be handed out, as its worker would.
    async fn refuse_to_run(&self, row: &WorkRow, refused: TooMuch) {
        let failure = Failure { class: ErrorClass::Quota, message: refused.to_string(), location: None };
        let report = Report { end: AttemptEnd::Failed(failure), usage: Usage::default(), retry: None, map_label: None };
        let cause = Cause::Reported(row.tenant.clone());
        let finish = Finish { attempt: row.attempt, report, cause };
        if let Err(refusal) = self.inner.committer.finish(finish).await {
            tracing::warn!(?refusal, "an attempt that cannot run could not be ended; its lease will expire");
        }
    }
}

/// The id in errors that are not about one attempt.
fn nil() -> uuid::Uuid {
    uuid::Uuid::nil()
}
