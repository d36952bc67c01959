//! The sandbox: classes of guests, their components, and the runtime that they run on.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use cap_std::fs::Dir;
use flow_model::inspect::{Inspection, Rejection};
use flow_model::port::{BrokerError, Report};
use flow_model::time::Clock;
use tokio::runtime::Runtime;

use crate::attempt::Attempt;
use crate::class::Classes;
use crate::code_cache::{Bounds, CodeCache};
use crate::compiler::{CompileLimits, Compiler, CompilerCommand};
use crate::modules::Modules;
use crate::native_code::Sealer;
use crate::shelf::Shelf;

/// The largest piece of compiled code in bytes.
const MAX_CODE: u64 = 1 << 30;

/// Memory mappings of one guest: of its stack, and of its memory with its image and what it grew by, each with a guard.
const MAPPINGS: u64 = 6;

/// What a sandbox is made of.
pub struct SandboxConfig {
    /// Where compiled code is kept; nobody else may use it.
    pub cache: Dir,
    /// The key under which it is sealed.
    pub cache_secret: [u8; 32],
    /// How many guests can exist at once.
    pub slots: u32,
    /// How many threads run them.
    pub threads: NonZeroUsize,
    /// How many bytes of compiled code are kept ready in memory, beside what is in use.
    pub code_in_memory: usize,
    /// How many bytes of it are kept in `cache`.
    pub code_on_disk: u64,
    /// How to start the compile child.
    pub compiler: CompilerCommand,
    /// What it may take.
    pub compile_limits: CompileLimits,
    /// What time it is, for guests and for their logs.
    pub clock: Clock,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refused its configuration, or there is not enough address space for so many slots.
    #[error("the WebAssembly engine could not be started with {slots} slots: {reason}")]
    Engine {
        /// How many slots it should have had.
        slots: u32,
        /// What it said.
        reason: String,
    },
    /// The directory of compiled code cannot be used.
    #[error("the directory of compiled code cannot be used: {0}")]
    Cache(#[source] std::io::Error),
    /// A thread could not be started.
    #[error("the guests' threads could not be started: {0}")]
    Threads(#[source] std::io::Error),
}

/// Compiles components and runs them. Clones are the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

/// What clones share.
pub(crate) struct Inner {
    /// The components.
    pub(crate) modules: Modules,
    /// What time it is.
    pub(crate) clock: Clock,
    /// What guests run on; `None` only while it is dropped.
    pub(crate) guests: Option<Runtime>,
}

impl Sandbox {
    /// Starts the engine, its ticker and the guests' threads.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let slots = config.slots;
        let engine_error = |error: wasmtime::Error| SandboxError::Engine { slots, reason: format!("{error:#}") };
        let classes = Classes::start(slots).map_err(engine_error)?;
        let sealer = Sealer::new(&config.cache_secret, classes.compatibility());
        let bounds = Bounds { entry: MAX_CODE, all: config.code_on_disk };
        let cache = CodeCache::open(config.cache, sealer, bounds).map_err(SandboxError::Cache)?;
        let compiler = Compiler::new(config.compiler, config.compile_limits);
        Ok(Self(Arc::new(Inner {
            modules: Modules::new(classes, Shelf::new(config.code_in_memory), cache, compiler),
            clock: config.clock,
            guests: Some(guests_runtime(config.threads)?),
        })))
    }

    /// How many of the process's memory mappings `slots` guests take at most.
    pub fn mappings(slots: u32) -> u64 {
        u64::from(slots) * MAPPINGS
    }

    /// Looks at an uploaded component and compiles it: may it run here, and what is it made of?
    pub async fn admit(&self, component: Bytes) -> Result<Inspection, Rejection> {
        self.0.modules.admit(component).await
    }

    /// Runs one attempt to its end. `fetch` is awaited only if the component is not at hand. When this returns, the
    /// attempt's log is delivered; when it is dropped, the guest ends.
    pub async fn run(
        &self,
        attempt: Attempt,
        fetch: impl Future<Output = Result<Bytes, BrokerError>> + Send,
    ) -> Report {
        self.0.run(attempt, fetch).await
    }

    /// What time it is for guests.
    pub fn clock(&self) -> Clock {
        Arc::clone(&self.0.clock)
    }

    /// How many components are kept ready in memory, and how many bytes of code they have.
    pub fn kept_ready(&self) -> (usize, usize) {
        self.0.modules.keeps().0.holds()
    }

    /// How many entries of the code cache were not trusted since the start.
    pub fn quarantined(&self) -> u64 {
        self.0.modules.keeps().1.quarantined()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A runtime must not be dropped on another runtime's thread, and this may be one.
        if let Some(guests) = self.guests.take() {
            guests.shutdown_background();
        }
    }
}

/// Guests have a runtime of their own, so that their slices of a tick delay no lease, no request and no schedule.
fn guests_runtime(threads: NonZeroUsize) -> Result<Runtime, SandboxError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.get())
        .thread_name("flow-guests")
        .enable_all()
        // A guest that computes wakes itself at every tick; by default timers would be looked at after 61 such slices.
        .event_interval(1)
        .build()
        .map_err(SandboxError::Threads)
}
