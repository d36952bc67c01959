//! `flow-host init` writes a crate that builds in both ways and uploads unchanged.

use std::path::Path;
use std::process::Command;

use crate::shell::{Shell, command};

#[test]
fn a_started_crate_builds_uploads_and_runs() {
    let shell = Shell::of_member();
    shell.done(&["init", "my-flow"]);
    let path = shell.path("my-flow");
    for (tool, place) in [(&["build"][..], "wasm32-wasip2"), (&["component", "build"], "wasm32-wasip1")] {
        let wasm = build(&path, tool, place);
        shell.done(&["upload", &wasm, "--name", "my-flow"]);
        let run =
            shell.json(&["dags", "trigger", "my-flow", "--conf", r#"{"name": "Ada"}"#, "--run-id", place, "--wait"]);
        assert_eq!(run["state"], "success", "built by {tool:?}");
        assert_eq!(shell.done(&["xcoms", "get", "my-flow", place, "measure"]), "11\n");
    }
}

#[test]
fn the_crates_own_tests_pass() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let made = command(folder.path()).args(["init", "my-flow"]).status().expect("flow-host starts");
    assert!(made.success());
    cargo(&folder.path().join("my-flow"), &["test"]);
}

/// Builds the crate and returns the component's path.
fn build(path: &Path, tool: &[&str], place: &str) -> String {
    // `cargo build` is told the target, `cargo component` knows it.
    let target: &[&str] = if tool == ["build"] { &["--target", place] } else { &[] };
    cargo(path, &[tool, &["--release"], target].concat());
    format!("{}/init/{place}/release/my_flow.wasm", env!("CARGO_TARGET_TMPDIR"))
}

/// Runs cargo in a folder of its own below the workspace's target folder, so that the next time only the crate is built.
fn cargo(path: &Path, args: &[&str]) {
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/init");
    let status = Command::new(env!("CARGO"))
        .args(args)
        .args(["--quiet", "--target-dir", target])
        .current_dir(path)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo {args:?} failed in the crate that init wrote");
}
