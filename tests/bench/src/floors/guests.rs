//! The same components in the same sandbox, called without a host around it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use flow_model::call::{Call, CallError, Reply};
use flow_model::ids::Digest;
use flow_model::port::BrokerError;
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, AttemptLimits, Job, LogLine, TaskContext};
use flow_sandbox::{Attempt, Capabilities, CompileLimits, CompilerCommand, Sandbox, SandboxConfig};
use flow_tests::{binary, component};
use futures::future::{BoxFuture, FutureExt as _, ready};
use futures::{StreamExt as _, stream};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::form::Times;
use crate::process::{millis, per_second};

const NOW: Millis = Millis(1_700_000_000_000);
const READS: u32 = 2_000;
/// Guests at once: enough that no thread waits for the next call.
const AT_ONCE: usize = 16;

/// A sandbox with the modules of the workloads.
pub(crate) struct Guests {
    sandbox: Sandbox,
    bench: Digest,
    many: Digest,
    _cache: TempDir,
}

/// Answers at once.
struct Ready;

impl Capabilities for Ready {
    fn call(&self, _: Call) -> BoxFuture<'static, Result<Reply, CallError>> {
        ready(Ok(Reply::Text("x".to_owned()))).boxed()
    }

    fn log(&self, _: Vec<LogLine>) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}

impl Guests {
    /// Compiles the modules.
    pub(crate) async fn new() -> Self {
        let cache = TempDir::new().expect("a folder for compiled code");
        let sandbox = Sandbox::new(SandboxConfig {
            cache: Dir::open_ambient_dir(cache.path(), ambient_authority()).expect("the folder opens"),
            cache_secret: [7; 32],
            slots: 64,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            code_in_memory: 64 << 20,
            code_on_disk: 1 << 30,
            compiler: CompilerCommand { program: binary().into(), args: vec!["compile-module".into()] },
            compile_limits: CompileLimits::default(),
            clock: Arc::new(|| NOW),
        });
        let sandbox = sandbox.expect("the sandbox starts");
        let admit = async |name| sandbox.admit(component(name).into()).await.expect("it is accepted").digest;
        let (bench, many) = (admit("bench").await, admit("many").await);
        Self { sandbox, bench, many, _cache: cache }
    }

    /// Calls the task that does nothing.
    pub(crate) async fn noop(&self) {
        assert_eq!(self.run(self.bench, task("bench::noop", "[]")).await, success("1"));
    }

    /// Calls it often, many at once.
    pub(crate) async fn noops(&self, count: usize) {
        stream::iter(0..count).for_each_concurrent(AT_ONCE, |_| self.noop()).await;
    }

    /// Instantiations with a call each, in a second.
    pub(crate) async fn calls_per_second(&self, times: Times, calls: usize) -> Vec<f64> {
        let mut measured = Vec::new();
        for _ in times {
            let begun = Instant::now();
            self.noops(calls).await;
            measured.push(per_second(calls, begun.elapsed()));
        }
        measured
    }

    /// One `variables.get` that is answered at once, in microseconds.
    pub(crate) async fn variable_gets(&self, times: Times) -> Vec<f64> {
        let mut measured = Vec::new();
        for _ in times {
            let end = self.run(self.bench, task("bench::read_variable", &format!("[{READS}]"))).await;
            let AttemptEnd::Success { value: Some(nanoseconds) } = end else { panic!("it returns a number: {end:?}") };
            measured.push(nanoseconds.parse::<f64>().expect("a number of nanoseconds") / 1000.0);
        }
        measured
    }

    /// What a module says of its 200 DAGs, in milliseconds.
    pub(crate) async fn parses(&self, times: Times) -> Vec<f64> {
        let mut measured = Vec::new();
        for _ in times {
            let begun = Instant::now();
            let end = self.run(self.many, Job::Parse { now: NOW }).await;
            measured.push(millis(begun.elapsed()));
            let AttemptEnd::Parsed { dags } = end else { panic!("it describes DAGs: {end:?}") };
            assert!(dags.contains("d199"), "all of them are there");
        }
        measured
    }

    async fn run(&self, module: Digest, job: Job) -> AttemptEnd {
        let (limits, capabilities) = (AttemptLimits::default(), Arc::new(Ready));
        let attempt = Attempt { job, module, limits, capabilities, cancel: CancellationToken::new() };
        // The modules are at hand.
        let fetch = ready(Err(BrokerError::Unavailable("there is no host".to_owned())));
        self.sandbox.run(attempt, fetch).await.end
    }
}

fn success(value: &str) -> AttemptEnd {
    AttemptEnd::Success { value: Some(value.to_owned()) }
}

fn task(function: &str, arguments: &str) -> Job {
    Job::Task(Box::new(TaskContext {
        dag_id: "dag".parse().expect("a DAG id"),
        run_id: "run".parse().expect("a run id"),
        task_id: "task".parse().expect("a task id"),
        function: function.to_owned(),
        map_index: None,
        try_number: 1,
        max_tries: 1,
        logical_date: Some(NOW),
        data_interval_start: None,
        data_interval_end: None,
        conf: "{}".to_owned(),
        arguments: arguments.to_owned(),
        resume: None,
        triggering_asset_events: "[]".to_owned(),
        partition_key: None,
        first_poke: None,
        retry_policy: None,
        map_label: None,
    }))
}
