//! The worker against a broker of a few lines that keeps the port's promises, and guests that do as the test says.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use flow_model::call::{Call, CallError, Reply};
use flow_model::dag::HttpCheck;
use flow_model::ids::{AttemptId, Digest, JobId};
use flow_model::port::{Renewal, Report};
use flow_model::time::Millis;
use flow_model::uses::Uses;
use flow_model::work::{
    AttemptClaims, AttemptEnd, AttemptLimits, AttemptRole, ErrorClass, Failure, Grant, Job, LogLine, Usage,
};
use flow_sandbox::Attempt;
use tokio::sync::Notify;

use super::*;

#[derive(Clone, Default)]
struct Plane(Arc<State>);

#[derive(Default)]
struct State {
    queue: Mutex<VecDeque<Work>>,
    leased: Mutex<BTreeSet<AttemptId>>,
    reports: Mutex<Vec<(AttemptId, AttemptEnd)>>,
    changed: Notify,
    refuse_claims: bool,
    finishes_away: AtomicUsize,
    finishes_invalid: AtomicUsize,
}

fn locked<T, R>(mutex: &Mutex<T>, with: impl FnOnce(&mut T) -> R) -> R {
    with(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Plane {
    fn offering(count: u8) -> Self {
        let plane = Self::default();
        locked(&plane.0.queue, |queue| queue.extend((0..count).map(work)));
        plane
    }

    /// Waits until the plane looks as it should; every request to it is a reason to look again.
    async fn until(&self, fits: impl Fn(&State) -> bool) {
        loop {
            let changed = self.0.changed.notified();
            if fits(&self.0) {
                return;
            }
            changed.await;
        }
    }

    fn live(&self, grant: &Grant) -> Result<AttemptId, BrokerError> {
        let attempt = grant.claims.attempt;
        let live = locked(&self.0.leased, |leased| leased.contains(&attempt));
        if live { Ok(attempt) } else { Err(BrokerError::Fenced(attempt)) }
    }

    fn fence_all(&self) {
        locked(&self.0.leased, BTreeSet::clear);
    }

    fn reports(&self) -> Vec<AttemptEnd> {
        locked(&self.0.reports, |reports| reports.iter().map(|(_, end)| end.clone()).collect())
    }
}

fn down(counter: &AtomicUsize) -> bool {
    counter.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Broker for Plane {
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Work>, BrokerError> {
        if self.0.refuse_claims {
            return Err(BrokerError::Unauthorized("revoked".into()));
        }
        let slots = usize::try_from(request.slots).expect("a small number");
        let work: Vec<Work> = locked(&self.0.queue, |queue| queue.drain(..slots.min(queue.len())).collect());
        if work.is_empty() {
            std::future::pending::<()>().await;
        }
        locked(&self.0.leased, |leased| leased.extend(work.iter().map(|work| work.grant.claims.attempt)));
        Ok(work)
    }

    async fn start(&self, grant: &Grant) -> Result<(), BrokerError> {
        self.0.changed.notify_waiters();
        self.live(grant).map(drop)
    }

    async fn renew(&self, grants: &[Grant]) -> Result<Vec<Renewal>, BrokerError> {
        let renew = |grant| self.live(grant).map_or(Renewal::Fenced, |_| Renewal::Renewed(Box::new(grant.clone())));
        Ok(grants.iter().map(renew).collect())
    }

    async fn call(&self, _: &Grant, _: Call) -> Result<Reply, CallError> {
        Ok(Reply::Done)
    }

    async fn log(&self, grant: &Grant, _: Vec<LogLine>) -> Result<(), BrokerError> {
        self.live(grant).map(drop)
    }

    async fn finish(&self, grant: &Grant, report: Report) -> Result<(), BrokerError> {
        let answer = if down(&self.0.finishes_away) {
            Err(BrokerError::Unavailable("restarting".into()))
        } else if down(&self.0.finishes_invalid) {
            Err(BrokerError::Invalid("too large".into()))
        } else {
            self.live(grant).map(|attempt| {
                locked(&self.0.leased, |leased| leased.remove(&attempt));
                locked(&self.0.reports, |reports| reports.push((attempt, report.end)));
            })
        };
        self.0.changed.notify_waiters();
        answer
    }

    async fn module(&self, _: &Grant) -> Result<Bytes, BrokerError> {
        Ok(Bytes::new())
    }
}

fn work(number: u8) -> Work {
    let claims = AttemptClaims {
        attempt: AttemptId::mint(Millis(1), [number; 10]),
        tenant: "acme".parse().expect("a tenant"),
        role: AttemptRole::Parse { module: "hello".parse().expect("a module name"), version: 1 },
        uses: Uses::default(),
        expires: Millis(30_000),
    };
    Work {
        grant: Grant { claims, token: String::new() },
        module: Digest([0; 32]),
        job: Job::Parse { now: Millis(0) },
        limits: AttemptLimits::default(),
    }
}

fn parsed() -> AttemptEnd {
    AttemptEnd::Parsed { dags: "[]".into() }
}

fn report(end: AttemptEnd) -> Report {
    Report { end, usage: Usage::default(), retry: None, map_label: None }
}

/// Guests that end at once.
fn prompt() -> Run {
    Arc::new(|_, _| Box::pin(async { report(parsed()) }))
}

/// Guests that end only when they are told to stop, as the sandbox reports it.
fn endless() -> Run {
    Arc::new(|attempt: Attempt, _| {
        Box::pin(async move {
            attempt.cancel.cancelled().await;
            let class = ErrorClass::Cancelled;
            report(AttemptEnd::Failed(Failure { class, message: "stopped".into(), location: None }))
        })
    })
}

struct Started {
    shutdown: CancellationToken,
    worker: tokio::task::JoinHandle<Result<(), WorkerError>>,
}

impl Started {
    async fn stop(self) -> Result<(), WorkerError> {
        self.shutdown.cancel();
        self.worker.await.expect("the worker does not panic")
    }
}

fn start(plane: &Plane, run: Run, drain: Duration) -> Started {
    let config = WorkerConfig {
        id: JobId::mint(Millis(0), [0; 10]),
        hostname: "here".to_owned(),
        tenants: TenantScope::All,
        slots: 2,
        beat: Duration::from_millis(1),
        drain,
        entropy: Arc::new(|bytes| bytes.fill(0)),
        clock: Arc::new(|| Millis(0)),
        egress: Egress::default(),
    };
    let shutdown = CancellationToken::new();
    let worker = Worker::running(plane.clone(), run, config).run(shutdown.clone());
    Started { shutdown, worker: tokio::spawn(worker) }
}

#[tokio::test]
async fn everything_offered_is_run_and_reported_once() {
    let plane = Plane::offering(5);
    let worker = start(&plane, prompt(), Duration::ZERO);
    plane.until(|state| locked(&state.reports, |reports| reports.len() == 5)).await;
    worker.stop().await.expect("an orderly end");
    assert_eq!(plane.reports(), vec![parsed(); 5]);
}

#[tokio::test]
async fn no_more_runs_at_once_than_there_are_slots() {
    let plane = Plane::offering(6);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let run: Run = Arc::new({
        let most = Arc::clone(&most);
        move |_, _| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            Box::pin(async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, SeqCst);
                report(parsed())
            })
        }
    });
    let worker = start(&plane, run, Duration::ZERO);
    plane.until(|state| locked(&state.reports, |reports| reports.len() == 6)).await;
    worker.stop().await.expect("an orderly end");
    assert_eq!(most.load(SeqCst), 2);
}

