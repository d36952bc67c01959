//! A batch: verbs that share a transaction.

use std::collections::HashSet;

use flow_model::ids::{AttemptId, RunKey};
use flow_store::log::LogChunk;

use super::ask::{Ask, Refusal};
use super::{Finish, Push, Request, Start};
use crate::create::NewRun;

/// See the module. No two verbs of a batch but logs are of the same attempt.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) creates: Vec<Ask<NewRun, RunKey>>,
    pub(super) starts: Vec<Ask<Start, ()>>,
    pub(super) finishes: Vec<Ask<Finish, ()>>,
    pub(super) pushes: Vec<Ask<Push, ()>>,
    pub(super) logs: Vec<Ask<LogChunk, ()>>,
    /// Leases to give back. Nobody waits for an answer.
    pub(super) returns: Vec<AttemptId>,
    attempts: HashSet<AttemptId>,
    bytes: usize,
}

/// The most verbs of a batch.
pub(super) const MAX_VERBS: usize = 512;

/// About how many bytes of values a batch takes; the one that exceeds it is the last.
const MAX_BYTES: usize = 8 << 20;

impl Batch {
    pub(super) fn len(&self) -> usize {
        let asks = self.creates.len() + self.starts.len() + self.finishes.len() + self.pushes.len() + self.logs.len();
        asks + usize::from(!self.returns.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a verb up, or gives it back for the next batch.
    #[expect(clippy::result_large_err, reason = "a verb that does not fit is moved once more, not copied")]
    pub(super) fn admit(&mut self, request: Request) -> Result<(), Request> {
        if self.len() >= MAX_VERBS || self.bytes >= MAX_BYTES {
            return Err(request);
        }
        let (attempt, bytes) = weigh(&request);
        if attempt.is_some_and(|attempt| !self.attempts.insert(attempt)) {
            return Err(request);
        }
        self.bytes += bytes;
        match request {
            Request::Create(ask) => self.creates.push(*ask),
            Request::Start(ask) => self.starts.push(ask),
            Request::Finish(ask) => self.finishes.push(ask),
            Request::Push(ask) => self.pushes.push(ask),
            Request::Log(ask) => self.logs.push(ask),
            Request::Return(mut attempts) => self.returns.append(&mut attempts),
            Request::Claim(_) | Request::Stocked => {}
        }
        Ok(())
    }

    /// The same verbs, each in a batch of its own.
    pub(super) fn split(self) -> Vec<Self> {
        let mut singles = Vec::with_capacity(self.len());
        if !self.returns.is_empty() {
            singles.push(Self { returns: self.returns, ..Self::default() });
        }
        singles.extend(self.creates.into_iter().map(|ask| Self { creates: vec![ask], ..Self::default() }));
        singles.extend(self.starts.into_iter().map(|ask| Self { starts: vec![ask], ..Self::default() }));
        singles.extend(self.pushes.into_iter().map(|ask| Self { pushes: vec![ask], ..Self::default() }));
        singles.extend(self.logs.into_iter().map(|ask| Self { logs: vec![ask], ..Self::default() }));
        singles.extend(self.finishes.into_iter().map(|ask| Self { finishes: vec![ask], ..Self::default() }));
        singles
    }

    /// Answers everybody what became of their verb.
    pub(super) fn answer(self) {
        self.creates.into_iter().for_each(Ask::answer);
        self.starts.into_iter().for_each(Ask::answer);
        self.finishes.into_iter().for_each(Ask::answer);
        self.pushes.into_iter().for_each(Ask::answer);
        self.logs.into_iter().for_each(Ask::answer);
    }

    /// Refuses everybody.
    pub(super) fn refuse(self, refusal: &Refusal) {
        self.creates.into_iter().for_each(|ask| ask.refuse(refusal.clone()));
        self.starts.into_iter().for_each(|ask| ask.refuse(refusal.clone()));
        self.finishes.into_iter().for_each(|ask| ask.refuse(refusal.clone()));
        self.pushes.into_iter().for_each(|ask| ask.refuse(refusal.clone()));
        self.logs.into_iter().for_each(|ask| ask.refuse(refusal.clone()));
    }
}

/// The attempt that a verb changes, if it changes one, and how many bytes it carries.
fn weigh(request: &Request) -> (Option<AttemptId>, usize) {
    match request {
        Request::Create(ask) => (None, ask.verb.conf.as_ref().map_or(0, String::len) + 200 * ask.verb.tasks()),
        Request::Start(ask) => (Some(ask.verb.attempt), 0),
        Request::Finish(ask) => (Some(ask.verb.attempt), ask.verb.report.end.size()),
        Request::Push(ask) => (Some(ask.verb.attempt), ask.verb.value.len()),
        Request::Log(ask) => (None, ask.verb.lines.len()),
        Request::Claim(_) | Request::Stocked | Request::Return(_) => (None, 0),
    }
}
