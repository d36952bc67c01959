//! The broker port: all that a worker can ask of the control plane.
//!
//! It is owned by its consumer, the worker, and has two doors: in process and over HTTP. The request types are the wire
//! types, so the doors only carry them.

use std::future::Future;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::call::{Call, CallError, Reply};
use crate::ids::{AttemptId, JobId, TenantId};
use crate::work::{AttemptEnd, Grant, LogLine, RetryDecision, Usage, Work};

/// What a worker asks of the control plane.
pub trait Broker: Clone + Send + Sync + 'static {
    /// Leases up to `slots` pieces of work, waiting up to `wait_ms` for the first. An empty answer means: ask again.
    fn claim(&self, request: ClaimRequest) -> impl Future<Output = Result<Vec<Work>, BrokerError>> + Send;

    /// Says that the attempt begins to run. Nothing of the guest runs before this is answered, unless it is a task that began
    /// with its claim.
    fn start(&self, grant: &Grant) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Renews the leases of everything the worker still runs, in one go. The answers are in the order of the grants.
    fn renew(&self, grants: &[Grant]) -> impl Future<Output = Result<Vec<Renewal>, BrokerError>> + Send;

    /// One brokered capability call of the guest.
    fn call(&self, grant: &Grant, call: Call) -> impl Future<Output = Result<Reply, CallError>> + Send;

    /// Appends to the attempt's log.
    fn log(&self, grant: &Grant, lines: Vec<LogLine>) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// Says how the attempt ended. After this the grant is worthless.
    fn finish(&self, grant: &Grant, report: Report) -> impl Future<Output = Result<(), BrokerError>> + Send;

    /// The component that the attempt is to run.
    fn module(&self, grant: &Grant) -> impl Future<Output = Result<Bytes, BrokerError>> + Send;
}

/// A worker's wish for work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// The worker's job record.
    pub worker: JobId,
    /// The name of its machine, for whoever reads the list of jobs.
    #[serde(default)]
    pub hostname: String,
    /// Whose work it may have. Over HTTP the worker's token overrides it.
    #[serde(default)]
    pub tenants: TenantScope,
    /// How many free slots it has; at least 1, and at most 1,024 are served at once.
    pub slots: u32,
    /// How long to wait for the first piece of work, in milliseconds, at most 30,000.
    pub wait_ms: u64,
    /// Whether it runs at once what it gets. Then tasks begin with the claim, and the worker says [`Broker::start`] of
    /// them no more.
    #[serde(default)]
    pub begins: bool,
}

/// Which tenants a worker may serve.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantScope {
    /// Every tenant.
    #[default]
    All,
    /// These and no other.
    Only(Vec<TenantId>),
}

impl TenantScope {
    /// Whether the tenant is one of them.
    pub fn has(&self, tenant: &TenantId) -> bool {
        match self {
            Self::All => true,
            Self::Only(tenants) => tenants.contains(tenant),
        }
    }
}

/// Whether an attempt may go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "renewal", content = "grant", rename_all = "snake_case")]
pub enum Renewal {
    /// It may, with this grant in place of the old one.
    Renewed(Box<Grant>),
    /// It was cancelled, cleared or lost: stop it, nobody waits for its result.
    Fenced,
}

/// How an attempt ended and what it spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How it ended.
    pub end: AttemptEnd,
    /// What it spent.
    #[serde(default)]
    pub usage: Usage,
    /// What the module's retry policy makes of a failure, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryDecision>,
    /// How a mapped instance is called in lists (Airflow's rendered `map_index_template`), if its SDK says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_label: Option<String>,
}

/// What a worker tells about one attempt, as it travels: many share a request, and each is answered for itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The attempt's token.
    pub token: String,
    /// What there is to tell.
    pub news: News,
}

/// What there is to tell about an attempt: the verbs of [`Broker`] whose answer says nothing but that they were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// [`Broker::start`]
    Start,
    /// [`Broker::log`]
    Log(Vec<LogLine>),
    /// [`Broker::finish`]
    Finish(Report),
}

/// Why the control plane refused a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "detail", rename_all = "snake_case")]
pub enum BrokerError {
    /// The attempt is no longer the one that counts.
    #[error("attempt {0} is fenced: it was finished, cancelled, cleared or lost")]
    Fenced(AttemptId),
    /// The worker's or the attempt's token is not accepted.
    #[error("not authorised: {0}")]
    Unauthorized(String),
    /// The request is malformed.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The control plane or its database cannot answer now; try again.
    #[error("unavailable: {0}")]
    Unavailable(String),
}
