//! The tables, as Markdown.

use std::fmt::Write as _;

use crate::course::Results;
use crate::figures::Figure;
use crate::plot::short;

/// A row of the table of figures.
struct Row {
    name: &'static str,
    title: &'static str,
    /// What we are after.
    after: &'static str,
    /// The figure that stands for the least it can be, or the most.
    floor: &'static str,
}

const fn row(name: &'static str, title: &'static str, after: &'static str, floor: &'static str) -> Row {
    Row { name, title, after, floor }
}

const ROWS: &[Row] = &[
    row(
        "throughput_tasks_per_s",
        "10 runs × 100 independent no-op tasks, tasks/s",
        "≥ 10,000 (SQLite), ≥ 5,000 (PostgreSQL)",
        "floor_throughput_tasks_per_s",
    ),
    row("chain10_ms", "chain of 10, trigger → run success, ms", "≤ 8, ≤ 16", "floor_chain10_ms"),
    row("fanout100_ms", "1 → 100 → 1, trigger → run success, ms", "≤ 25", "floor_fanout100_ms"),
    row("start_p50_ms", "trigger → first task started, p50, ms", "≤ 1", "floor_start_p50_ms"),
    row("start_p99_ms", "trigger → first task started, p99, ms", "≤ 3", "floor_start_p50_ms"),
    row("variable_get_us", "`variables.get` from a running task, µs", "≤ 20", "floor_variable_get_us"),
    row("parse200_ms", "upload of 200 DAGs of 10 tasks, compiled before → ready, ms", "≤ 300", "floor_parse200_ms"),
    row("upload_ms", "upload of a new component → its DAGs are ready, ms", "", ""),
    row("ready_ms", "start → ready, ms", "≤ 40", "floor_process_start_ms"),
    row("help_ms", "`flow-host --help`, ms", "≤ 5", "floor_process_start_ms"),
    row("idle_rss_mib", "idle memory, resident, MiB", "≤ 40", ""),
    row("idle_cpu_percent", "idle CPU, % of a core", "< 0.1", ""),
    row(
        "remote_throughput_tasks_per_s",
        "with a remote worker: 10 runs × 100 tasks, tasks/s",
        "",
        "floor_throughput_tasks_per_s",
    ),
    row("remote_chain10_ms", "with a remote worker: chain of 10, ms", "", "floor_chain10_ms"),
    row("remote_fanout100_ms", "with a remote worker: 1 → 100 → 1, ms", "", "floor_fanout100_ms"),
    row("remote_start_p50_ms", "with a remote worker: trigger → first task started, p50, ms", "", "floor_start_p50_ms"),
    row("remote_start_p99_ms", "with a remote worker: trigger → first task started, p99, ms", "", "floor_start_p50_ms"),
    row("remote_variable_get_us", "with a remote worker: `variables.get`, µs", "≤ 500", "floor_round_trip_us"),
    row("fairness_idle_p99_ms", "a run of one task every 100 ms, alone, p99, ms", "", ""),
    row("fairness_busy_p99_ms", "the same beside another tenant's queue, p99, ms", "", ""),
    row("fairness_ratio", "the ratio of these", "≤ 3", ""),
    row("fairness_queued_tasks", "tasks in that queue", "100,000", ""),
    row("fairness_measured_runs", "runs measured beside it", "", ""),
    row("sleeping_tasks", "attempts asleep at once", "10,000", ""),
    row("sleeping_rss_mib", "resident memory with them, MiB", "≤ 500", ""),
    row("deferred_tasks", "deferred tasks", "100,000", ""),
    row("deferred_per_s", "deferred tasks a second, on the way there", "", ""),
    row("deferred_rss_mib", "resident memory with them, MiB", "", ""),
    row("deferred_kib_each", "of which each takes, KiB", "", ""),
    row("followers", "idle followers of events", "10,000", ""),
    row("followers_rss_mib", "resident memory with them, MiB", "", ""),
    row("followers_kib_each", "of which each takes, KiB", "", ""),
    row("floor_commits_per_s", "floor: commits of one task each, /s", "", ""),
    row("floor_sandbox_calls_per_s", "floor: instantiations with a call each, /s", "", ""),
    row("floor_fdatasync_us", "floor: fdatasync, µs", "", ""),
];

