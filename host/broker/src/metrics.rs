//! How much has been done since the process began, and how much awaits its turn: for whoever watches the host. Nothing here
//! names a tenant.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use flow_model::work::{AttemptEnd, AttemptRole};
use flow_store::work;

use crate::error::ServiceError;
use crate::local::LocalBroker;

/// What is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Times that a worker asked for work.
    pub claims: u64,
    /// Attempts that workers were given.
    pub attempts_claimed: u64,
    /// Attempts that workers reported the end of, by what they were and how they ended; a failure by its error class.
    pub attempts_ended: BTreeMap<(&'static str, &'static str), u64>,
    /// Calls that guests have made.
    pub calls: u64,
    /// Work that awaits a worker, its time, or its end.
    pub queue: work::Census,
    /// Tenants.
    pub tenants: u64,
}

/// The counters of one process.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    claims: AtomicU64,
    claimed: AtomicU64,
    calls: AtomicU64,
    ended: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Counters {
    pub(crate) fn claim(&self, attempts: usize) {
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.claimed.fetch_add(attempts as u64, Ordering::Relaxed);
    }

    pub(crate) fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, role: &AttemptRole, end: &'static str) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended.entry((kind(role), end)).or_default() += 1;
    }
}

impl LocalBroker {
    /// How much this process has done, and how much awaits its turn.
    pub async fn metrics(&self) -> Result<Metrics, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let queue = work::census(&mut db).await?;
        let tenants = flow_store::tenant::count(&mut db).await?;
        let counters = &self.inner.counters;
        Ok(Metrics {
            claims: counters.claims.load(Ordering::Relaxed),
            attempts_claimed: counters.claimed.load(Ordering::Relaxed),
            attempts_ended: counters.ended.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            calls: counters.calls.load(Ordering::Relaxed),
            queue,
            tenants,
        })
    }
}

fn kind(role: &AttemptRole) -> &'static str {
    match role {
        AttemptRole::Task { .. } => "task",
        AttemptRole::Parse { .. } => "parse",
        AttemptRole::Trigger { .. } => "trigger",
        AttemptRole::Timetable { .. } => "timetable",
        AttemptRole::Callback { .. } => "callback",
    }
}

/// How an attempt ended, in a word.
pub(crate) fn word(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Success { .. } => "success",
        AttemptEnd::Skipped { .. } => "skipped",
        AttemptEnd::Branch { .. } => "branch",
        AttemptEnd::ShortCircuit { .. } => "short-circuit",
        AttemptEnd::Deferred(_) => "deferred",
        AttemptEnd::Reschedule { .. } => "reschedule",
        AttemptEnd::AwaitingInput { .. } => "awaiting-input",
        AttemptEnd::Pending { .. } => "pending",
        AttemptEnd::Fired { .. } => "fired",
        AttemptEnd::NextRun(_) => "next-run",
        AttemptEnd::Parsed { .. } => "parsed",
        AttemptEnd::Failed(failure) => failure.class.code(),
    }
}
