//! `flow-host events`: who did what, and, followed, what happens now.

use anyhow::Result;
use clap::Args;
use flow_model::ids::DagId;
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

/// One event on one line: its values in the server's order for people, all of it for programs.
fn shown(event: &Value, format: Format) -> String {
    match (format, event) {
        (Format::Json | Format::Yaml, _) => output::json_line(event),
        (Format::Table | Format::Plain, Value::Object(fields)) => {
            let separator = if format == Format::Plain { "\t" } else { "  " };
            let known = ["when", "dag_id", "run_id", "task_id", "map_index", "state"];
            let values = known.iter().filter_map(|name| fields.get(*name)).filter(|value| !value.is_null());
            values.map(output::text).collect::<Vec<_>>().join(separator)
        }
        (Format::Table | Format::Plain, other) => output::text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        let event =
            data(r#"data: {"dag_id":"etl","run_id":"r","task_id":null,"state":"run\u001bning"}"#).expect("it is data");
        assert_eq!(shown(&event, Format::Table), "etl  r  run\\u{1b}ning");
        assert_eq!(shown(&event, Format::Plain), "etl\tr\trun\\u{1b}ning");
        assert_eq!(data(": keep-alive"), None);
        assert_eq!(data("event: state"), None);
    }
}
