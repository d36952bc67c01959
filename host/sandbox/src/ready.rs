//! A component that is compiled, checked and linked, and where its functions are.

use std::sync::Arc;

use flow_model::inspect::Optional;
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{Engine, Store};

use crate::bindings::{callbacks, dags, retry_policies, tasks, timetables, triggers};
use crate::class::{Class, Seat};
use crate::entry::Entry;
use crate::execute::{Ending, Returned};
use crate::guest::Guest;
use crate::inspect;

/// A component that can be instantiated at once. Its exports are looked up here, once, not at each call.
pub(crate) struct Ready {
    class: Arc<Class>,
    pre: InstancePre<Guest>,
    dags: dags::GuestIndices,
    tasks: tasks::GuestIndices,
    triggers: Option<triggers::GuestIndices>,
    timetables: Option<timetables::GuestIndices>,
    callbacks: Option<callbacks::GuestIndices>,
    retry_policies: Option<retry_policies::GuestIndices>,
}

impl Ready {
    /// Finds the functions of a component that was linked in its class.
    pub(crate) fn new(class: Arc<Class>, pre: InstancePre<Guest>) -> wasmtime::Result<Self> {
        let component = pre.component();
        let outline = component.component_type();
        let exports: Vec<&str> = outline.exports(component.engine()).map(|(name, _)| name).collect();
        let has = |optional: Optional| exports.iter().any(|name| inspect::is_ours(name, optional.interface()));
        Ok(Self {
            dags: dags::GuestIndices::new(&pre)?,
            tasks: tasks::GuestIndices::new(&pre)?,
            triggers: has(Optional::Triggers).then(|| triggers::GuestIndices::new(&pre)).transpose()?,
            timetables: has(Optional::Timetables).then(|| timetables::GuestIndices::new(&pre)).transpose()?,
            callbacks: has(Optional::Callbacks).then(|| callbacks::GuestIndices::new(&pre)).transpose()?,
            retry_policies: has(Optional::RetryPolicies)
                .then(|| retry_policies::GuestIndices::new(&pre))
                .transpose()?,
            class,
            pre,
        })
    }

    /// What it was compiled for.
    pub(crate) fn engine(&self) -> &Engine {
        self.pre.component().engine()
    }

    /// The component itself.
    pub(crate) fn component(&self) -> &Component {
        self.pre.component()
    }

    /// How many bytes of memory its code takes.
    pub(crate) fn code_bytes(&self) -> usize {
        let image = self.component().image_range();
        image.end.addr() - image.start.addr()
    }

    /// Waits for a slot to run it in.
    pub(crate) async fn seat(&self) -> Seat {
        self.class.seat().await
    }

    /// An instance of its own for one store.
    pub(crate) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        self.pre.instantiate_async(store).await
    }

    /// Calls what `entry` names.
    pub(crate) async fn call(
        &self,
        entry: &Entry,
        instance: &Instance,
        store: &mut Store<Guest>,
    ) -> wasmtime::Result<Ending> {
        let missing = |interface| Ok(Ending::NotExported(interface));
        let returned = match entry {
            Entry::Task(context) => {
                let tasks = self.tasks.load(&mut *store, instance)?;
                Returned::Task(tasks.call_run(store, &(&**context).into()).await?)
            }
            Entry::Parse { now: _ } => {
                let dags = self.dags.load(&mut *store, instance)?;
                Returned::Parse(dags.call_describe(store).await?)
            }
            Entry::Trigger { name, kwargs } => {
                let Some(triggers) = &self.triggers else { return missing(Optional::Triggers) };
                let triggers = triggers.load(&mut *store, instance)?;
                Returned::Trigger(triggers.call_poll(store, name, kwargs).await?)
            }
            Entry::Timetable(query) => {
                let Some(timetables) = &self.timetables else { return missing(Optional::Timetables) };
                let timetables = timetables.load(&mut *store, instance)?;
                let (last, restriction) = (query.last.map(Into::into), query.restriction.into());
                Returned::Timetable(
                    timetables.call_next(store, &query.timetable, &query.params, last, restriction).await?,
                )
            }
            Entry::Callback { function, arguments, event } => {
                let Some(callbacks) = &self.callbacks else { return missing(Optional::Callbacks) };
                let callbacks = callbacks.load(&mut *store, instance)?;
                Returned::Callback(callbacks.call_run(store, function, arguments, event).await?)
            }
            Entry::RetryPolicy { policy, failure } => {
                let Some(policies) = &self.retry_policies else { return missing(Optional::RetryPolicies) };
                let policies = policies.load(&mut *store, instance)?;
                Returned::Decision(policies.call_decide(store, policy, failure).await?)
            }
        };
        Ok(Ending::Returned(returned))
    }
}
