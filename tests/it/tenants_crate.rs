//! A tenant's crate builds in both ways, uploads unchanged and runs: the one that `flow-host init` writes, and an example.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Shell, command};

/// A crate, the folder in which cargo is run for it, and where its artefacts go: where the next time only it is built.
struct Crate {
    name: &'static str,
    folder: PathBuf,
    target: PathBuf,
}

#[test]
fn a_started_crate_builds_uploads_and_runs() {
    let shell = Shell::of_member();
    shell.done(&["init", "my-flow"]);
    let started = Crate { name: "my-flow", folder: shell.path("my-flow"), target: started_target() };
    builds_both_ways_and_runs(&shell, &started, ("measure", "11"));
}

#[test]
fn an_example_builds_uploads_and_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("guest-examples");
    let hello = Crate { name: "hello", target: folder.join("target"), folder };
    builds_both_ways_and_runs(&Shell::of_member(), &hello, ("tell", "Hello, Ada! (8 letters)"));
}

#[test]
fn the_crates_own_tests_pass() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let made = command(folder.path()).args(["init", "my-flow"]).status().expect("flow-host starts");
    assert!(made.success());
    let started = Crate { name: "my-flow", folder: folder.path().join("my-flow"), target: started_target() };
    started.cargo(&["test"]);
}

/// Builds a crate by `cargo build` and by `cargo component`, and runs its DAG, of the same name, from either component.
fn builds_both_ways_and_runs(shell: &Shell, tenants: &Crate, (task, result): (&str, &str)) {
    let name = tenants.name;
    // `cargo build` is told the target, `cargo component` knows it.
    let ways: [(&[&str], &str); 2] = [
        (&["build", "--release", "--target", "wasm32-wasip2"], "wasm32-wasip2"),
        (&["component", "build", "--release"], "wasm32-wasip1"),
    ];
    for (way, target) in ways {
        tenants.cargo(way);
        let wasm = tenants.target.join(target).join("release").join(name.replace('-', "_")).with_extension("wasm");
        shell.done(&["upload", wasm.to_str().expect("the path is UTF-8"), "--name", name]);
        let conf = r#"{"name": "Ada"}"#;
        let checked = format!("{task}=success");
        shell.done(&[
            "test",
            wasm.to_str().expect("the path is UTF-8"),
            name,
            "--conf",
            conf,
            "--expect-state",
            &checked,
        ]);
        let run = shell.json(&["dags", "trigger", name, "--conf", conf, "--run-id", target, "--wait"]);
        assert_eq!(run["state"], "success", "built by cargo {way:?}");
        assert_eq!(shell.done(&["xcoms", "get", name, target, task]), format!("{result}\n"));
    }
}

/// Where crates that `init` has written are built: below the workspace's own target folder.
fn started_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("init")
}

impl Crate {
    fn cargo(&self, args: &[&str]) {
        let status = Command::new(env!("CARGO"))
            .args(args)
            .args(["--quiet", "--package", self.name, "--target-dir"])
            .arg(&self.target)
            .current_dir(&self.folder)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "cargo {args:?} failed for {}", self.name);
    }
}
