//! A running flow-host, seen from outside: what the end-to-end tests and the benchmarks drive.
//!
//! Nothing here knows the inside. The host is the real binary in a process of its own, modules are real components, and
//! everything is said over HTTP.

#![expect(clippy::missing_panics_doc, reason = "a check that cannot go on says why by panicking")]

mod client;
mod components;
mod host;
mod worker;

pub use client::{Answer, Client};
pub use components::{component, reworded};
pub use host::{Host, Options, binary};
pub use worker::RemoteWorker;
