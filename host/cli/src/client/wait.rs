//! Waiting for a run: its state while it lasts, and at its end what failed, with an exit code that says whether all went well.

use std::time::Duration;

use anyhow::Result;
use flow_model::ids::{DagId, RunId};
use flow_model::state::RunState;
use serde_json::Value;

use super::call::{Call, at};
use super::listing::Page;
use super::runs::RUN;
use super::session::Session;
use crate::errors::Failure;
use crate::output::{Answer, Progress, visible};

/// How long to leave a server alone that stopped telling.
const AGAIN: Duration = Duration::from_secs(1);

/// Shows a run that the server has just made; if somebody waits for it, once it has ended.
pub(crate) async fn made(session: &Session, dag: &DagId, run: Value, wait: bool) -> Result<Answer> {
    if !wait {
        return Ok(Answer::Object(run, RUN));
    }
    let id = run.get("dag_run_id").and_then(Value::as_str).unwrap_or_default();
    let id: RunId = id.parse().map_err(|_| Failure::failed("the server's answer has no `dag_run_id`"))?;
    until_ended(session, dag, &id).await
}

/// Waits until the run has ended and shows it. A run that failed is a failure of the command.
pub(crate) async fn until_ended(session: &Session, dag: &DagId, run: &RunId) -> Result<Answer> {
    let progress = Progress::spinner(session.printer.look);
    let ended = loop {
        follow(session, dag, run, &progress).await?;
        let shown = session.client.answer(Call::get(at!["dags", dag, "dagRuns", run])).await?;
        match state_of(&shown) {
            Some(RunState::Success) => break Ok(shown),
            Some(RunState::Failed) => break Err(shown),
            // The server ended the stream before the run: it is shutting down, or has been asked long enough.
            Some(RunState::Queued | RunState::Running) | None => tokio::time::sleep(AGAIN).await,
        }
    };
    drop(progress);
    match ended {
        Ok(shown) => Ok(Answer::Object(shown, RUN)),
        Err(shown) => {
            session.printer.show(&Answer::Object(shown, RUN))?;
            Err(why(session, dag, run).await.into())
        }
    }
}

/// Says each state that the run comes to, until the server ends the stream.
async fn follow(session: &Session, dag: &DagId, run: &RunId, progress: &Progress) -> Result<()> {
    let call = Call::get(at!["dags", dag, "dagRuns", run, "wait"]).with("interval", Some(1));
    let mut lines = session.client.lines(call, "application/x-ndjson").await?;
    let mut last = None;
    while let Some(line) = lines.next().await? {
        let state = serde_json::from_str(&line).ok().as_ref().and_then(state_of);
        if state.is_some() && state != last {
            last = state;
            progress.say(&format!("run `{run}` of DAG `{dag}`: {}", last.map_or("", RunState::as_str)));
        }
    }
    Ok(())
}

fn state_of(run: &Value) -> Option<RunState> {
    run.get("state").and_then(Value::as_str).and_then(RunState::from_name)
}

/// The failure of a run that failed, with the tasks that did and how to see why.
async fn why(session: &Session, dag: &DagId, run: &RunId) -> Failure {
    let call = Call::get(at!["dags", dag, "dagRuns", run, "taskInstances"]).with("state", Some("failed"));
    let page = Page { limit: 5, ..Page::ALL };
    let failed = session.entries("task_instances", call, &page).await.map(|(rows, _)| rows).unwrap_or_default();
    let names: Vec<&str> = failed.iter().filter_map(|task| task.get("task_id")?.as_str()).collect();
    let failure = |tasks: &str| Failure::failed(format!("run `{run}` of DAG `{dag}` failed{tasks}"));
    match names.first() {
        None => failure(""),
        Some(first) => failure(&format!(" in {}", visible(&names.join(", "))))
            .hint(format!("see why with `flow-host tasks logs {dag} {run} {}`", visible(first))),
    }
}
