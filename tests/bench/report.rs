//! The figures as a table, as JSON and as a page of the documentation.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::figures::Figures;

/// What the figures are called, in what unit, and what we are after, as `docs/PERFORMANCE.md` explains.
const ROWS: &[(&str, &str, &str)] = &[
    (
        "throughput_tasks_per_s",
        "10 runs × 100 independent no-op tasks, tasks/s",
        "≥ 10,000 (SQLite), ≥ 5,000 (PostgreSQL)",
    ),
    ("chain10_ms", "chain of 10, trigger → run success, ms", "≤ 8, ≤ 16"),
    ("fanout100_ms", "1 → 100 → 1, trigger → run success, ms", "≤ 25"),
    ("start_p50_ms", "trigger → first task started, p50, ms", "≤ 1"),
    ("start_p99_ms", "trigger → first task started, p99, ms", "≤ 3"),
    ("variable_get_us", "`variables.get` from a running task, µs", "≤ 20"),
    ("upload_ms", "upload of a new component → its DAGs are ready, ms", ""),
    ("ready_ms", "start → ready, ms", "≤ 40"),
    ("idle_rss_mib", "idle memory, resident, MiB", "≤ 40"),
    ("idle_cpu_percent", "idle CPU, % of a core", "< 0.1"),
    ("help_ms", "`flow-host --help`, ms", "≤ 5"),
];

/// The figures of all databases side by side, as Markdown.
pub(crate) fn table(results: &[(&str, Figures)]) -> String {
    let mut text = "| what |".to_owned();
    for (name, _) in results {
        let _ = write!(text, " {name} |");
    }
    let _ = writeln!(text, " after |\n|---|{}---|", "---|".repeat(results.len()));
    for (name, title, target) in ROWS {
        let _ = write!(text, "| {title} |");
        for (_, figures) in results {
            let cell = figures.0.iter().find(|figure| figure.name == *name).map_or_else(String::new, |figure| {
                format!("{} ({} to {})", short(figure.median), short(figure.min), short(figure.max))
            });
            let _ = write!(text, " {cell} |");
        }
        let _ = writeln!(text, " {target} |");
    }
    text
}

/// Three digits that matter.
fn short(figure: f64) -> String {
    if figure >= 100.0 {
        format!("{figure:.0}")
    } else if figure >= 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.2}")
    }
}

/// Writes the figures for programs.
pub(crate) fn write_json(file: &Path, results: &[(&str, Figures)]) {
    let mut object = Map::from_iter([("machine".to_owned(), json!(machine()))]);
    object.extend(results.iter().map(|(name, figures)| ((*name).to_owned(), figures.to_json())));
    std::fs::write(file, format!("{:#}\n", Value::Object(object))).expect("the figures can be written");
}

/// Replaces the table in the documentation, between its two marks.
pub(crate) fn write_page(results: &[(&str, Figures)]) {
    const BEGIN: &str = "<!-- figures -->\n";
    const END: &str = "<!-- end of figures -->";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PERFORMANCE.md");
    let page = std::fs::read_to_string(&file).expect("docs/PERFORMANCE.md can be read");
    let (head, rest) = page.split_once(BEGIN).expect("the page marks where the figures begin");
    let (_, tail) = rest.split_once(END).expect("the page marks where the figures end");
    let figures = format!("{BEGIN}{}\n\n{}{END}", machine(), table(results));
    std::fs::write(&file, format!("{head}{figures}{tail}")).expect("docs/PERFORMANCE.md can be written");
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    format!("{cores} cores, {}", model.trim_start_matches(['\t', ' ', ':']))
}
