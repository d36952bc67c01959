//! `flow-host init`: starts a tenant's crate, with the SDK that belongs to this very program beside it.
//!
//! The SDK's sources travel inside the binary, so that a crate can be started and built without a package registry of ours.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use flow_model::ids::ModuleName;
use include_dir::{Dir, DirEntry, include_dir};

use crate::errors::Failure;
use crate::output;

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/template");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust");
static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// What the template's files say where the crate's name belongs.
const NAME: &str = "{{name}}";
/// What of the SDK is of no use to a tenant.
const LEFT_OUT: [&str; 2] = ["tests", "target"];
/// Names that the crate's own dependencies or Rust itself have taken.
const TAKEN: [&str; 8] = ["alloc", "core", "flow-sdk", "flow_sdk", "proc-macro", "proc_macro", "std", "test"];

/// Writes the crate to a new folder `path` and says how to go on.
pub(crate) fn run(path: &Path) -> Result<()> {
    let name = name_of(path)?;
    write(path, &name)?;
    let wasm = format!("target/wasm32-wasip2/release/{}.wasm", name.replace('-', "_"));
    let path = path.display();
    Ok(output::print(&format!(
        "created {path}: its DAG is in src/lib.rs

  cd {path}
  cargo build --release --target wasm32-wasip2
  flow-host test {wasm} {name}
  flow-host upload {wasm} --name {name}
  flow-host dags trigger {name} --wait
"
    ))?)
}

/// The crate's name: the last part of the path.
fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !is_plain || name.parse::<ModuleName>().is_err() || TAKEN.contains(&name.as_str()) {
        let hint = "use letters, digits, `-` and `_`, beginning with a letter, such as my-flow";
        return Err(Failure::usage(format!("{name:?} cannot be a crate's name")).hint(hint).into());
    }
    Ok(name)
}

/// Writes everything or, if that fails, leaves nothing.
fn write(path: &Path, name: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::usage(format!("{} exists already", path.display()))
                .hint("choose another name")
                .into());
        }
        created => created.with_context(|| format!("cannot create {}", path.display()))?,
    }
    fill(path, name).inspect_err(|_| {
        // The folder is ours alone; if it cannot be removed either, the first error says why.
        let _ = fs::remove_dir_all(path);
    })
}

fn fill(path: &Path, name: &str) -> Result<()> {
    let vendor = path.join("vendor");
    copy(&TEMPLATE, path, &|text| text.replace(NAME, name))?;
    copy(&SDK, &vendor.join("sdk/rust"), &str::to_owned)?;
    copy(&WIT, &vendor.join("wit"), &str::to_owned)
}

fn copy(from: &Dir<'_>, to: &Path, change: &dyn Fn(&str) -> String) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in from.entries() {
        let Some(name) = entry.path().file_name() else { continue };
        let target = to.join(name);
        match entry {
            DirEntry::Dir(_) if LEFT_OUT.iter().any(|left_out| name == *left_out) => {}
            DirEntry::Dir(folder) => copy(folder, &target, change)?,
            DirEntry::File(file) => {
                let text = file.contents_utf8().map(change);
                let bytes = text.as_ref().map_or(file.contents(), |text| text.as_bytes());
                fs::write(&target, bytes).with_context(|| format!("cannot write {}", target.display()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).expect("the folder can be read") {
                let path = entry.expect("the entry can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(folder).expect("it is below").display().to_string());
                }
            }
        }
        found
    }

    #[test]
    fn a_crate_has_its_name_and_its_sdk() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("deep").join("my-flow");
        run(&path).expect("the crate can be written");
        let files = files(&path);
        for expected in [
            "Cargo.toml",
            "src/lib.rs",
            "vendor/sdk/rust/Cargo.toml",
            "vendor/sdk/rust/src/lib.rs",
            "vendor/sdk/rust/macros/Cargo.toml",
            "vendor/wit/world.wit",
        ] {
            assert!(files.iter().any(|file| file == expected), "{expected} is missing in {files:?}");
        }
        assert!(!files.iter().any(|file| file.contains("tests/")), "{files:?}");
        let manifest = fs::read_to_string(path.join("Cargo.toml")).expect("it can be read");
        assert!(manifest.contains("name = \"my-flow\"") && !manifest.contains(NAME), "{manifest}");
        let parsed: toml::Table = manifest.parse().expect("it is TOML");
        assert_eq!(parsed["dependencies"]["flow-sdk"]["path"].as_str(), Some("vendor/sdk/rust"));
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let error = run(&folder.path().join("std")).expect_err("the name is taken");
        assert_eq!(crate::errors::report(&error), ExitCode::from(2));
        let path = folder.path().join("mine");
        fs::create_dir(&path).expect("a folder can be made");
        let error = run(&path).expect_err("the folder exists");
        assert!(error.to_string().ends_with("mine exists already"), "{error}");
        assert!(files(folder.path()).is_empty());
    }

    #[test]
    fn names_are_those_of_crates() {
        for good in ["my-flow", "etl2", "a_b"] {
            assert_eq!(name_of(Path::new(good)).expect("it is a name"), good);
        }
        for bad in ["", "..", "2fast", "a.b", "a b", "ünï", "std", "-x"] {
            assert!(name_of(Path::new(bad)).is_err(), "{bad:?} was accepted");
        }
    }
}
