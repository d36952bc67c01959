//! One attempt in the sandbox: its call into the module, and the question to its retry policy if that failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flow_model::call::{Call, CallError, Reply};
use flow_model::ids::Digest;
use flow_model::port::{BrokerError, Report};
use flow_model::work::{AttemptEnd, AttemptLimits, ErrorClass, Failure, Job, LogLevel, LogLine, RetryDecision, Usage};
use futures::future::{BoxFuture, FutureExt as _, ready};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::answers::{self, failure};
use crate::bindings::retry_policies::FailedTry;
use crate::capabilities::Capabilities;
use crate::class::Seat;
use crate::classify::{Evidence, classify, stopped};
use crate::entry::Entry;
use crate::execute::{Returned, execute};
use crate::guest::{Guest, MapLabel};
use crate::leash::{Leash, Stop};
use crate::log::AttemptLog;
use crate::meter::{MemoryLimiter, Meter};
use crate::ready::Ready;
use crate::sandbox::Inner;
use crate::wasi::Wasi;

/// One attempt at one piece of work.
pub struct Attempt {
    /// What to call.
    pub job: Job,
    /// In which component.
    pub module: Digest,
    /// What it may spend.
    pub limits: AttemptLimits,
    /// What it can reach.
    pub capabilities: Arc<dyn Capabilities>,
    /// Cancelled to ask it to stop: the guest can see it, and is ended if it does not end by itself soon.
    pub cancel: CancellationToken,
}

/// A module that is ready and a slot to run it in. The slot is free again when the last guest in it has ended.
struct Place {
    ready: Arc<Ready>,
    module: Digest,
    seat: Arc<Seat>,
}

/// An attempt under way.
struct Course<'a> {
    inner: &'a Inner,
    log: AttemptLog,
    cancel: CancellationToken,
    map_label: MapLabel,
    usage: Usage,
}

/// Whom to ask about a failed try.
struct Policy {
    name: String,
    try_number: u32,
    max_tries: u32,
}

impl Inner {
    /// Runs `attempt` to its end and delivers its log.
    pub(crate) async fn run(
        &self,
        attempt: Attempt,
        fetch: impl Future<Output = Result<Bytes, BrokerError>> + Send,
    ) -> Report {
        let began = Instant::now();
        let log = AttemptLog::new(attempt.limits.log_bytes, Arc::clone(&self.clock), Arc::clone(&attempt.capabilities));
        let cancel = attempt.cancel.clone();
        let map_label = MapLabel::of(&attempt.job);
        let mut course = Course { inner: self, log, cancel, map_label, usage: Usage::default() };
        let (end, retry) = course.run(attempt, fetch).await;
        let Course { log, map_label, mut usage, .. } = course;
        usage.wall_us = micros(began.elapsed());
        log.finish().await;
        Report { end, usage, retry, map_label: map_label.take() }
    }

    /// Makes the module ready and waits for a slot.
    async fn place(
        &self,
        module: Digest,
        fetch: impl Future<Output = Result<Bytes, BrokerError>> + Send,
    ) -> Result<Place, Failure> {
        let ready = self.modules.get(module, fetch).await;
        let ready = ready.map_err(|error| failure(ErrorClass::HostError, error.to_string()))?;
        let seat = Arc::new(ready.seat().await);
        Ok(Place { ready, module, seat })
    }
}

