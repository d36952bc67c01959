//! The sandbox with real guests: the examples, compiled from Rust, and small ones written in WebAssembly text.

mod admission;
mod calls;
mod code_cache;
mod determinism;
mod endings;
mod isolation;
mod log;
mod stopping;
mod support;
