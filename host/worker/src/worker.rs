//! The worker's loop: claim what there is room for, carry it out, drain in good order.

use std::sync::Arc;
use std::time::Duration;

use flow_model::egress::Egress;
use flow_model::ids::JobId;
use flow_model::port::{Broker, BrokerError, ClaimRequest, TenantScope};
use flow_model::time::{Clock, Entropy};
use flow_model::work::Work;
use flow_sandbox::Sandbox;
use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::attempt::{Bench, Run};
use crate::backoff::Backoff;
use crate::held::{Holdings, StopReason};
use crate::http_check::HttpChecks;

/// How long one claim waits for work.
const LONG_POLL: Duration = Duration::from_secs(20);
/// The most that one claim asks for.
const MOST_AT_ONCE: usize = 1_024;
/// How long guests that were told to stop, and their reports, may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a worker is told.
#[derive(Clone)]
pub struct WorkerConfig {
    /// Its job record.
    pub id: JobId,
    /// The name of its machine, for whoever reads the list of jobs.
    pub hostname: String,
    /// Whose work it takes. Over HTTP the worker's token decides.
    pub tenants: TenantScope,
    /// How many attempts it runs at a time.
    pub slots: usize,
    /// How often it renews its leases: a fraction of a lease, 2 s as a rule.
    pub beat: Duration,
    /// How long attempts may go on when it shuts down.
    pub drain: Duration,
    /// Spreads retries, so that many workers do not come back in step.
    pub entropy: Entropy,
    /// What time it is.
    pub clock: Clock,
    /// Where the requests go that tasks wait for.
    pub egress: Egress,
}

/// Why a worker gave up before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The control plane does not accept its token.
    #[error("the control plane does not accept this worker's token: {0}")]
    NotAllowed(String),
    /// The control plane does not understand it.
    #[error("the control plane does not understand this worker: {0}; are both of the same version?")]
    NotUnderstood(String),
}

/// Claims work through a broker and runs it in the sandbox.
pub struct Worker<B> {
    bench: Bench<B>,
    config: WorkerConfig,
    slots: Arc<Semaphore>,
    holdings: Holdings,
    attempts: TaskTracker,
}

impl<B: Broker> Worker<B> {
    /// A worker that takes its work from `broker` and runs it in `sandbox`.
    pub fn new(broker: B, sandbox: Sandbox, config: WorkerConfig) -> Self {
        let run = move |attempt, fetch| {
            let sandbox = sandbox.clone();
            Box::pin(async move { sandbox.run(attempt, fetch).await }) as BoxFuture<'static, _>
        };
        Self::running(broker, Arc::new(run), config)
    }

    fn running(broker: B, run: Run, config: WorkerConfig) -> Self {
        let checks = HttpChecks::new(config.egress.clone(), Arc::clone(&config.clock));
        let bench = Bench { broker, run, checks, entropy: Arc::clone(&config.entropy) };
        let slots = Arc::new(Semaphore::new(config.slots));
        Self { bench, config, slots, holdings: Holdings::default(), attempts: TaskTracker::new() }
    }

    /// Works until `shutdown` is cancelled, then lets running attempts end for a while and hands back the rest.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let keeper = self.holdings.clone().keep(self.bench.broker.clone(), self.config.beat);
        let keeper = AbortOnDropHandle::new(tokio::spawn(keeper));
        let outcome = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            error = self.claim_forever() => Err(error),
        };
        self.drain().await;
        drop(keeper);
        outcome
    }

    async fn claim_forever(&self) -> WorkerError {
        let mut backoff = Backoff::new(&self.config.entropy);
        loop {
            let free = self.free_slots().await;
            match self.bench.broker.claim(self.request(free.num_permits())).await {
                Ok(work) => {
                    backoff.reset();
                    self.begin(work, free);
                }
                Err(BrokerError::Unauthorized(reason)) => return WorkerError::NotAllowed(reason),
                Err(BrokerError::Invalid(reason)) => return WorkerError::NotUnderstood(reason),
                Err(error @ (BrokerError::Unavailable(_) | BrokerError::Fenced(_))) => {
                    drop(free);
                    tracing::warn!(%error, "no work could be claimed; asking again");
                    backoff.pause().await;
                }
            }
        }
    }

    /// Waits for a free slot, and takes all that are free by then.
    async fn free_slots(&self) -> OwnedSemaphorePermit {
        let slots = Arc::clone(&self.slots);
        let mut free = slots.acquire_owned().await.expect("the semaphore is never closed");
        // Attempts that are answered by one commit end together: their slots are worth one claim.
        tokio::task::yield_now().await;
        let more = self.slots.available_permits().min(MOST_AT_ONCE - 1);
        let more = u32::try_from(more).unwrap_or(0);
        if let Ok(more) = Arc::clone(&self.slots).try_acquire_many_owned(more) {
            free.merge(more);
        }
        free
    }

    fn request(&self, free: usize) -> ClaimRequest {
        ClaimRequest {
            worker: self.config.id,
            hostname: self.config.hostname.clone(),
            tenants: self.config.tenants.clone(),
            slots: u32::try_from(free).unwrap_or(u32::MAX),
            wait_ms: u64::try_from(LONG_POLL.as_millis()).unwrap_or(u64::MAX),
            begins: true,
        }
    }

    fn begin(&self, work: Vec<Work>, mut free: OwnedSemaphorePermit) {
        for work in work {
            // A broker that hands out more than it was asked for does not make the worker run more.
            let Some(slot) = free.split(1) else {
                tracing::error!(attempt = %work.grant.claims.attempt, "more work was handed out than asked for");
                continue;
            };
            let holding = self.holdings.hold(work.grant.clone());
            let attempt = self.bench.clone().carry_out(work, holding);
            self.attempts.spawn(async move {
                attempt.await;
                drop(slot);
            });
        }
    }

    async fn drain(&self) {
        self.attempts.close();
        tracing::info!(attempts = self.attempts.len(), "the worker takes no more work");
        if tokio::time::timeout(self.config.drain, self.attempts.wait()).await.is_ok() {
            return;
        }
        tracing::info!(attempts = self.attempts.len(), "handing back what has not ended");
        self.holdings.stop_all(StopReason::ShutDown);
        if tokio::time::timeout(LAST_WORDS, self.attempts.wait()).await.is_err() {
            tracing::warn!(attempts = self.attempts.len(), "gave up on attempts; their leases will run out");
        }
    }
}

#[cfg(test)]
mod tests;
