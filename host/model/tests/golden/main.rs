//! The rules against the answers that Airflow's own code gave to the same questions.
//!
//! `FLOW_GOLDEN_DIR` names a folder of vectors to hold the rules to; without it the copies beside this file are used. The
//! lines are always shown, so this target has no test harness: it says what it found and fails if anything differs.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use replay::member;
use serde_json::Value;

#[path = "../replay/mod.rs"]
mod replay;
mod retry;
mod scheduling;
mod timetables;
mod weights;

/// Looks at one vector; the error says what was expected and what came out.
type Check = fn(&Value) -> Result<(), String>;

/// The families of vectors, by the name of their file.
const FAMILIES: &[(&str, Check)] = &[
    ("branch", scheduling::check),
    ("combo", scheduling::check),
    ("fail_fast", scheduling::check),
    ("mapped", scheduling::check),
    ("mapped_group", scheduling::check),
    ("order_dependent", scheduling::check_order_dependent),
    ("past", scheduling::check),
    ("plain", scheduling::check),
    ("probe", scheduling::check),
    ("retry", retry::check),
    ("setup_teardown", scheduling::check),
    ("timetables", timetables::check),
    ("weights", weights::check),
];

/// Tags of vectors that record a bug of Airflow instead of a rule.
const LEFT_OUT: &[&str] = &["airflow_bug_67265", "quirk_unexpanded_group_ti"];

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        println!("golden: test");
        return ExitCode::SUCCESS;
    }
    match run(&folder()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            println!("golden: {message}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test names the vectors; it is no part of the host")]
fn folder() -> PathBuf {
    let kept = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vectors");
    std::env::var_os("FLOW_GOLDEN_DIR").map_or_else(kept, PathBuf::from)
}

/// Whether every vector of every file passed.
fn run(folder: &Path) -> Result<bool, String> {
    let mut all_passed = true;
    for (name, file) in files(folder)? {
        let vectors = read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        match FAMILIES.iter().find(|(family, _)| *family == name) {
            Some((_, check)) => all_passed &= passes(&name, &vectors, *check),
            None => println!("golden {name}: no such family is known, {} vectors not looked at", vectors.len()),
        }
    }
    Ok(all_passed)
}

/// The files of vectors with the names of their families, in the order of these. A folder without any proves nothing.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(family) = name.strip_suffix(".jsonl.gz").or_else(|| name.strip_suffix(".jsonl")) {
            files.push((family.to_owned(), path));
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("{} holds no *.jsonl.gz and no *.jsonl", folder.display())) } else { Ok(files) }
}

fn read(path: &Path) -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let file = File::open(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text)?;
    } else {
        { file }.read_to_string(&mut text)?;
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// Checks a family and says how it went, the first vector that failed in full.
fn passes(name: &str, vectors: &[Value], check: Check) -> bool {
    let (left_out, asked): (Vec<&Value>, Vec<&Value>) = vectors.iter().partition(|vector| is_left_out(vector));
    let failures: Vec<(&Value, String)> =
        asked.iter().filter_map(|vector| check(vector).err().map(|reason| (*vector, reason))).collect();
    let left_out = if left_out.is_empty() { String::new() } else { format!(", {} left out", left_out.len()) };
    println!("golden {name}: {} passed, {} failed{left_out}", asked.len() - failures.len(), failures.len());
    if let Some((vector, reason)) = failures.first() {
        println!("  the first that failed: {vector}\n  {reason}");
    }
    failures.is_empty()
}

fn is_left_out(vector: &Value) -> bool {
    let tags = vector["tags"].as_array().into_iter().flatten();
    tags.filter_map(Value::as_str).any(|tag| LEFT_OUT.contains(&tag))
}
