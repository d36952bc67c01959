//! The checks on a compiled component: whether the pool can hold it, and whether its functions are the contract's.

use flow_model::inspect::Rejection;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem};

use crate::bindings::imports::task_instance::Context;
use crate::bindings::{dags, tasks};
use crate::engine;
use crate::inspect;

/// A page of linear memory in bytes.
const PAGE: u64 = 64 << 10;

/// Refuses a component that no slot could hold. Runs in the compile child.
pub(crate) fn check_demands(component: &Component) -> Result<(), Rejection> {
    let Some(needs) = component.resources_required() else {
        return Err(Rejection::ForbiddenImport("a core module".into()));
    };
    let memory = needs.max_initial_memory_size.unwrap_or(0).saturating_mul(PAGE);
    let elements = needs.max_initial_table_size.unwrap_or(0);
    at_most("memories", needs.num_memories.into(), engine::MAX_MEMORIES.into())?;
    at_most("tables", needs.num_tables.into(), engine::MAX_TABLES.into())?;
    at_most("bytes of memory", memory, u64::try_from(engine::MAX_MEMORY).unwrap_or(u64::MAX))?;
    at_most("table elements", elements, u64::try_from(engine::MAX_TABLE_ELEMENTS).unwrap_or(u64::MAX))
}

fn at_most(what: &str, needs: u64, limit: u64) -> Result<(), Rejection> {
    if needs > limit { Err(Rejection::TooDemanding { what: what.into(), needs, limit }) } else { Ok(()) }
}

/// Checks that the component's functions have the types that the host calls them with. Imports are checked by the
/// linker; exports would be by the first instance only.
pub(crate) fn check_exports(component: &Component) -> wasmtime::Result<()> {
    let types = component.component_type();
    let types = types.instance_type();
    let run = export(component, "tasks", "run")?;
    run.typecheck::<(&Context,), (Result<tasks::Outcome, tasks::Failure>,)>(&types)
        .map_err(|error| error.context("the exported function `tasks.run`"))?;
    let describe = export(component, "dags", "describe")?;
    describe
        .typecheck::<(), (Result<String, dags::ImportError>,)>(&types)
        .map_err(|error| error.context("the exported function `dags.describe`"))
}

fn export(component: &Component, interface: &str, function: &str) -> wasmtime::Result<ComponentFunc> {
    let engine = component.engine();
    let missing = || wasmtime::format_err!("the exported interface `{interface}` has no function `{function}`");
    let types = component.component_type();
    let found = types.exports(engine).find(|(name, _)| inspect::is_ours(name, interface));
    let Some(ComponentItem::ComponentInstance(instance)) = found.map(|(_, item)| item.ty) else {
        return Err(missing());
    };
    match instance.get_export(engine, function).map(|item| item.ty) {
        Some(ComponentItem::ComponentFunc(function)) => Ok(function),
        _ => Err(missing()),
    }
}
