//! Runs one guest in a fresh store, from instantiation to the drop of its last byte.

use std::sync::Arc;

use flow_model::inspect::Optional;
use wasmtime::Store;

use crate::bindings::imports::types::Failure;
use crate::bindings::{dags, retry_policies, tasks, timetables, triggers};
use crate::entry::Entry;
use crate::guest::Guest;
use crate::leash::Stop;
use crate::meter::Meter;
use crate::ready::Ready;

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
    /// Its component does not export what was to be called.
    NotExported(Optional),
}

/// What the guest's function returned.
pub(crate) enum Returned {
    /// `tasks.run`
    Task(Result<tasks::Outcome, Failure>),
    /// `dags.describe`
    Parse(Result<String, dags::ImportError>),
    /// `triggers.poll`
    Trigger(Result<triggers::PollResult, String>),
    /// `timetables.next`
    Timetable(Result<Option<timetables::NextRun>, String>),
    /// `callbacks.run`
    Callback(Result<(), Failure>),
    /// `retry-policies.decide`
    Decision(retry_policies::Decision),
}

/// Makes one call into `ready`. Nothing of the guest is left when this returns.
pub(crate) async fn execute(ready: Arc<Ready>, entry: Entry, guest: Guest, meter: Arc<Meter>) -> Ending {
    let leash = Arc::clone(&guest.leash);
    // On the heap, or everything around it would hold it again: thousands of guests may sleep in here.
    let work = meter.measure(Box::pin(begin(&ready, &entry, guest)));
    tokio::select! {
        biased;
        ending = work => ending,
        stop = leash.snap() => Ending::Stopped(stop),
    }
}

async fn begin(ready: &Ready, entry: &Entry, guest: Guest) -> Ending {
    let died = |called| move |error| Ending::Died { called, error };
    let mut store = match Store::try_new(ready.engine(), guest) {
        Ok(store) => store,
        Err(error) => return died(false)(error),
    };
    confine(&mut store, entry);
    let instance = match ready.instantiate(&mut store).await {
        Ok(instance) => instance,
        Err(error) => return died(false)(error),
    };
    ready.call(entry, &instance, &mut store).await.unwrap_or_else(died(true))
}

/// Sets every bound before the first instruction: a component's start function is a guest too.
fn confine(store: &mut Store<Guest>, entry: &Entry) {
    store.set_hostcall_fuel(entry.largest() + CALL_SLACK);
    store.set_max_component_handles(HANDLES);
    store.limiter(|guest| &mut guest.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| store.data().leash.tick());
}
