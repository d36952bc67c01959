//! `flow-host xcoms`: what tasks handed on.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::EntryKey;

use super::call::Call;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use super::tasks::TaskArg;
use crate::output::Answer;

const XCOMS: List = List { entries: "xcom_entries", columns: &["key", "map_index", "timestamp"] };

/// What can be done with an XCom.
#[derive(Debug, Subcommand)]
pub(crate) enum Xcoms {
    /// List what a task instance handed on, by key
    List(ListArgs),
    /// Show the value of an XCom
    #[command(
        after_help = "Examples:\n  flow-host xcoms get etl first report\n  flow-host xcoms get etl first report rows -o json"
    )]
    Get(GetArgs),
}

/// Whose to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    task: TaskArg,
    #[command(flatten)]
    page: Page,
}

/// Which XCom to show.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    task: TaskArg,
    /// The XCom's key
    #[arg(value_name = "KEY", default_value = "return_value")]
    key: EntryKey,
}

impl Verb for Xcoms {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(ListArgs { task, page }) => {
                let call = Call::get(task.path_to(&["xcomEntries"])).with("map_index", task.map_index);
                session.list(XCOMS, call, &page).await
            }
            Self::Get(GetArgs { task, key }) => {
                let call = Call::get(task.path_to(&["xcomEntries", key.as_str()])).with("map_index", task.map_index);
                session.field(call, "value").await
            }
        }
    }
}
