//! What the documents point at exists, and what they show is what there is.

use std::path::Path;

use crate::{none, top};

const PAGES: &[&str] = &[
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/CHANGELOG.md",
    "docs/DIFFERENCES.md",
    "docs/PERFORMANCE.md",
    "docs/TESTING.md",
    "docs/TRANSITIONS.md",
];

/// The texts between `begin` and `end`.
fn between<'t>(text: &'t str, begin: &'t str, end: char) -> impl Iterator<Item = &'t str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split_once(end).map(|(inside, _)| inside))
}

#[test]
fn links_and_paths_lead_somewhere() {
    let mut findings = Vec::new();
    for page in PAGES {
        let text = std::fs::read_to_string(top().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        let folder = Path::new(page).parent().expect("a page lies in a folder");
        for link in between(&text, "](", ')').filter(|link| !link.starts_with("http")) {
            if !top().join(folder).join(link).exists() {
                findings.push(format!("{page}: {link}"));
            }
        }
        let is_ours = |path: &&str| ["host/", "sdk/", "tests/", "wit/"].iter().any(|room| path.starts_with(room));
        for path in between(&text, "`", '`').filter(is_ours) {
            if !path.contains(' ') && !top().join(path).exists() {
                findings.push(format!("{page}: `{path}`"));
            }
        }
    }
    none(&findings, "these lead nowhere; say where the thing is now:");
}

#[test]
fn the_module_of_the_first_ten_minutes_is_the_one_that_init_writes() {
    let read = |path: &str| std::fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (page, template) = (read("README.md"), read("host/cli/template/src/lib.rs"));
    let (_, shown) = page.split_once("```rust\n").expect("the page shows a module");
    let (shown, _) = shown.split_once("```").expect("the block ends");
    assert!(template.replace("{{name}}", "my-flow").contains(shown), "show in README.md what the template holds now");
}
