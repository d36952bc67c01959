//! The contract of `wit/` as Rust, generated, and what of it this host offers.

#[expect(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated code; the WIT files have the docs")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "module",
        imports: {
            "flow:host/task-instance.is-cancelled": exact,
            default: async,
        },
        exports: { default: async },
    });
}

pub(crate) use generated::exports::flow::host::{dags, tasks};
pub(crate) use generated::flow::host as imports;
pub(crate) use generated::{Module, ModulePre};

/// The contract's package name.
pub(crate) const PACKAGE: &str = "flow:host";
/// The contract's version.
pub(crate) const VERSION: &str = "0.1.0";
