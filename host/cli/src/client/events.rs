//! `flow-host events`: who did what, and, followed, what happens now.

use anyhow::Result;
use clap::Args;
use flow_model::ids::DagId;
use flow_model::rest::state_events::StateEvent;
use serde::Deserialize as _;
use serde_json::Value;

use super::call::{Call, at};
use super::listing::{List, Page};
use super::session::{Session, Verb};
use crate::output::{self, Answer, Format};

const EVENTS: List =
    List { entries: "event_logs", columns: &["when", "owner", "event", "dag_id", "run_id", "task_id", "extra"] };

/// Which events to show.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  flow-host events --dag etl\n  flow-host events --follow\n  flow-host events --follow -o json | jq ."
)]
pub(crate) struct Events {
    /// Instead of the audit log, show state changes as they happen, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Only of this DAG
    #[arg(long, value_name = "DAG")]
    dag: Option<DagId>,
    /// Only of this kind, such as `post_variable`
    #[arg(long, value_name = "NAME", conflicts_with = "follow")]
    event: Option<String>,
    /// Only what this member did
    #[arg(long, value_name = "NAME", conflicts_with = "follow")]
    owner: Option<String>,
    #[command(flatten)]
    page: Page,
}

impl Verb for Events {
    async fn run(self, session: &Session) -> Result<Answer> {
        if self.follow {
            return follow(session, self.dag.as_ref()).await;
        }
        let call =
            Call::get(at!["eventLogs"]).with("dag_id", self.dag).with("event", self.event).with("owner", self.owner);
        session.list(EVENTS, call, &self.page).await
    }
}

async fn follow(session: &Session, dag: Option<&DagId>) -> Result<Answer> {
    let mut lines = session.client.lines(Call::get(at!["events"]).with("dag_id", dag), "text/event-stream").await?;
    while let Some(line) = lines.next().await? {
        if let Some(event) = data(&line) {
            output::print(&(shown(&event, session.printer.format) + "\n"))?;
        }
    }
    Ok(Answer::Shown)
}

/// The JSON of a `data:` line of an event stream; its other lines say nothing here.
fn data(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?).ok()
}

/// One event on one line: what changed to which state for people, all of it for programs.
fn shown(event: &Value, format: Format) -> String {
    let separator = match format {
        Format::Json | Format::Yaml => return output::json_line(event),
        Format::Table => "  ",
        Format::Plain => "\t",
    };
    match StateEvent::deserialize(event) {
        Ok(StateEvent::DagRun { dag_id, dag_run_id, state, timestamp }) => {
            format!("{timestamp}{separator}{state}{separator}{dag_id}{separator}{dag_run_id}")
        }
        Ok(StateEvent::TaskInstance { dag_id, dag_run_id, task_id, map_index, state, timestamp, try_number: _ }) => {
            let index = if map_index < 0 { String::new() } else { format!("[{map_index}]") };
            format!(
                "{timestamp}{separator}{state}{separator}{dag_id}{separator}{dag_run_id}{separator}{task_id}{index}"
            )
        }
        // A newer server may tell of more than this program knows.
        Err(_) => output::json_line(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        for (line, expected) in [
            (
                r#"data: {"kind":"dag_run","dag_id":"etl","dag_run_id":"r","state":"running","timestamp":"2026-11-22T10:00:00Z"}"#,
                "2026-11-22T10:00:00Z  running  etl  r",
            ),
            (
                r#"data: {"kind":"task_instance","dag_id":"etl","dag_run_id":"r","task_id":"t","map_index":2,"try_number":1,"state":"failed","timestamp":"2026-11-22T10:00:00Z"}"#,
                "2026-11-22T10:00:00Z  failed  etl  r  t[2]",
            ),
            (r#"data: {"kind":"new","say":"\u001b"}"#, r#"{"kind":"new","say":"\u001b"}"#),
        ] {
            let event = data(line).expect("it is data");
            assert_eq!(shown(&event, Format::Table), expected);
            assert_eq!(shown(&event, Format::Json), event.to_string());
        }
        for silent in [": keep-alive", "event: state", ""] {
            assert_eq!(data(silent), None, "{silent:?}");
        }
    }
}
