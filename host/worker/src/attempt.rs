//! One attempt from its claim to its report.

use std::sync::Arc;

use bytes::Bytes;
use flow_model::port::{Broker, BrokerError, Report};
use flow_model::time::Entropy;
use flow_model::work::{AttemptEnd, ErrorClass, Failure, Job, Usage, Work};
use flow_sandbox::{Attempt, Capabilities as _};
use futures::future::BoxFuture;

use crate::backoff::until_answered;
use crate::brokered::Brokered;
use crate::held::{Held, Holding, StopReason};
use crate::http_check::HttpChecks;

/// The bytes of the attempt's component, for when its code is not at hand.
pub(crate) type Fetch = BoxFuture<'static, Result<Bytes, BrokerError>>;

/// Runs a guest to its end: the sandbox, seen from here.
pub(crate) type Run = Arc<dyn Fn(Attempt, Fetch) -> BoxFuture<'static, Report> + Send + Sync>;

/// Everything that carrying out an attempt takes, the same for all attempts of a worker.
#[derive(Clone)]
pub(crate) struct Bench<B> {
    /// Whom to report to.
    pub(crate) broker: B,
    /// What runs the guest.
    pub(crate) run: Run,
    /// What makes requests where there is no guest.
    pub(crate) checks: HttpChecks,
    /// Spreads retries.
    pub(crate) entropy: Entropy,
}

impl<B: Broker> Bench<B> {
    /// Starts the attempt, runs its guest and reports how it ended, unless the attempt is fenced on the way.
    ///
    /// What is done before and after the guest runs is on the heap only while it is done: thousands of attempts may run.
    pub(crate) async fn carry_out(self, work: Work, holding: Holding) {
        let held = &holding.held;
        // A task began with its claim.
        let started = if matches!(work.job, Job::Task(_)) { Ok(()) } else { Box::pin(self.start(held)).await };
        match started {
            Ok(()) => {}
            // The work is somebody else's now, or nobody's.
            Err(BrokerError::Fenced(_)) => return,
            Err(error) => {
                let attempt = work.grant.claims.attempt;
                tracing::error!(%attempt, %error, "an attempt could not be started; its lease will run out");
                return;
            }
        }
        let report = self.perform(work, held).await;
        let report = match held.stopped() {
            // Nobody waits for the result.
            Some(StopReason::Fenced) => return,
            Some(StopReason::ShutDown) => blame_shut_down(report),
            None => report,
        };
        Box::pin(self.report(held, report)).await;
    }

    /// Does what the work asks for, in the sandbox if it is a guest's.
    async fn perform(&self, work: Work, held: &Arc<Held>) -> Report {
        let Work { grant, module, job, limits } = work;
        let capabilities =
            Brokered { broker: self.broker.clone(), held: Arc::clone(held), entropy: Arc::clone(&self.entropy) };
        match job {
            Job::Http { check, poke_interval_ms } => {
                let (report, words) = tokio::select! {
                    looked = Box::pin(self.checks.look(&check, &grant.claims.uses, poke_interval_ms)) => looked,
                    () = held.stop_token().cancelled_owned() => return ended(ErrorClass::Cancelled, "it was stopped"),
                };
                capabilities.log(vec![self.checks.line(&report.end, words)]).await;
                report
            }
            Job::Task(_) | Job::Parse { .. } | Job::Trigger { .. } | Job::Timetable(_) | Job::Callback { .. } => {
                let fetch = fetch_module(self.broker.clone(), Arc::clone(held), Arc::clone(&self.entropy));
                let capabilities = Arc::new(capabilities);
                let attempt = Attempt { job, module, limits, capabilities, cancel: held.stop_token() };
                (self.run)(attempt, Box::pin(fetch)).await
            }
        }
    }

    async fn start(&self, held: &Held) -> Result<(), BrokerError> {
        let ask = || {
            let (broker, grant) = (&self.broker, held.grant());
            async move { broker.start(&grant).await }
        };
        until_answered(&self.entropy, "start", ask).await
    }

    /// Delivers the report, however long the control plane is away: until it is taken, or refused as fenced.
    async fn report(&self, held: &Held, report: Report) {
        match self.finish(held, &report).await {
            Ok(()) | Err(BrokerError::Fenced(_)) => {}
            // What the guest returned is not acceptable. The attempt has ended all the same.
            Err(BrokerError::Invalid(reason)) => {
                let failed = Report { usage: report.usage, ..ended(ErrorClass::HostError, &reason) };
                if let Err(error) = self.finish(held, &failed).await {
                    tracing::error!(%error, "the end of an attempt was refused twice; its lease will run out");
                }
            }
            Err(error @ (BrokerError::Unauthorized(_) | BrokerError::Unavailable(_))) => {
                tracing::error!(%error, "the end of an attempt was refused; its lease will run out");
            }
        }
    }

    async fn finish(&self, held: &Held, report: &Report) -> Result<(), BrokerError> {
        let ask = || {
            let (broker, grant, report) = (&self.broker, held.grant(), report.clone());
            async move { broker.finish(&grant, report).await }
        };
        until_answered(&self.entropy, "finish", ask).await
    }
}

async fn fetch_module<B: Broker>(broker: B, held: Arc<Held>, entropy: Entropy) -> Result<Bytes, BrokerError> {
    let ask = || {
        let (broker, grant) = (&broker, held.grant());
        async move { broker.module(&grant).await }
    };
    let answer = until_answered(&entropy, "module", ask).await;
    if let Err(BrokerError::Fenced(_)) = answer {
        held.stop(StopReason::Fenced);
    }
    answer
}

/// A guest that was stopped because the worker shuts down did not fail: its try goes to another worker.
fn blame_shut_down(report: Report) -> Report {
    match report.end.failure() {
        Some(Failure { class: ErrorClass::Cancelled, .. }) => {
            let lost = ended(ErrorClass::Lost, "the worker was shut down before the attempt ended");
            Report { usage: report.usage, ..lost }
        }
        // It ended by itself in the meantime.
        Some(_) | None => report,
    }
}

fn ended(class: ErrorClass, message: &str) -> Report {
    let failure = Failure { class, message: message.to_owned(), location: None };
    Report { end: AttemptEnd::Failed(failure), usage: Usage::default(), retry: None, map_label: None }
}
