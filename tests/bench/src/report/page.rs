//! The figures in `docs/PERFORMANCE.md`, with their plots beside it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::tables;
use crate::course::Results;
use crate::figures::Load;
use crate::form::Form;
use crate::plot::{Chart, sheet};

/// Replaces the figures in the documentation and draws the plots that it shows.
pub(crate) fn write_page(form: Form, results: &[Results]) {
    let mut text = tables(form, results);
    for (file, alt, charts) in [
        ("growth.svg", "Cost at growing sizes, both axes logarithmic", growth(results)),
        ("saturation.svg", "Latency under growing load", curve(results)),
    ] {
        if charts.is_empty() {
            continue;
        }
        let folder = docs().join("performance");
        std::fs::create_dir_all(&folder).expect("a folder for the plots");
        std::fs::write(folder.join(file), sheet(&charts, 2)).expect("a plot can be written");
        let _ = writeln!(text, "\n![{alt}](performance/{file})");
    }
    replace_block("figures", &text);
}

/// Replaces what stands between two marks of the page.
pub(crate) fn replace_block(name: &str, text: &str) {
    let file = docs().join("PERFORMANCE.md");
    let page = std::fs::read_to_string(&file).expect("docs/PERFORMANCE.md can be read");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (head, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("docs/PERFORMANCE.md has no mark {begin}"));
    let (_, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/PERFORMANCE.md has no mark {end}"));
    let page = format!("{head}{begin}{}\n{end}{tail}", text.trim_end());
    std::fs::write(&file, page).expect("docs/PERFORMANCE.md can be written");
}

/// One chart for each thing that grows, with a line for each database.
fn growth(results: &[Results]) -> Vec<Chart> {
    let mut charts: Vec<(&str, Chart)> = Vec::new();
    for results in results {
        for series in results.growth.iter().filter(|series| series.points.len() > 1) {
            let line = (results.database.name().to_owned(), series.points.clone());
            if let Some((_, chart)) = charts.iter_mut().find(|(name, _)| *name == series.name) {
                chart.lines.push(line);
            } else {
                charts.push((series.name, Chart { title: series.title.to_owned(), is_log: true, lines: vec![line] }));
            }
        }
    }
    charts.into_iter().map(|(_, chart)| chart).collect()
}

/// One chart for each database.
fn curve(results: &[Results]) -> Vec<Chart> {
    let measured = results.iter().filter(|results| !results.curve.is_empty());
    let chart = |results: &Results| {
        let line = |name: &str, of: fn(&Load) -> f64| {
            (name.to_owned(), results.curve.iter().map(|load| (load.offered, of(load))).collect())
        };
        let lines = vec![
            line("due → started, p50", |load| load.started.0),
            line("p99", |load| load.started.1),
            line("finished → next, p50", |load| load.followed.0),
            line("p99", |load| load.followed.1),
        ];
        let title = format!("{}: offered tasks/s → ms", results.database.name());
        Chart { title, is_log: false, lines }
    };
    measured.map(chart).collect()
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}
