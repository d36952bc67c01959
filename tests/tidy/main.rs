//! The rules of the house that no compiler checks, read from the files themselves so that no extra tool is needed.
//!
//! Each rule names what breaks it and says what to do. There is no list of exceptions.

mod pages;
mod sources;
mod walls;

use std::path::{Path, PathBuf};

/// The repository's top folder.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// Fails with every finding at once, so that one run shows all there is to mend.
fn none(findings: &[String], advice: &str) {
    assert!(findings.is_empty(), "{advice}\n  {}", findings.join("\n  "));
}
