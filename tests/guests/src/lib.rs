//! Guests for tests: the examples as tenants would upload them, and components made of WebAssembly text against the
//! contract's WIT.

#![expect(clippy::missing_panics_doc, reason = "a guest that cannot be made says why by panicking")]

mod example;
mod text;

use std::path::{Path, PathBuf};

pub use example::example;
pub use text::{Wat, component, contract};

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
