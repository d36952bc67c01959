//! Who may import whom, read from the manifests. The table is `docs/ARCHITECTURE.md`'s.

use std::collections::BTreeSet;

use crate::{none, top};

/// A room and the crates it must not be able to name.
struct Room {
    folder: &'static str,
    may_import: &'static [&'static str],
    must_not_name: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        folder: "host/model",
        may_import: &[],
        must_not_name: &["tokio", "sqlx", "wasmtime", "wasmtime-wasi", "axum", "reqwest", "rand"],
    },
    Room {
        folder: "host/store",
        may_import: &["flow-model"],
        must_not_name: &["wasmtime", "wasmtime-wasi", "axum", "jsonwebtoken", "reqwest"],
    },
    Room {
        folder: "host/broker",
        may_import: &["flow-model", "flow-store"],
        must_not_name: &["sqlx", "wasmtime", "wasmtime-wasi", "axum", "jsonwebtoken", "reqwest"],
    },
    Room { folder: "host/sandbox", may_import: &["flow-model"], must_not_name: &["sqlx", "axum", "jsonwebtoken"] },
    Room {
        folder: "host/worker",
        may_import: &["flow-model", "flow-sandbox"],
        must_not_name: &["sqlx", "wasmtime", "wasmtime-wasi", "axum", "jsonwebtoken"],
    },
    Room {
        folder: "host/api",
        may_import: &["flow-model", "flow-broker"],
        must_not_name: &["sqlx", "wasmtime", "wasmtime-wasi"],
    },
    Room {
        folder: "host/cli",
        may_import: &["flow-api", "flow-broker", "flow-model", "flow-sandbox", "flow-store", "flow-worker"],
        must_not_name: &["sqlx", "wasmtime", "wasmtime-wasi", "axum", "jsonwebtoken"],
    },
    Room {
        folder: "sdk/rust",
        may_import: &["flow-sdk-macros"],
        must_not_name: &["tokio", "sqlx", "wasmtime", "axum"],
    },
    Room { folder: "sdk/rust/macros", may_import: &[], must_not_name: &["tokio", "sqlx", "wasmtime", "axum"] },
];

/// The names in a manifest's `[dependencies]`. Tests may reach further than the room they test, so those of
/// `[dev-dependencies]` do not count.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let file = top().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let names = |table: Option<&toml::Value>| -> Vec<String> {
        table.and_then(toml::Value::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let of_targets = targets.into_iter().flat_map(|targets| targets.values().map(|target| target.get("dependencies")));
    of_targets.chain([manifest.get("dependencies")]).flat_map(names).collect()
}

#[test]
fn rooms_import_only_what_the_plan_allows() {
    let mut findings = Vec::new();
    for room in ROOMS {
        for name in dependencies(room.folder) {
            let ours = name.starts_with("flow-");
            if ours && !room.may_import.contains(&name.as_str()) {
                findings.push(format!("{} imports {name}", room.folder));
            }
            if room.must_not_name.contains(&name.as_str()) {
                findings.push(format!("{} must not be able to name {name}", room.folder));
            }
        }
    }
    none(&findings, "a wall is down; move the code to the room that may know this:");
}

#[test]
fn every_room_has_walls() {
    let mut findings = Vec::new();
    for entry in std::fs::read_dir(top().join("host")).expect("host/ can be listed") {
        let name = format!("host/{}", entry.expect("an entry").file_name().to_string_lossy());
        if top().join(&name).join("Cargo.toml").exists() && !ROOMS.iter().any(|room| room.folder == name) {
            findings.push(name);
        }
    }
    none(&findings, "a new room; say in tests/tidy/walls.rs what it may import:");
}

#[test]
fn the_top_level_shows_only_what_belongs_there() {
    const SHOWN: &[&str] = &[
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "README.md",
        "docs",
        "guest-examples",
        "host",
        "rust-toolchain.toml",
        "sdk",
        "target",
        "tests",
        "wit",
    ];
    let entries = std::fs::read_dir(top()).expect("the repository can be listed");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let findings: Vec<String> =
        names.filter(|name| !name.starts_with('.') && name != "flow-data" && !SHOWN.contains(&name.as_str())).collect();
    none(&findings, "the top level is for the rooms; tool configuration goes to dot files:");
}