impl Course<'_> {
    async fn run(
        &mut self,
        attempt: Attempt,
        fetch: impl Future<Output = Result<Bytes, BrokerError>> + Send,
    ) -> (AttemptEnd, Option<RetryDecision>) {
        let Attempt { job, module, limits, capabilities, cancel } = attempt;
        let policy = Policy::of(&job);
        let Some(entry) = Entry::of(job) else {
            let why = "the worker gave the sandbox what runs no guest".into();
            return (self.end(Err(failure(ErrorClass::HostError, why))), None);
        };
        let place = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(stopped(Stop::Cancelled, &limits)),
            place = self.inner.place(module, fetch) => place,
        };
        let place = match place {
            Ok(place) => place,
            Err(failed) => return (self.end(Err(failed)), None),
        };
        let returned = self.execute(&place, entry, limits, capabilities).await;
        let kind = returned.as_ref().ok().and_then(Returned::kind);
        let end = self.end(returned.and_then(answers::end));
        let retry = match (policy, end.failure()) {
            (Some(policy), Some(failed)) if Policy::is_asked_about(failed.class) => {
                Some(self.decide(&place, policy, (failed, kind), limits).await)
            }
            (Some(_) | None, Some(_) | None) => None,
        };
        (end, retry)
    }

    /// Makes one call in a fresh store.
    async fn execute(
        &mut self,
        place: &Place,
        entry: Entry,
        limits: AttemptLimits,
        capabilities: Arc<dyn Capabilities>,
    ) -> Result<Returned, Failure> {
        let stopping = || failure(ErrorClass::Capacity, "the host is stopping".into());
        let guests = self.inner.guests.as_ref().ok_or_else(stopping)?;
        let meter = Arc::new(Meter::default());
        let sink = self.log.sink();
        let wasi = Wasi::new(&entry, place.module, Arc::clone(&self.inner.clock));
        let leash = Arc::new(Leash::new(limits, self.cancel.clone(), Arc::clone(&meter)));
        let memory = MemoryLimiter::new(limits.memory_bytes, Arc::clone(&meter));
        let label = if matches!(entry, Entry::Task(_)) { self.map_label.clone() } else { MapLabel::default() };
        let guest = Guest::new(wasi, sink, (leash, memory), label, capabilities);
        let execution = execute(Arc::clone(&place.ready), entry, guest, Arc::clone(&meter));
        let seat = Arc::clone(&place.seat);
        let execution = guests.spawn(async move {
            let ending = execution.await;
            drop(seat);
            ending
        });
        let ending = AbortOnDropHandle::new(execution).await;
        self.usage.cpu_us = self.usage.cpu_us.saturating_add(micros(meter.cpu()));
        self.usage.peak_memory_bytes = self.usage.peak_memory_bytes.max(meter.peak_memory());
        let evidence = Evidence { limits, memory_denied: meter.memory_denied(), stderr: self.log.take_stderr_tail() };
        match ending {
            Ok(ending) => classify(ending, &evidence),
            Err(error) => {
                tracing::error!(%error, "an attempt's execution broke off");
                Err(failure(ErrorClass::HostError, "the host failed while it ran".into()))
            }
        }
    }

    /// The attempt's end as the broker hears it, and as its log does.
    fn end(&self, end: Result<AttemptEnd, Failure>) -> AttemptEnd {
        let failed = match end {
            Ok(end) => return end,
            // A guest that was asked to stop may fail as it likes: it was cancelled.
            Err(failed) if self.cancel.is_cancelled() => Failure { class: ErrorClass::Cancelled, ..failed },
            Err(failed) => failed,
        };
        if failed.class != ErrorClass::Capacity {
            let words = format!("the attempt failed ({}): {}", failed.class.code(), failed.message);
            self.log.say(LogLevel::Error, words);
        }
        AttemptEnd::Failed(failed)
    }

    /// Asks the module's retry policy about a failed try. One that fails itself leaves it to the task's settings.
    async fn decide(
        &mut self,
        place: &Place,
        policy: Policy,
        (failed, kind): (&Failure, Option<String>),
        limits: AttemptLimits,
    ) -> RetryDecision {
        let Policy { name, try_number, max_tries } = policy;
        let class = failed.class.code().to_owned();
        let failure = FailedTry { class, kind, message: failed.message.clone(), try_number, max_tries };
        let entry = Entry::RetryPolicy { policy: name.clone(), failure };
        let limits = limits.within(AttemptLimits::RETRY_POLICY);
        match self.execute(place, entry, limits, Arc::new(Nothing)).await {
            Ok(returned) => answers::decision(returned),
            Err(failed) => {
                let (class, why) = (failed.class.code(), failed.message);
                let words = format!("retry policy {name:?} decided nothing, for it failed itself ({class}): {why}");
                self.log.say(LogLevel::Warn, words);
                RetryDecision::Default
            }
        }
    }
}

impl Policy {
    fn of(job: &Job) -> Option<Self> {
        let Job::Task(context) = job else { return None };
        let name = context.retry_policy.clone()?;
        Some(Self { name, try_number: context.try_number, max_tries: context.max_tries })
    }

    /// Whether policies are asked about failures of this class: what the task's code said, and what took it too long.
    fn is_asked_about(class: ErrorClass) -> bool {
        matches!(class, ErrorClass::Error | ErrorClass::Timeout)
    }
}

impl Returned {
    /// The guest's own name for its failure.
    fn kind(&self) -> Option<String> {
        let Self::Task(Err(failed)) = self else { return None };
        failed.kind.as_deref().map(answers::presentable)
    }
}

/// What a retry policy reaches.
struct Nothing;

impl Capabilities for Nothing {
    fn call(&self, _: Call) -> BoxFuture<'static, Result<Reply, CallError>> {
        ready(Err(CallError::Denied)).boxed()
    }

    fn log(&self, _: Vec<LogLine>) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
