//! `flow-host modules`: uploaded components and their versions.

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::ids::ModuleName;
use flow_model::rest::modules::RollbackBody;
use serde_json::Value;

use super::call::{Call, at};
use super::input;
use super::listing::{List, Page};
use super::session::{Session, Verb};
use crate::output::{Answer, Columns};

const MODULES: List =
    List { entries: "modules", columns: &["name", "version", "dags", "size", "updated_at", "import_error"] };
const VERSIONS: List = List {
    entries: "versions",
    columns: &["version", "is_current", "state", "size", "created_at", "uploaded_by", "error"],
};

const MODULE: Columns = &[
    "name",
    "version",
    "last_version",
    "dags",
    "import_error",
    "digest",
    "size",
    "compile_ms",
    "uses",
    "exports",
    "imports",
    "created_at",
    "updated_at",
];

/// What can be done with modules.
#[derive(Debug, Subcommand)]
pub(crate) enum Modules {
    /// List modules
    List(Page),
    /// Show one module: what it imports, exports and uses
    Get(NameArg),
    /// List the versions of a module
    Versions {
        #[command(flatten)]
        module: NameArg,
        #[command(flatten)]
        page: Page,
    },
    /// Run an earlier version of a module again
    #[command(after_help = "Examples:\n  flow-host modules rollback etl\n  flow-host modules rollback etl --version 3")]
    #[command(disable_version_flag = true)]
    Rollback {
        #[command(flatten)]
        module: NameArg,
        /// Which version; the newest accepted one before the current one if left out
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// Delete a module with its versions and DAGs
    Delete {
        #[command(flatten)]
        module: NameArg,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// A module.
#[derive(Debug, Args)]
pub(crate) struct NameArg {
    /// The module's name
    #[arg(value_name = "NAME")]
    name: ModuleName,
}

impl Verb for Modules {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(MODULES, Call::get(at!["modules"]), &page).await,
            Self::Get(NameArg { name }) => session.object(Call::get(at!["modules", name]), MODULE).await,
            Self::Versions { module: NameArg { name }, page } => {
                session.list(VERSIONS, Call::get(at!["modules", name, "versions"]), &page).await
            }
            Self::Rollback { module: NameArg { name }, version } => {
                let call = Call::post(at!["modules", name, "rollback"], RollbackBody { version });
                let whole = session.client.answer(call).await?;
                let now = whole.get("version").map(Value::to_string).unwrap_or_default();
                Ok(Answer::Done(format!("module `{name}` runs version {now}"), whole))
            }
            Self::Delete { module: NameArg { name }, yes } => {
                input::confirm(&format!("Delete module `{name}` with its versions and DAGs?"), yes)?;
                session.done(Call::delete(at!["modules", name]), format!("deleted module `{name}`")).await
            }
        }
    }
}
