//! A sandbox of the shipped kind with its code cache in a directory of its own.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use flow_model::ids::Digest;
use flow_model::inspect::{Inspection, Rejection};
use flow_model::port::{BrokerError, Report};
use flow_model::time::Millis;
use flow_model::work::{AttemptLimits, ErrorClass, Failure, Job, TaskContext};
use flow_sandbox::{Attempt, CompileLimits, CompilerCommand, Sandbox, SandboxConfig};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::world::World;

/// What the host's clock shows.
pub(crate) const NOW: Millis = Millis(1_700_000_000_000);

/// A sandbox and where it keeps its code.
pub(crate) struct Stage {
    /// The sandbox.
    pub(crate) sandbox: Sandbox,
    /// The cache's directory.
    pub(crate) cache: Arc<TempDir>,
}

impl Stage {
    /// A stage with room for a few guests.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A stage that differs from others.
    pub(crate) fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        Self::over(Arc::new(TempDir::new().expect("a directory")), change)
    }

    /// A stage over a cache that another one left.
    pub(crate) fn over(cache: Arc<TempDir>, change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let mut config = SandboxConfig {
            cache: Dir::open_ambient_dir(cache.path(), ambient_authority()).expect("the directory opens"),
            cache_secret: [7; 32],
            slots: 4,
            threads: NonZeroUsize::MIN,
            code_in_memory: 0,
            code_on_disk: 1 << 30,
            compiler: CompilerCommand { program: env!("CARGO_BIN_EXE_flow-compile-child").into(), args: Vec::new() },
            compile_limits: CompileLimits::default(),
            clock: Arc::new(|| NOW),
        };
        change(&mut config);
        Self { sandbox: Sandbox::new(config).expect("the sandbox starts"), cache }
    }

    /// Uploads a component.
    pub(crate) async fn admit(&self, component: impl Into<Bytes>) -> Result<Inspection, Rejection> {
        self.sandbox.admit(component.into()).await
    }

    /// Uploads a component that is known to be good.
    pub(crate) async fn module(&self, component: impl Into<Bytes>) -> Digest {
        self.admit(component).await.expect("the component is accepted").digest
    }

    /// Runs a job of a component that was uploaded.
    pub(crate) async fn run(&self, attempt: Attempt) -> Report {
        self.sandbox.run(attempt, unavailable()).await
    }

    /// Runs a component's default task in an empty world.
    pub(crate) async fn task(&self, component: impl Into<Bytes>, limits: AttemptLimits) -> Report {
        let module = self.module(component).await;
        self.run(Attempt { limits, ..attempt(module, task("main", "[]"), &Arc::default()) }).await
    }
}

/// A broker that has no module to hand out.
pub(crate) async fn unavailable() -> Result<Bytes, BrokerError> {
    Err(BrokerError::Unavailable("the module is not here".into()))
}

/// An attempt in `world` that nobody cancels.
pub(crate) fn attempt(module: Digest, job: Job, world: &Arc<World>) -> Attempt {
    Attempt {
        job,
        module,
        limits: AttemptLimits::default(),
        capabilities: Arc::clone(world) as Arc<_>,
        cancel: CancellationToken::new(),
    }
}

/// The first try of a task.
pub(crate) fn task(function: &str, arguments: &str) -> Job {
    Job::Task(Box::new(TaskContext {
        dag_id: "dag".parse().expect("a DAG id"),
        run_id: "run".parse().expect("a run id"),
        task_id: "task".parse().expect("a task id"),
        function: function.into(),
        map_index: None,
        try_number: 1,
        max_tries: 1,
        logical_date: Some(NOW),
        data_interval_start: None,
        data_interval_end: None,
        conf: "{}".into(),
        map_label: None,
        arguments: arguments.into(),
        resume: None,
        triggering_asset_events: "[]".into(),
        partition_key: None,
        first_poke: None,
        retry_policy: None,
    }))
}

/// The failure that `report` must tell of.
pub(crate) fn failure(report: &Report) -> &Failure {
    report.end.failure().unwrap_or_else(|| panic!("it did not fail: {report:?}"))
}

/// The class of the failure that `report` must tell of.
pub(crate) fn class(report: &Report) -> ErrorClass {
    failure(report).class
}
