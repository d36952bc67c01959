//! The committer: drains whatever verbs are queued into one transaction.
//!
//! A lone verb commits at once; under load a transaction holds hundreds, and each statement takes all of them. Two
//! transitions of one task instance never share a batch. If a batch fails its members are tried one by one, so that one
//! that cannot succeed fails alone. Claims come last in a batch, so that what a finished task releases is handed out by
//! the very transaction that releases it; if workers wait for nothing else, it begins before it was ever queued.

use std::sync::Arc;

use flow_model::ids::{AttemptId, EntryKey, RunKey, TenantId};
use flow_model::port::{ClaimRequest, Report};
use flow_store::log::LogChunk;
use tokio::sync::{mpsc, oneshot};

use crate::create::NewRun;
use crate::engine::Engine;

mod ask;
mod batch;
mod begin;
mod claims;
mod desk;
mod ends;
mod execute;
mod steps;

use ask::Ask;
pub(crate) use ask::Refusal;
pub(crate) use claims::Share;
pub(crate) use ends::returned;

/// A task attempt begins.
pub(crate) struct Start {
    pub(crate) attempt: AttemptId,
    pub(crate) tenant: TenantId,
}

/// An attempt is over.
pub(crate) struct Finish {
    pub(crate) attempt: AttemptId,
    pub(crate) report: Report,
    pub(crate) cause: Cause,
}

/// Who says that an attempt is over.
pub(crate) enum Cause {
    /// Its worker, on behalf of this tenant.
    Reported(TenantId),
    /// The broker, because its lease has expired; if it was renewed in the meantime it goes on.
    Expired,
}

/// A guest stores an `XCom`. The task instance is that of the attempt, whatever the value says.
pub(crate) struct Push {
    pub(crate) attempt: AttemptId,
    pub(crate) tenant: TenantId,
    pub(crate) key: EntryKey,
    pub(crate) value: String,
}

enum Request {
    Create(Box<Ask<NewRun, RunKey>>),
    Start(Ask<Start, ()>),
    Finish(Ask<Finish, ()>),
    Push(Ask<Push, ()>),
    Log(Ask<LogChunk, ()>),
    Claim(claims::Claimer),
    /// Work was offered by a transaction of somebody else.
    Stocked,
    /// Leased work never reached its worker.
    Return(Vec<AttemptId>),
}

/// How verbs reach the committer. Cloning it is cheap; the committer ends when the last clone is gone.
#[derive(Clone)]
pub(crate) struct Committer(mpsc::Sender<Request>);

/// How many verbs may wait before their senders have to.
const QUEUE: usize = 4_096;

impl Committer {
    /// Starts the committer.
    pub(crate) fn start(engine: Arc<Engine>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(desk::serve(engine, receiver, sender.downgrade()));
        Self(sender)
    }

    pub(crate) async fn create(&self, run: NewRun) -> Result<RunKey, Refusal> {
        self.ask(run, |ask| Request::Create(Box::new(ask))).await
    }

    pub(crate) async fn begin(&self, start: Start) -> Result<(), Refusal> {
        self.ask(start, Request::Start).await
    }

    pub(crate) async fn finish(&self, finish: Finish) -> Result<(), Refusal> {
        self.ask(finish, Request::Finish).await
    }

    pub(crate) async fn push(&self, push: Push) -> Result<(), Refusal> {
        self.ask(push, Request::Push).await
    }

    pub(crate) async fn log(&self, chunk: LogChunk) -> Result<(), Refusal> {
        self.ask(chunk, Request::Log).await
    }

    /// Leases work; empty if none came in time.
    pub(crate) async fn claim(&self, request: ClaimRequest) -> Result<Share, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Claim(claims::Claimer::new(request, reply))).await?;
        answer.await.unwrap_or_else(|_| Err(Refusal::closing()))
    }

    /// Tells that another transaction has offered work.
    pub(crate) fn stocked(&self) {
        // A full queue means that the committer is about to look anyway.
        drop(self.0.try_send(Request::Stocked));
    }

    async fn ask<V, A>(&self, verb: V, wrap: fn(Ask<V, A>) -> Request) -> Result<A, Refusal> {
        let (ask, answer) = Ask::new(verb);
        self.send(wrap(ask)).await?;
        answer.await.unwrap_or_else(|_| Err(Refusal::closing()))
    }

    async fn send(&self, request: Request) -> Result<(), Refusal> {
        self.0.send(request).await.map_err(|_| Refusal::closing())
    }
}
