//! Runs one guest in a fresh store, from instantiation to the drop of its last byte.

use std::sync::Arc;

use flow_model::call::limit;
use flow_model::work::{Job, TaskContext};
use wasmtime::Store;

use crate::bindings::imports::task_instance::Context;
use crate::bindings::{dags, tasks};
use crate::guest::Guest;
use crate::leash::Stop;
use crate::meter::Meter;
use crate::modules::Ready;

/// Component handles of one store.
const HANDLES: usize = 10_000;
/// What a guest may hand to the host in one call beside the largest value that the contract allows.
const CALL_SLACK: usize = 3 << 20;

/// How an execution ended, before anyone judged it.
pub(crate) enum Ending {
    /// The guest's function returned.
    Returned(Returned),
    /// The host stopped it.
    Stopped(Stop),
    /// It trapped, or broke off otherwise.
    Died {
        /// Whether the guest's function had been called; if not, it died while it was instantiated.
        called: bool,
        /// What broke it off.
        error: wasmtime::Error,
    },
    /// There was no room to run it.
    NoRoom,
    /// Its component could not be made ready.
    NotReady(String),
}

/// What the guest's function returned.
pub(crate) enum Returned {
    /// `tasks.run`
    Task(Result<tasks::Outcome, tasks::Failure>),
    /// `dags.describe`
    Parse(Result<String, dags::ImportError>),
}

/// Runs `job`. Nothing of the guest is left when this returns.
pub(crate) async fn execute(ready: Ready, job: Job, guest: Guest, meter: Arc<Meter>) -> Ending {
    let leash = Arc::clone(&guest.leash);
    let work = meter.measure(begin(&ready, &job, guest));
    tokio::select! {
        biased;
        ending = work => ending,
        stop = leash.snap() => Ending::Stopped(stop),
    }
}

async fn begin(ready: &Ready, job: &Job, guest: Guest) -> Ending {
    let died = |called| move |error| Ending::Died { called, error };
    let mut store = match Store::try_new(ready.engine(), guest) {
        Ok(store) => store,
        Err(error) => return died(false)(error),
    };
    confine(&mut store, job);
    let module = match ready.instantiate_async(&mut store).await {
        Ok(module) => module,
        Err(error) => return died(false)(error),
    };
    let returned = match job {
        Job::Task(context) => {
            module.flow_host_tasks().call_run(&mut store, &(&**context).into()).await.map(Returned::Task)
        }
        Job::Parse { .. } => module.flow_host_dags().call_describe(&mut store).await.map(Returned::Parse),
    };
    returned.map_or_else(died(true), Ending::Returned)
}

/// Sets every bound before the first instruction: a component's start function is a guest too.
fn confine(store: &mut Store<Guest>, job: &Job) {
    let largest = match job {
        Job::Task(_) => limit::XCOM,
        Job::Parse { .. } => limit::BULK,
    };
    store.set_hostcall_fuel(largest + CALL_SLACK);
    store.set_max_component_handles(HANDLES);
    store.limiter(|guest| &mut guest.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| store.data().leash.tick());
}

impl From<&TaskContext> for Context {
    fn from(context: &TaskContext) -> Self {
        Self {
            dag_id: context.dag_id.to_string(),
            run_id: context.run_id.to_string(),
            task_id: context.task_id.to_string(),
            function: context.function.clone(),
            map_index: context.map_index,
            try_number: context.try_number,
            max_tries: context.max_tries,
            logical_date: context.logical_date.map(|at| at.0),
            data_interval_start: context.data_interval_start.map(|at| at.0),
            data_interval_end: context.data_interval_end.map(|at| at.0),
            conf: context.conf.clone(),
            arguments: context.arguments.clone(),
        }
    }
}
