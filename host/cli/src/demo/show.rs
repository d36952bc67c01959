//! What the demo prints when its runs have ended: every task's result, the report, and that tenants see only their own.

use anyhow::Result;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::member::{Member, Triggered};
use crate::client::{Call, at};
use crate::errors::Failure;
use crate::output::{Answer, Printer, print, text};

/// The longest result shown in a cell.
const CELL: usize = 60;

/// A run's tasks with their results, and its report if it has one.
pub(super) async fn run(printer: Printer, member: &Member, triggered: &Triggered) -> Result<()> {
    let Triggered { run, id } = triggered;
    let state = member.run(triggered).await?["state"].clone();
    let heading = format!("\n{} / {}: {}\n{}: {}\n", member.tenant.name, run.dag, run.about, id, text(&state));
    print(&heading)?;
    let mut rows = Vec::new();
    for task in member.tasks(triggered).await? {
        let name = task["task_id"].as_str().unwrap_or_default();
        let result = member.result(triggered, name).await?.unwrap_or_else(|| task["error_message"].clone());
        rows.push(json!({
            "task": name,
            "state": task["state"],
            "try": task["try_number"],
            "seconds": task["duration"].as_f64().map(|seconds| format!("{seconds:.3}")),
            "result": shorten(&text(&result)),
        }));
    }
    printer.show(&Answer::Rows(rows, &["task", "state", "try", "seconds", "result"]))?;
    if let Some((task, columns)) = run.report {
        let report = member.result(triggered, task).await?;
        let rows = report.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        print(&format!("\nthe result of `{task}`\n"))?;
        printer.show(&Answer::Rows(rows, columns))?;
    }
    Ok(print(&format!("{}\n", member.link(triggered)))?)
}

/// Lets one tenant ask for what is another's. Whatever is answered must be that there is no such thing.
pub(super) async fn isolation(printer: Printer, stranger: &Member, owner: &Member, runs: &[Triggered]) -> Result<()> {
    let variables = owner.tenant.variables.iter().map(|(key, _)| at!["variables", key]);
    let connections = owner.tenant.connections.iter().map(|(id, _)| at!["connections", id]);
    let runs = runs.iter().map(|triggered| at!["dags", triggered.run.dag, "dagRuns", triggered.id]);
    let mut rows = Vec::new();
    for path in variables.chain(connections).chain(runs) {
        let shown = path.join("/");
        let answer = stranger.client.answer_unless(Call::get(path), StatusCode::NOT_FOUND).await?;
        if answer.is_some() {
            let (stranger, owner) = (stranger.tenant.name, owner.tenant.name);
            return Err(Failure::failed(format!("{stranger} could read {shown} of {owner}")).into());
        }
        rows.push(json!({ "asks for": shown, "answer": "404 Not Found" }));
    }
    let (stranger, owner) = (stranger.tenant.name, owner.tenant.name);
    print(&format!("\n{stranger} asks for what is {owner}'s\n"))?;
    Ok(printer.show(&Answer::Rows(rows, &["asks for", "answer"]))?)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
