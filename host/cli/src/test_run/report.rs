//! What `flow-host test` prints: every task with its result, the logs of those that failed, and what was expected.

use std::time::Duration;

use anyhow::Result;
use flow_model::rest::logs::LogMessage;
use flow_model::state::TaskInstanceState;
use serde_json::{Value, json};

use super::outcome::{Outcome, Played};
use super::span::Span;
use super::verdict::Verdict;
use crate::client::shown_log_line;
use crate::output::{Answer, Columns, Format, Printer, print, visible};

const TASKS: Columns = &["task", "state", "try", "seconds", "result"];
const VERDICTS: Columns = &["expectation", "found"];
/// The longest text in a cell.
const CELL: usize = 80;
/// The longest line that says what is not as expected.
const LINE: usize = 400;
/// How many lines of a log are shown, its last ones.
const LINES: usize = 200;

/// Shows what came of a run.
pub(super) fn show(printer: Printer, outcome: &Outcome, verdicts: &[Verdict]) -> Result<()> {
    if matches!(printer.format, Format::Json | Format::Yaml) {
        return Ok(printer.show(&Answer::Object(whole(outcome, verdicts), &[]))?);
    }
    let lines = printer.format == Format::Plain;
    if !lines {
        print(&heading(outcome))?;
    }
    printer.show(&Answer::Rows(outcome.tasks.iter().map(|task| row(task, lines)).collect(), TASKS))?;
    print("\n")?;
    printer.show(&Answer::Rows(verdicts.iter().map(verdict_row).collect(), VERDICTS))?;
    for task in outcome.tasks.iter().filter(|task| task.state() == TaskInstanceState::Failed) {
        print(&log(task)?)?;
    }
    Ok(())
}

/// One line about the run.
fn heading(outcome: &Outcome) -> String {
    let Outcome { run, own_time, real_time, .. } = outcome;
    let (own, real) = (Span(*own_time), Span(*real_time));
    let (dag, id, state) = (&run.dag_id, &run.dag_run_id, run.state);
    format!("{dag} {id}: {state} after {own} of its own time and {real} of yours\n\n")
}

/// A task instance in a table; programs get its result whole.
fn row(task: &Played, whole: bool) -> Value {
    let last = &task.instance.last_try;
    let result = match (&task.result, &last.error_message) {
        (_, Some(message)) => message.clone(),
        (Some(value), None) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        (None, None) => String::new(),
    };
    json!({
        "task": task.name(),
        "state": task.state(),
        "try": last.try_number,
        "seconds": last.duration.map(|seconds| format!("{seconds:.1}")),
        "result": if whole { result } else { shorten(&result, CELL) },
    })
}

fn verdict_row(verdict: &Verdict) -> Value {
    let found = verdict.surprise.as_deref().map_or_else(|| "as expected".to_owned(), |found| shorten(found, CELL));
    json!({ "expectation": shorten(&verdict.expected, CELL), "found": found })
}

fn shorten(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The last lines of what a task instance logged, with a heading.
pub(super) fn log(task: &Played) -> Result<String> {
    if task.log.is_empty() {
        return Ok(String::new());
    }
    let heading = format!("\nthe log of {}, try {}\n", visible(&task.name()), task.instance.last_try.try_number);
    Ok(heading + &last_lines(&task.log)?)
}

/// The last lines of a log as people read them.
pub(super) fn last_lines(log: &[LogMessage]) -> Result<String> {
    let left_out = log.len().saturating_sub(LINES);
    let mut out = if left_out > 0 { format!("… {left_out} earlier lines\n") } else { String::new() };
    for line in &log[left_out..] {
        out = out + &shown_log_line(&serde_json::to_string(line)?, Format::Table) + "\n";
    }
    Ok(out)
}

/// Everything, for programs.
fn whole(outcome: &Outcome, verdicts: &[Verdict]) -> Value {
    let seconds = |span: Duration| (span.as_secs_f64() * 1_000.0).round() / 1_000.0;
    let task = |task: &Played| {
        let last = &task.instance.last_try;
        json!({
            "task_id": task.task(),
            "map_index": last.map_index,
            "state": task.state(),
            "try_number": last.try_number,
            "start_date": last.start_date,
            "end_date": last.end_date,
            "duration": last.duration,
            "return_value": task.result,
            "error_class": last.error_class,
            "error_message": last.error_message,
            "log": task.log,
        })
    };
    let verdict = |verdict: &Verdict| {
        json!({
            "expectation": verdict.expected,
            "met": verdict.surprise.is_none(),
            "found": verdict.surprise,
        })
    };
    json!({
        "dag_id": outcome.run.dag_id,
        "dag_run_id": outcome.run.dag_run_id,
        "state": outcome.run.state,
        "logical_date": outcome.run.logical_date,
        "own_seconds": seconds(outcome.own_time),
        "real_seconds": seconds(outcome.real_time),
        "task_instances": outcome.tasks.iter().map(task).collect::<Vec<_>>(),
        "expectations": verdicts.iter().map(verdict).collect::<Vec<_>>(),
    })
}

/// What is not as expected, for the last line.
pub(super) fn summary(verdicts: &[Verdict]) -> Option<String> {
    let surprises: Vec<String> = verdicts
        .iter()
        .filter_map(|verdict| Some(format!("{}, but {}", verdict.expected, verdict.surprise.as_deref()?)))
        .collect();
    match surprises.as_slice() {
        [] => None,
        [one] => Some(format!("not as expected: {}", visible(&shorten(one, LINE)))),
        several => Some(format!("{} of {} expectations were not met", several.len(), verdicts.len())),
    }
}
