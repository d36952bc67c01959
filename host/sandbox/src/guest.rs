//! What the host keeps for one running guest, and how a guest's import becomes a brokered call.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use flow_model::call::{Call, CallError};
use flow_model::ids::InvalidName;
use flow_model::map_label;
use flow_model::work::Job;
use futures::FutureExt as _;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::bindings::imports::types::Error;
use crate::capabilities::Capabilities;
use crate::imports::FromReply;
use crate::leash::Leash;
use crate::log::LogSink;
use crate::meter::MemoryLimiter;
use crate::wasi::Wasi;

/// Resources of the host that a guest can hold at once: streams, pollables and the like.
const HOST_RESOURCES: usize = 4_096;
/// The least time between two progress reports that reach the broker.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// The state behind one store.
pub(crate) struct Guest {
    /// Where its log goes.
    pub(crate) log: Arc<LogSink>,
    /// What bounds it.
    pub(crate) leash: Arc<Leash>,
    /// What bounds its memory.
    pub(crate) memory: MemoryLimiter,
    /// What it wants to be called in lists.
    pub(crate) map_label: MapLabel,
    /// Streams, pollables and the like.
    pub(crate) table: ResourceTable,
    wasi: Wasi,
    capabilities: Arc<dyn Capabilities>,
    host: Handle,
    progress_sent: Option<Instant>,
}

/// What a mapped instance is called in lists. It outlives the store, since a failed instance has a name too.
#[derive(Clone, Default)]
pub(crate) struct MapLabel(Arc<Mutex<Option<String>>>);

impl MapLabel {
    /// What the instance is called until it says otherwise.
    pub(crate) fn of(job: &Job) -> Self {
        let given = match job {
            Job::Task(context) => context.map_label.clone(),
            Job::Parse { .. } | Job::Trigger { .. } | Job::Http { .. } | Job::Timetable(_) | Job::Callback { .. } => {
                None
            }
        };
        Self(Arc::new(Mutex::new(given)))
    }

    /// Keeps as much of `label` as is shown.
    pub(crate) fn set(&self, label: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(map_label::shortened(label));
    }

    /// The latest label.
    pub(crate) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Guest {
    /// The state of a guest that has not begun yet. Calls are answered on the current runtime.
    pub(crate) fn new(
        wasi: Wasi,
        log: Arc<LogSink>,
        (leash, memory): (Arc<Leash>, MemoryLimiter),
        map_label: MapLabel,
        capabilities: Arc<dyn Capabilities>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HOST_RESOURCES);
        let host = Handle::current();
        Self { log, leash, memory, map_label, table, wasi, capabilities, host, progress_sent: None }
    }

    /// Brokers one call and reads its reply. The call is given up when the guest is.
    pub(crate) async fn ask<T: FromReply>(&mut self, call: Call) -> Result<T, Error> {
        let mut answer = self.capabilities.call(call);
        // What is at hand is answered here. What has to be waited for moves to the host's threads: there no guest's
        // slice comes between the steps of a transaction.
        let at_once = poll_fn(|cx| {
            let _host = self.host.enter();
            Poll::Ready(answer.poll_unpin(cx))
        });
        let reply = match at_once.await {
            Poll::Ready(reply) => reply?,
            Poll::Pending => AbortOnDropHandle::new(self.host.spawn(answer))
                .await
                .map_err(|_| Error::Unavailable("the host could not answer".into()))??,
        };
        T::from_reply(reply).ok_or_else(|| Error::Unavailable("the host's answer does not fit the question".into()))
    }

    /// Whether a progress report may go out now; the last one, of a finished task, always may.
    pub(crate) fn may_report(&mut self, fraction: f64) -> bool {
        let now = Instant::now();
        let recent = self.progress_sent.is_some_and(|sent| now.duration_since(sent) < PROGRESS_INTERVAL);
        if recent && fraction < 1.0 {
            return false;
        }
        self.progress_sent = Some(now);
        true
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.context(&self.log), table: &mut self.table }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::NotFound,
            CallError::Denied => Self::Denied,
            CallError::Invalid(reason) => Self::Invalid(reason),
            CallError::TooLarge => Self::TooLarge,
            CallError::Conflict => Self::Conflict,
            CallError::Quota(name) => Self::Quota(name),
            CallError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<InvalidName> for Error {
    fn from(error: InvalidName) -> Self {
        Self::Invalid(error.to_string())
    }
}
