//! A broker on which time passes only while something runs: when all is quiet, the clock skips to what falls due next.
//!
//! It sits between the worker and the broker proper and is its timekeeper as well, so that nothing else moves time. What
//! is under way it knows from what it has handed out and what has come back.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flow_broker::{Actor, LocalBroker, ServiceError};
use flow_model::call::{Call, CallError, Reply};
use flow_model::ids::{AttemptId, DagId, RunId};
use flow_model::port::{Broker, BrokerError, ClaimRequest, Renewal, Report};
use flow_model::time::Millis;
use flow_model::work::{Grant, LogLine, Work};
use tokio::sync::{Notify, watch};

use super::answers::{Given, answer_one};
use super::clock::SkippingClock;

/// How often it looks while something runs, whatever is said to fall due.
const LOOK: Duration = Duration::from_secs(1);
/// How long it leaves alone what falls due right now.
const MOMENT: Duration = Duration::from_millis(1);
/// How far it skips where nothing is said to fall due: far enough that the broker looks at everything anew.
const STRIDE: Duration = Duration::from_secs(10);
/// After how many looks in vain nothing will ever happen.
const IN_VAIN: u32 = 5;
/// What "never" looks like among instants.
const NEVER: Millis = Millis(i64::MAX);

/// Why the run goes on no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// It has ended.
    Ended,
    /// It has taken all the time of its own that it may.
    OutOfTime,
    /// It has taken all the real time that it may.
    TooSlow,
    /// One of its questions does not take the answer that was given.
    Refused(String),
    /// It waits for something that will not happen by itself.
    Stuck,
}

/// The run to bring to its end.
pub(super) struct Course {
    /// In whose name it goes on.
    pub(super) actor: Actor,
    /// Its DAG.
    pub(super) dag: DagId,
    /// Its id.
    pub(super) run: RunId,
    /// What its questions are answered.
    pub(super) answers: Vec<Given>,
    /// Beyond which instant it is not followed.
    pub(super) until: Millis,
}

/// The broker. Clones are the same one.
#[derive(Clone)]
pub(super) struct Hurried(Arc<Inner>);

struct Inner {
    broker: LocalBroker,
    clock: SkippingClock,
    course: Course,
    /// What was handed out and still counts.
    under_way: Mutex<HashSet<AttemptId>>,
    /// One of them counts no longer.
    back: Notify,
    ending: watch::Sender<Option<Ending>>,
}

impl Hurried {
    /// Hurries a run to its end; the receiver hears of it.
    pub(super) fn new(
        broker: LocalBroker,
        clock: SkippingClock,
        course: Course,
    ) -> (Self, watch::Receiver<Option<Ending>>) {
        let (ending, told) = watch::channel(None);
        let (under_way, back) = (Mutex::default(), Notify::new());
        (Self(Arc::new(Inner { broker, clock, course, under_way, back, ending })), told)
    }
}

impl Inner {
    fn under_way(&self) -> MutexGuard<'_, HashSet<AttemptId>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_back(&self, attempt: AttemptId) {
        self.under_way().remove(&attempt);
        self.back.notify_one();
    }

    /// An attempt that is refused as fenced counts no longer.
    fn heed<T>(&self, attempt: AttemptId, answer: Result<T, BrokerError>) -> Result<T, BrokerError> {
        if let Err(BrokerError::Fenced(_)) = answer {
            self.is_back(attempt);
        }
        answer
    }

    /// Waits for something to come back, or for time to pass as it does while something runs.
    async fn rest(&self, next: Option<Millis>) {
        let pause = next.map_or(LOOK, |next| next.since(self.clock.now()).clamp(MOMENT, LOOK));
        // Either way the next thing is a look.
        drop(tokio::time::timeout(pause, self.back.notified()).await);
    }

    /// Does what people would, or skips to what falls due next, or says that there is no point in going on.
    async fn go_on(&self, next: Option<Millis>, in_vain: &mut u32) -> Result<(), ServiceError> {
        let Course { actor, dag, run, answers, until } = &self.course;
        if self.broker.run(&actor.tenant, dag, run).await?.state.is_terminal() {
            self.stop(Ending::Ended).await;
        }
        match answer_one(&self.broker, actor, (dag, run), answers).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(ServiceError::Unavailable(reason)) => return Err(ServiceError::Unavailable(reason)),
            Err(refused) => self.stop(Ending::Refused(refused.to_string())).await,
        }
        let now = self.clock.now();
        let next = match next.filter(|at| *at != NEVER) {
            // It has fallen due since the round.
            Some(at) if at <= now => {
                tokio::time::sleep(MOMENT).await;
                return Ok(());
            }
            Some(at) => {
                *in_vain = 0;
                at
            }
            None => {
                *in_vain += 1;
                now.after(STRIDE)
            }
        };
        if *in_vain > IN_VAIN {
            self.stop(Ending::Stuck).await;
        }
        if next > *until {
            self.stop(Ending::OutOfTime).await;
        }
        self.clock.skip_to(next);
        Ok(())
    }

    /// Says how it ended. The worker that asks for work waits for good: it is about to be stopped.
    async fn stop(&self, ending: Ending) {
        self.ending.send_replace(Some(ending));
        std::future::pending::<()>().await;
    }
}

impl Broker for Hurried {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Work>, BrokerError> {
        let inner = &self.0;
        let request = ClaimRequest { wait_ms: 0, ..request };
        let mut in_vain = 0;
        loop {
            // Looked at first: what comes back during a round may make something fall due that the round does not see.
            let busy = !inner.under_way().is_empty();
            let next = inner.broker.tick().await.map_err(unavailable)?;
            let work = inner.broker.claim(request.clone()).await?;
            if !work.is_empty() {
                inner.under_way().extend(work.iter().map(|work| work.grant.claims.attempt));
                return Ok(work);
            }
            if busy {
                inner.rest(next).await;
            } else {
                inner.go_on(next, &mut in_vain).await.map_err(unavailable)?;
            }
        }
    }

    async fn start(&self, grant: &Grant) -> Result<(), BrokerError> {
        self.0.heed(grant.claims.attempt, self.0.broker.start(grant).await)
    }

    async fn renew(&self, grants: &[Grant]) -> Result<Vec<Renewal>, BrokerError> {
        let renewals = self.0.broker.renew(grants).await?;
        for (grant, renewal) in grants.iter().zip(&renewals) {
            if let Renewal::Fenced = renewal {
                self.0.is_back(grant.claims.attempt);
            }
        }
        Ok(renewals)
    }

    async fn call(&self, grant: &Grant, call: Call) -> Result<Reply, CallError> {
        self.0.broker.call(grant, call).await
    }

    async fn log(&self, grant: &Grant, lines: Vec<LogLine>) -> Result<(), BrokerError> {
        self.0.heed(grant.claims.attempt, self.0.broker.log(grant, lines).await)
    }

    async fn finish(&self, grant: &Grant, report: Report) -> Result<(), BrokerError> {
        let answer = self.0.broker.finish(grant, report).await;
        if answer.is_ok() {
            self.0.is_back(grant.claims.attempt);
        }
        self.0.heed(grant.claims.attempt, answer)
    }

    async fn module(&self, grant: &Grant) -> Result<Bytes, BrokerError> {
        self.0.heed(grant.claims.attempt, self.0.broker.module(grant).await)
    }
}

/// The worker asks again in a moment; whoever waits for the run has a limit of its own.
#[expect(clippy::needless_pass_by_value, reason = "what `map_err` calls takes a value")]
fn unavailable(error: ServiceError) -> BrokerError {
    BrokerError::Unavailable(error.to_string())
}
