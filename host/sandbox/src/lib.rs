//! The only room that can name wasmtime: compiles, caches and runs guest components.
