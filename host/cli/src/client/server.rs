//! What the server tells about itself: its health, its jobs, what happened, why uploads were refused, its version.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::call::{Call, at};
use super::listing::{List, Page};
use super::session::{Session, Verb};
use crate::errors::Failure;
use crate::output::Answer;

const JOBS: List = List {
    entries: "jobs",
    columns: &["id", "job_type", "state", "hostname", "start_date", "latest_heartbeat", "end_date"],
};
const IMPORT_ERRORS: List =
    List { entries: "import_errors", columns: &["bundle_name", "filename", "timestamp", "stack_trace"] };

/// What can be asked about jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List the processes that schedule and work, with their last signs of life
    List(Page),
}

/// Why uploads were refused.
#[derive(Debug, Args)]
pub(crate) struct ImportErrors {
    #[command(flatten)]
    page: Page,
}

/// Whether the server's parts are healthy.
#[derive(Debug, Args)]
pub(crate) struct Health {}

/// Which version this program has, and which the server.
#[derive(Debug, Args)]
pub(crate) struct Version {}

impl Verb for Jobs {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(JOBS, Call::get(at!["jobs"]), &page).await,
        }
    }
}

impl Verb for ImportErrors {
    async fn run(self, session: &Session) -> Result<Answer> {
        import_errors(session, &self.page).await
    }
}

/// Lists why uploads were refused.
pub(super) async fn import_errors(session: &Session, page: &Page) -> Result<Answer> {
    session.list(IMPORT_ERRORS, Call::get(at!["importErrors"]), page).await
}

impl Verb for Health {
    async fn run(self, session: &Session) -> Result<Answer> {
        let health = session.client.answer(Call::get(at!["monitor", "health"])).await?;
        let sick = unhealthy(&health);
        if sick.is_empty() {
            return Ok(Answer::Object(health, &[]));
        }
        session.printer.show(&Answer::Object(health, &[]))?;
        Err(Failure::failed(format!("not healthy: {}", sick.join(", "))).into())
    }
}

/// The parts that say that they are not healthy. A part that is not used has no status.
fn unhealthy(health: &Value) -> Vec<String> {
    let parts = health.as_object().into_iter().flatten();
    parts
        .filter(|(_, part)| part.get("status").is_some_and(|status| status == "unhealthy"))
        .map(|(name, _)| name.clone())
        .collect()
}

impl Verb for Version {
    async fn run(self, session: &Session) -> Result<Answer> {
        // Which version this is must be known without a server, too.
        let server = session.client.answer(Call::get(at!["version"])).await;
        let server = server.ok().and_then(|said| said.get("version").cloned());
        Ok(Answer::Object(json!({ "client": env!("CARGO_PKG_VERSION"), "server": server }), &[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_is_unhealthy() {
        let health = json!({"scheduler": {"status": "unhealthy"}, "metadatabase": {"status": "healthy"}, "triggerer": {"status": null}});
        assert_eq!(unhealthy(&health), ["scheduler"]);
    }
}
