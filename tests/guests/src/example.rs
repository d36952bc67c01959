//! The examples, built once per process by cargo.

use std::process::Command;
use std::sync::Once;

use bytes::Bytes;

use crate::root;

/// One of `guest-examples/`.
pub fn example(name: &str) -> Bytes {
    static BUILT: Once = Once::new();
    let workspace = root().join("guest-examples");
    BUILT.call_once(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--quiet", "--target", "wasm32-wasip2", "--manifest-path"])
            .arg(workspace.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(workspace.join("target"))
            .status()
            .expect("cargo starts");
        assert!(built.success(), "the examples build");
    });
    let path = workspace.join(format!("target/wasm32-wasip2/release/{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}
