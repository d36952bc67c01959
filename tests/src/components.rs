//! The example components, built once per process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The bytes of the example `name`, as a tenant would upload it.
pub fn component(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(build);
    let file = folder.join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A further version of a component: one in which a text is another one of the same length.
pub fn reworded(component: &[u8], before: &str, after: &str) -> Vec<u8> {
    assert_eq!(before.len(), after.len(), "nothing moves");
    let mut changed = component.to_vec();
    let places: Vec<usize> = component
        .windows(before.len())
        .enumerate()
        .filter(|(_, text)| *text == before.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the component says {before:?}");
    for at in places {
        changed[at..at + after.len()].copy_from_slice(after.as_bytes());
    }
    changed
}

fn build() -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").join("guest-examples");
    let target = examples.join("target");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(&examples)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the examples do not build; `rustup target add wasm32-wasip2` may be missing");
    target.join("wasm32-wasip2/release")
}
