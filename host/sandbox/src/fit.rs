//! Whether the functions that a compiled component exports are the contract's.

use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem};

use crate::bindings::imports::task_instance::Context;
use crate::bindings::{dags, tasks};
use crate::inspect;

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
