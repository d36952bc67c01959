//! The only room that can name wasmtime: compiles, caches and runs guest components.
//!
//! It knows no database and no scheduler. What a guest may reach comes in as [`Capabilities`], what it did goes out as
//! a report.

mod answers;
mod attempt;
mod bindings;
mod capabilities;
mod class;
mod classify;
mod clocks;
mod code_cache;
mod compile_child;
mod compiler;
mod engine;
mod entry;
mod execute;
mod fit;
mod guest;
mod imports;
mod inspect;
mod last_words;
mod leash;
mod lines;
mod linker;
mod log;
mod meter;
mod modules;
mod native_code;
mod ready;
mod sandbox;
mod shelf;
mod stdio;
mod ticker;
mod wasi;

pub use attempt::Attempt;
pub use capabilities::Capabilities;
pub use compile_child::compile_child;
pub use compiler::{CompileLimits, CompilerCommand};
pub use sandbox::{Sandbox, SandboxConfig, SandboxError};
