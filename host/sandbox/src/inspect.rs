//! The checks on an uploaded component that need no compiler: what it is, what it imports and what it exports.

use flow_model::inspect::{Optional, Rejection};
use wasmparser::{Encoding, Parser, Payload};
use wasmtime::Engine;

use crate::bindings::{PACKAGE, VERSION};
use crate::linker::WASI;

/// The interfaces that every module exports.
const EXPORTS: &[&str] = &["dags", "tasks"];
/// The interfaces of the contract that can be imported. `types` and `task-instance` may come in for their types alone.
const IMPORTS: &[&str] =
    &["types", "variables", "connections", "xcom", "task-state", "task-instance", "runs", "assets", "log"];

/// Looks at the first bytes: is this a component of acceptable size at all?
pub(crate) fn first_look(bytes: &[u8], limit: u64) -> Result<(), Rejection> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if bytes.is_empty() {
        Err(Rejection::Empty)
    } else if bytes.starts_with(b"\x7fELF") || Engine::detect_precompiled(bytes).is_some() {
        Err(Rejection::Precompiled)
    } else if !bytes.starts_with(b"\0asm") || bytes.len() < 8 {
        Err(Rejection::NotWasm)
    } else if size > limit {
        Err(Rejection::TooBig { size, limit })
    } else if Parser::is_core_wasm(bytes) {
        Err(Rejection::CoreModule)
    } else {
        Ok(())
    }
}

/// Reads the names of what the component imports and exports, without validating the rest, and holds them against the
/// contract. Runs in the compile child.
pub(crate) fn check_outline(bytes: &[u8]) -> Result<(), Rejection> {
    let (imports, exports) = outline(bytes)?;
    imports.iter().try_for_each(|name| check_import(name))?;
    EXPORTS.iter().try_for_each(|interface| check_export(interface, &exports))?;
    let exported = |interface: &&str| versions(interface, &exports).next().is_some();
    let mut optional = Optional::ALL.into_iter().map(Optional::interface).filter(exported);
    optional.try_for_each(|interface| check_export(interface, &exports))
}

fn outline(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>), Rejection> {
    let malformed = |error: wasmparser::BinaryReaderError| Rejection::Malformed(error.to_string());
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(Rejection::CoreModule),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

fn check_import(name: &str) -> Result<(), Rejection> {
    let forbidden = || Rejection::ForbiddenImport(name.to_owned());
    let (package, interface, version) = parts(name).ok_or_else(forbidden)?;
    if package == PACKAGE {
        if !speaks_ours(version) {
            return Err(wrong_version(version));
        }
        return if IMPORTS.contains(&interface) { Ok(()) } else { Err(forbidden()) };
    }
    let linked = WASI.iter().any(|(wasi, interfaces)| *wasi == package && interfaces.contains(&interface));
    if linked && version.starts_with("0.2.") { Ok(()) } else { Err(forbidden()) }
}

fn check_export(interface: &str, exports: &[String]) -> Result<(), Rejection> {
    if exports.iter().any(|name| is_ours(name, interface)) {
        return Ok(());
    }
    Err(match versions(interface, exports).next() {
        Some(version) => wrong_version(version),
        None => Rejection::MissingExport(format!("{PACKAGE}/{interface}@{VERSION}")),
    })
}

/// The versions in which the contract's `interface` is exported.
fn versions<'a>(interface: &str, exports: &'a [String]) -> impl Iterator<Item = &'a str> {
    let parts = exports.iter().filter_map(|name| parts(name));
    parts.filter(move |(package, name, _)| *package == PACKAGE && *name == interface).map(|(.., version)| version)
}

/// Whether `name` is the contract's `interface` in a version that fits.
pub(crate) fn is_ours(name: &str, interface: &str) -> bool {
    parts(name).is_some_and(|(package, name, version)| package == PACKAGE && name == interface && speaks_ours(version))
}

/// `package/interface@version` in its three parts.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (path, version) = name.split_once('@')?;
    let (package, interface) = path.split_once('/')?;
    Some((package, interface, version))
}

/// Whether a guest that was built for `version` fits: below 1.0 the first two numbers must agree.
fn speaks_ours(version: &str) -> bool {
    let series = |version: &str| version.rsplit_once('.').map(|(series, _)| series.to_owned());
    series(version) == series(VERSION)
}

fn wrong_version(found: &str) -> Rejection {
    Rejection::WrongVersion { found: found.to_owned(), offered: VERSION.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_held_against_the_contract() {
        for name in [
            "flow:host/xcom@0.1.0",
            "flow:host/assets@0.1.0",
            "flow:host/types@0.1.7",
            "wasi:cli/stdin@0.2.3",
            "wasi:io/poll@0.2.12",
        ] {
            assert_eq!(check_import(name), Ok(()), "{name}");
        }
        for name in [
            "wasi:sockets/tcp@0.2.3",
            "wasi:http/outgoing-handler@0.2.3",
            "wasi:cli/stdin@0.3.0",
            "wasi:cli/stdin",
            "flow:host/secrets@0.1.0",
            "flow:host/triggers@0.1.0",
            "other:host/xcom@0.1.0",
            "env",
        ] {
            assert_eq!(check_import(name), Err(Rejection::ForbiddenImport(name.to_owned())));
        }
    }

    #[test]
    fn another_version_of_the_contract_is_named() {
        let expected = Err(Rejection::WrongVersion { found: "0.2.0".into(), offered: "0.1.0".into() });
        assert_eq!(check_import("flow:host/xcom@0.2.0"), expected);
        assert_eq!(check_export("tasks", &["flow:host/tasks@0.2.0".into()]), expected);
    }
}
