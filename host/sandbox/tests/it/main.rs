//! The sandbox with real guests: the examples, compiled from Rust, and small ones written in WebAssembly text.

mod admission;
mod assets;
mod calls;
mod classes;
mod code_cache;
mod deferral;
mod determinism;
mod endings;
mod interfaces;
mod isolation;
mod log;
mod retry_policies;
mod sdk;
mod stopping;
mod support;
