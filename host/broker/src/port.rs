//! The broker port, answered in process: what workers ask of the control plane.

use bytes::Bytes;
use flow_model::call::{Call, CallError, Reply, limit};
use flow_model::ids::AttemptId;
use flow_model::port::{Broker, BrokerError, ClaimRequest, Renewal, Report};
use flow_model::work::{AttemptEnd, AttemptRole, ErrorClass, Failure, Grant, LogLine, Work};
use flow_store::dag_version::RunsFor;
use flow_store::log::LogChunk;
use flow_store::{StoreError, blob, dag_version, work};

use crate::committer::{Cause, Finish, Refusal, Start};
use crate::local::LocalBroker;
use crate::metrics::word;
use crate::text::check_json;

impl Broker for LocalBroker {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Work>, BrokerError> {
        let work = self.claim_work(request).await?;
        self.inner.counters.claim(work.len());
        Ok(work)
    }

    async fn start(&self, grant: &Grant) -> Result<(), BrokerError> {
        let claims = &grant.claims;
        let attempt = claims.attempt;
        match claims.role {
            AttemptRole::Task { .. } => {
                let start = Start { attempt, tenant: claims.tenant.clone() };
                self.inner.committer.begin(start).await.map_err(|refusal| refusal.about(attempt))
            }
            // Nobody looks at these while they run: that they are leased is all there is to know.
            AttemptRole::Parse { .. }
            | AttemptRole::Trigger { .. }
            | AttemptRole::Timetable { .. }
            | AttemptRole::Callback { .. } => {
                let mut db = self.inner.store.read().await.map_err(|error| about(&error, attempt))?;
                match work::holds_lease(&mut db, &claims.tenant, attempt).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(BrokerError::Fenced(attempt)),
                    Err(error) => Err(about(&error, attempt)),
                }
            }
        }
    }

    async fn renew(&self, grants: &[Grant]) -> Result<Vec<Renewal>, BrokerError> {
        self.renew_leases(grants).await.map_err(|error| about(&error, AttemptId(uuid::Uuid::nil())))
    }

    async fn call(&self, grant: &Grant, call: Call) -> Result<Reply, CallError> {
        self.inner.counters.call();
        self.answer_call(&grant.claims, call).await
    }

    async fn log(&self, grant: &Grant, lines: Vec<LogLine>) -> Result<(), BrokerError> {
        let attempt = grant.claims.attempt;
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for line in &lines {
            let json = serde_json::to_string(line).map_err(|error| BrokerError::Invalid(error.to_string()))?;
            text.push_str(&json);
            text.push('\n');
        }
        let chunk = LogChunk {
            tenant: grant.claims.tenant.clone(),
            attempt,
            seq: self.inner.engine.next_log_seq(),
            lines: text,
        };
        self.inner.committer.log(chunk).await.map_err(|refusal| refusal.about(attempt))?;
        self.inner.followers.told(&grant.claims);
        Ok(())
    }

    async fn finish(&self, grant: &Grant, report: Report) -> Result<(), BrokerError> {
        let claims = &grant.claims;
        let end = word(&report.end);
        let ended = match claims.role {
            AttemptRole::Task { .. } | AttemptRole::Trigger { .. } => {
                let report = Report { end: checked(report.end), ..report };
                let cause = Cause::Reported(claims.tenant.clone());
                let finish = Finish { attempt: claims.attempt, report, cause };
                self.inner.committer.finish(finish).await.map_err(|refusal| refusal.about(claims.attempt))?;
                self.inner.followers.told(claims);
                Ok(())
            }
            AttemptRole::Parse { .. } => self.finish_parse(claims, report.end).await,
            AttemptRole::Timetable { .. } => self.finish_timetable(claims, report.end).await,
            AttemptRole::Callback { .. } => self.finish_callback(claims, report.end).await,
        };
        if ended.is_ok() {
            self.inner.counters.end(&claims.role, end);
        }
        ended
    }

    async fn module(&self, grant: &Grant) -> Result<Bytes, BrokerError> {
        let claims = &grant.claims;
        let runs_for = match claims.role {
            AttemptRole::Parse { .. } => RunsFor::Module,
            AttemptRole::Task { .. } | AttemptRole::Trigger { .. } => RunsFor::Run,
            AttemptRole::Timetable { .. } => RunsFor::Dag,
            AttemptRole::Callback { .. } => RunsFor::Callback,
        };
        let answer = async {
            let mut db = self.inner.store.read().await?;
            let Some(digest) = dag_version::digest_for(&mut db, &claims.tenant, claims.attempt, runs_for).await? else {
                return Ok(None);
            };
            blob::get(&mut db, &claims.tenant, &digest).await
        };
        let found: Result<Option<Bytes>, StoreError> = answer.await;
        found.map_err(|error| about(&error, claims.attempt))?.ok_or(BrokerError::Fenced(claims.attempt))
    }
}

fn about(error: &StoreError, attempt: AttemptId) -> BrokerError {
    Refusal::from(error).about(attempt)
}

/// An end whose value can be stored; one whose value cannot is a failure of the guest.
fn checked(end: AttemptEnd) -> AttemptEnd {
    let AttemptEnd::Success { value: Some(value) } = end else { return end };
    match check_json(&value, limit::XCOM) {
        Ok(()) => AttemptEnd::Success { value: Some(value) },
        Err(reason) => AttemptEnd::Failed(Failure {
            class: ErrorClass::Error,
            message: format!("the task's result cannot be stored: {reason}"),
            location: None,
        }),
    }
}
