//! The contract of `wit/` as Rust, generated, and what of it this host offers.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "full-module",
        imports: { default: async },
        exports: { default: async },
    });
}

pub(crate) use generated::FullModule as Contract;
pub(crate) use generated::exports::flow::host::{callbacks, dags, retry_policies, tasks, timetables, triggers};
pub(crate) use generated::flow::host as imports;

/// The contract's package name.
pub(crate) const PACKAGE: &str = "flow:host";
/// The contract's version.
pub(crate) const VERSION: &str = "0.1.0";
