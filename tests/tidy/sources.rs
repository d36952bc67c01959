//! What every source file keeps to: lengths, names, an opening line, and nothing of the machine it was written on.

use std::path::Path;
use std::process::Command;

use crate::{none, top};

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;
const BANNED_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "imp", "misc", "stuff"];

/// Every file that git knows or would add, by its path from the top.
fn files() -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(top())
        .output()
        .expect("git lists the files");
    assert!(output.status.success(), "git ls-files failed");
    let text = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let existing = text.lines().filter(|path| top().join(path).is_file()).map(str::to_owned);
    let files: Vec<String> = existing.collect();
    assert!(files.len() > 50, "only {} files were found: the rules below would pass on nothing", files.len());
    files
}

fn rust_files() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter(|path| has_extension(path, "rs")).map(|path| {
        let text = std::fs::read_to_string(top().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        (path, text)
    })
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

#[test]
fn files_fit_on_a_few_screens() {
    let long = rust_files().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > MAX_FILE_LINES).then(|| format!("{path}: {lines} lines"))
    });
    none(&long.collect::<Vec<_>>(), "split these files (at most 500 lines):");
}

#[test]
fn functions_fit_on_one_screen() {
    let long = rust_files().flat_map(|(path, text)| {
        let functions = functions(&text).into_iter().filter(|(_, length)| *length > MAX_FUNCTION_LINES);
        functions.map(|(line, length)| format!("{path}:{line}: {length} lines")).collect::<Vec<_>>()
    });
    none(&long.collect::<Vec<_>>(), "split these functions (at most 70 lines):");
}

/// Where each function begins (from line 1) and how many lines it has. The sources are formatted, so a function ends at
/// the first `}` that is indented as its `fn` line is.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_function = |line: &str| {
        let words = line.trim_start().split(['(', '<']).next().unwrap_or_default();
        words.split_whitespace().any(|word| word == "fn") && !line.trim_start().starts_with("//")
    };
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
        let closing = lines[at..].iter().position(|end| end.trim_end() == format!("{}}}", " ".repeat(indent(line))));
        let declared_only = lines[at..].iter().position(|end| end.ends_with(';') && indent(end) == indent(line));
        match (closing, declared_only) {
            (Some(closing), declared) if declared.is_none_or(|declared| declared > closing) => {
                found.push((at + 1, closing + 1));
            }
            (Some(_) | None, _) => {}
        }
    }
    found
}

#[test]
fn the_function_rule_can_see_a_long_one() {
    let body = "    let x = 1;\n".repeat(80);
    assert_eq!(functions(&format!("fn long() {{\n{body}}}\nfn short() {{\n}}\n")), [(1, 82), (83, 2)]);
}

#[test]
fn names_say_what_is_inside() {
    let banned = files().into_iter().filter(|path| {
        Path::new(path).iter().any(|part| {
            let stem = Path::new(part).file_stem().unwrap_or(part).to_string_lossy().into_owned();
            BANNED_NAMES.contains(&stem.as_str())
        })
    });
    none(&banned.collect::<Vec<_>>(), "put the code where its caller lives, under a name that says what it is:");
}

#[test]
fn every_source_says_what_it_is_for() {
    let silent = rust_files().filter_map(|(path, text)| {
        let opening = prose(text.lines().map_while(|line| line.strip_prefix("//!")));
        // The front page of the SDK and of an example is a tenant's manual, not a note to a colleague.
        let manual = path.ends_with("src/lib.rs") && !path.starts_with("host/");
        (!(1..=8).contains(&opening) && !manual).then(|| format!("{path}: {opening} lines"))
    });
    none(
        &silent.collect::<Vec<_>>(),
        "open these files with one to five lines of `//!` (eight at most) that say what they are for:",
    );
}

/// How many lines are neither empty nor part of an example.
fn prose<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let mut in_example = false;
    let is_prose = |line: &&str| {
        let fence = line.trim_start().starts_with("```");
        in_example ^= fence;
        !in_example && !fence && !line.trim().is_empty()
    };
    lines.filter(is_prose).count()
}

#[test]
fn lints_are_expected_never_allowed() {
    let attribute = concat!("#[", "allow(");
    // What a macro writes into a tenant's crate cannot know which lints would have fired there.
    let ours = |path: &str| !path.starts_with("sdk/rust/macros/");
    let allowing = rust_files().filter(|(path, text)| ours(path) && text.contains(attribute)).map(|(path, _)| path);
    none(&allowing.collect::<Vec<_>>(), "use #[expect(…, reason = \"…\")]:");
}

#[test]
fn sql_lives_in_the_store() {
    let statements = ["SELECT ", "INSERT INTO ", "DELETE FROM "];
    let outside = rust_files().filter(|(path, text)| {
        !path.starts_with("host/store/")
            && !path.starts_with("tests/")
            && statements.iter().any(|word| text.contains(word))
    });
    none(&outside.map(|(path, _)| path).collect::<Vec<_>>(), "move these statements to host/store:");
}

#[test]
fn unsafe_code_has_one_place() {
    let expecting = rust_files().filter(|(path, text)| {
        path.starts_with("host/") && text.contains("expect(unsafe_code") && !path.starts_with("host/sandbox/src/")
    });
    none(&expecting.map(|(path, _)| path).collect::<Vec<_>>(), "only the sandbox loads precompiled code:");
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Put together here, so that this file does not find itself.
    let banned = [["/ho", "me/"], ["/ro", "ot/"], ["/wo", "rk/"], ["/tmp/", "bash_jobs"]].map(|parts| parts.concat());
    let text_of = |path: &String| std::fs::read_to_string(top().join(path)).ok();
    let findings = files()
        .into_iter()
        .filter(|path| !has_extension(path, "lock"))
        .filter(|path| text_of(path).is_some_and(|text| banned.iter().any(|place| names_place(&text, place))));
    none(&findings.collect::<Vec<_>>(), "these files name a place on one machine:");
}

/// Whether `text` names `place`, not merely a path that has such a folder further down.
fn names_place(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| !text[..at].ends_with(|before: char| before.is_alphanumeric()))
}