#[tokio::test]
async fn a_request_is_made_by_the_worker_and_runs_no_guest() {
    let plane = Plane::default();
    let check = HttpCheck { url: "https://example.com/".into(), statuses: Vec::new() };
    let job = Job::Http { check, poke_interval_ms: 60_000 };
    locked(&plane.0.queue, |queue| queue.push_back(Work { job, ..work(0) }));
    let worker = start(&plane, Arc::new(|_, _| panic!("it is not for the sandbox")), Duration::ZERO);
    plane.until(|state| locked(&state.reports, |reports| reports.len() == 1)).await;
    worker.stop().await.expect("an orderly end");
    let reports = plane.reports();
    let failure = reports[0].failure().expect("the work does not declare the origin");
    assert_eq!(failure.class, ErrorClass::Fatal);
    assert!(failure.message.contains("uses.origins"), "{failure:?}");
}

#[tokio::test]
async fn a_fenced_attempt_is_stopped_and_not_reported() {
    let plane = Plane::offering(1);
    let ended = Arc::new(Notify::new());
    let run: Run = Arc::new({
        let (plane, ended) = (plane.clone(), Arc::clone(&ended));
        move |attempt, _| {
            let (plane, ended) = (plane.clone(), Arc::clone(&ended));
            Box::pin(async move {
                plane.fence_all();
                attempt.cancel.cancelled().await;
                ended.notify_one();
                report(parsed())
            })
        }
    });
    let worker = start(&plane, run, Duration::from_secs(10));
    ended.notified().await;
    worker.stop().await.expect("an orderly end");
    assert_eq!(plane.reports(), vec![]);
}

#[tokio::test]
async fn a_report_outlives_an_absence_of_the_control_plane() {
    let plane = Plane::offering(1);
    plane.0.finishes_away.store(2, SeqCst);
    let worker = start(&plane, prompt(), Duration::from_secs(10));
    plane.until(|state| locked(&state.reports, |reports| reports.len() == 1)).await;
    worker.stop().await.expect("an orderly end");
    assert_eq!(plane.reports(), vec![parsed()]);
}

#[tokio::test]
async fn a_result_that_is_refused_ends_the_attempt_as_failed() {
    let plane = Plane::offering(1);
    plane.0.finishes_invalid.store(1, SeqCst);
    let worker = start(&plane, prompt(), Duration::from_secs(10));
    plane.until(|state| locked(&state.reports, |reports| reports.len() == 1)).await;
    worker.stop().await.expect("an orderly end");
    let [AttemptEnd::Failed(failure)] = &plane.reports()[..] else { panic!("it should have failed") };
    assert_eq!((failure.class, failure.message.as_str()), (ErrorClass::HostError, "too large"));
}

#[tokio::test]
async fn shutting_down_hands_back_what_does_not_end_in_time() {
    let plane = Plane::offering(2);
    let worker = start(&plane, endless(), Duration::from_millis(1));
    plane.until(|state| locked(&state.leased, |leased| leased.len() == 2)).await;
    worker.stop().await.expect("an orderly end");
    let classes: Vec<_> = plane
        .reports()
        .into_iter()
        .map(|end| match end {
            AttemptEnd::Failed(failure) => failure.class,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(classes, [ErrorClass::Lost; 2]);
}

#[tokio::test]
async fn a_worker_whose_token_is_refused_gives_up() {
    let plane = Plane(Arc::new(State { refuse_claims: true, ..State::default() }));
    let worker = start(&plane, prompt(), Duration::ZERO);
    let outcome = worker.worker.await.expect("the worker does not panic");
    assert!(matches!(outcome, Err(WorkerError::NotAllowed(reason)) if reason == "revoked"));
}
