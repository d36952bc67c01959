//! Whether the functions that a compiled component exports are the contract's.

use flow_model::inspect::Optional;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentNamedList, Lift, Lower};

use crate::bindings::imports::task_instance::Context;
use crate::bindings::imports::types::Failure;
use crate::bindings::{dags, retry_policies, tasks, timetables, triggers};
use crate::inspect;

/// Checks that the component's functions have the types that the host calls them with. Imports are checked by the
/// linker; exports would be by the first instance only.
pub(crate) fn check_exports(component: &Component) -> wasmtime::Result<()> {
    check::<(&Context,), (Result<tasks::Outcome, Failure>,)>(component, "tasks", "run")?;
    check::<(), (Result<String, dags::ImportError>,)>(component, "dags", "describe")?;
    let exported = |optional: &Optional| {
        let outline = component.component_type();
        outline.exports(component.engine()).any(|(name, _)| inspect::is_ours(name, optional.interface()))
    };
    Optional::ALL.into_iter().filter(exported).try_for_each(|optional| check_optional(component, optional))
}

fn check_optional(component: &Component, optional: Optional) -> wasmtime::Result<()> {
    let interface = optional.interface();
    match optional {
        Optional::Triggers => {
            check::<(&str, &str), (Result<triggers::PollResult, String>,)>(component, interface, "poll")
        }
        Optional::Timetables => check::<
            (&str, &str, Option<timetables::DataInterval>, timetables::Restriction),
            (Result<Option<timetables::NextRun>, String>,),
        >(component, interface, "next"),
        Optional::Callbacks => check::<(&str, &str, &str), (Result<(), Failure>,)>(component, interface, "run"),
        Optional::RetryPolicies => {
            check::<(&str, &retry_policies::FailedTry), (retry_policies::Decision,)>(component, interface, "decide")
        }
    }
}

fn check<Parameters, Results>(component: &Component, interface: &str, function: &str) -> wasmtime::Result<()>
where
    Parameters: ComponentNamedList + Lower,
    Results: ComponentNamedList + Lift,
{
    let types = component.component_type();
    export(component, interface, function)?
        .typecheck::<Parameters, Results>(&types.instance_type())
        .map_err(|error| error.context(format!("the exported function `{interface}.{function}`")))
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