/// The figures of all databases side by side, each with its floor and the ratio to it.
pub(super) fn workloads(results: &[Results]) -> String {
    let is_there = |row: &&Row| results.iter().any(|results| results.figures.get(row.name).is_some());
    let rows: Vec<&Row> = ROWS.iter().filter(is_there).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from("| what |");
    for results in results {
        let _ = write!(text, " {} | floor | ratio |", results.database.name());
    }
    let _ = writeln!(text, " after |\n|---|{}---|", "---|---|---|".repeat(results.len()));
    for row in rows {
        let _ = write!(text, "| {} |", row.title);
        for results in results {
            let (figure, floor) = (results.figures.get(row.name), results.figures.get(row.floor));
            let ratio = figure.zip(floor).and_then(|(figure, floor)| times(row.name, figure, floor));
            let cells =
                [figure.map(spread), floor.map(|floor| short(floor.median)), ratio].map(Option::unwrap_or_default);
            let _ = write!(text, " {} |", cells.join(" | "));
        }
        let _ = writeln!(text, " {} |", row.after);
    }
    text
}

/// The median, with the least and the most if there were several measurements.
fn spread(figure: &Figure) -> String {
    let Figure { median, min, max, .. } = figure;
    if min.total_cmp(max).is_eq() {
        short(*median)
    } else {
        format!("{} ({} to {})", short(*median), short(*min), short(*max))
    }
}

/// How many times worse than the floor, unless that is too low to be seen.
fn times(name: &str, figure: &Figure, floor: &Figure) -> Option<String> {
    let is_rate = name.ends_with("_per_s");
    let ratio = if is_rate { floor.median / figure.median } else { figure.median / floor.median };
    ratio.is_finite().then(|| format!("{}×", short(ratio)))
}

/// By what power of its size each thing grows.
pub(super) fn growth(results: &[Results]) -> String {
    let mut text = String::new();
    for results in results.iter().filter(|results| !results.growth.is_empty()) {
        let name = results.database.name();
        let _ = writeln!(text, "| growth on {name} | measured | exponent | at most |\n|---|---|---|---|");
        for series in &results.growth {
            let points = series.points.iter().map(|&(size, cost)| format!("{}: {}", short(size), short(cost)));
            let points = points.collect::<Vec<_>>().join(", ");
            let exponent = series.exponent().map_or_else(|| "–".to_owned(), |exponent| format!("{exponent:.2}"));
            let _ = writeln!(text, "| {} | {points} | {exponent} | {} |", series.title, series.limit);
        }
        text.push('\n');
    }
    text
}

/// Latency under growing load.
pub(super) fn curve(results: &[Results]) -> String {
    let mut text = String::new();
    for results in results.iter().filter(|results| !results.curve.is_empty()) {
        let name = results.database.name();
        let _ = writeln!(
            text,
            "| load on {name} | offered, tasks/s | done, tasks/s | due → started, p50, ms | p99 | finished → next \
             started, p50, ms | p99 |\n|---|---|---|---|---|---|---|"
        );
        for load in &results.curve {
            let (started, followed) = (load.started, load.followed);
            let figures = [load.offered, load.done, started.0, started.1, followed.0, followed.1].map(short);
            let _ = writeln!(text, "| {} % | {} |", load.percent, figures.join(" | "));
        }
        text.push('\n');
    }
    text
}

/// What is missing, and why.
pub(super) fn left_out(results: &[Results]) -> String {
    let mut text = String::new();
    for results in results {
        let name = results.database.name();
        for (what, list) in [("Left out for lack of time", &results.left_out), ("Failed", &results.failed)] {
            if !list.is_empty() {
                let _ = writeln!(text, "{what} on {name}: {}.", list.join("; "));
            }
        }
    }
    text
}
