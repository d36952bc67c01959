//! Commands that talk to a server, or that help those who do.

mod assets;
mod backfill;
mod call;
mod clearing;
mod connections;
mod dags;
mod events;
mod export;
mod http;
pub(crate) mod input;
mod listing;
mod login;
mod logs;
mod marking;
mod modules;
mod pools;
mod profile;
mod questions;
mod runs;
mod server;
mod session;
mod tasks;
mod tenants;
mod tokens;
mod upload;
mod users;
mod variables;
mod wait;
mod xcoms;

use std::path::PathBuf;

use anyhow::Result;
use clap::{CommandFactory as _, Subcommand};
use clap_complete::Shell;

pub(crate) use self::call::{Call, at, instant};
pub(crate) use self::connections::parse as parse_connections;
pub(crate) use self::http::Client;
pub(crate) use self::logs::shown as shown_log_line;
use self::session::{Group, Single};
pub(crate) use self::variables::parse as parse_variables;
use crate::args::Args;
use crate::output;

/// The client's commands, side by side with the operator's.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Start a crate with a DAG in it, ready to build and upload
    #[command(
        after_help = "Example:\n  flow-host init my-flow\n  cd my-flow && cargo build --release --target wasm32-wasip2"
    )]
    Init {
        /// The crate's name, and the folder to make
        #[arg(value_name = "NAME")]
        path: PathBuf,
    },
    /// Log in to a server and remember the token
    Login(Single<login::LoginArgs>),
    /// Forget the token
    Logout(Single<login::LogoutArgs>),
    /// Upload a component: its DAGs run from then on
    Upload(Single<upload::UploadArgs>),
    /// Uploaded components and their versions
    Modules(Group<modules::Modules>),
    /// DAGs: list, trigger, pause
    Dags(Group<dags::Dags>),
    /// Runs of DAGs: list, wait, cancel, run again
    Runs(Group<runs::Runs>),
    /// Tasks of runs: states, tries, logs, questions, run again
    Tasks(Group<tasks::Tasks>),
    /// Runs of a DAG for a range of dates
    Backfill(Group<backfill::Backfill>),
    /// Data that tasks update and that DAGs run for
    Assets(Group<assets::Assets>),
    /// What tasks handed on
    Xcoms(Group<xcoms::Xcoms>),
    /// Values that DAGs read
    Variables(Group<variables::Variables>),
    /// Where other systems are and how to log in there
    Connections(Group<connections::Connections>),
    /// How many slots tasks share
    Pools(Group<pools::Pools>),
    /// The members of your tenant
    Users(Group<users::Users>),
    /// Tokens for programs and workers
    Tokens(Group<tokens::Tokens>),
    /// The platform's tenants
    Tenants(Group<tenants::Tenants>),
    /// Who did what, and what happens now
    Events(Single<events::Events>),
    /// Why uploads were refused
    ImportErrors(Single<server::ImportErrors>),
    /// The processes that schedule and work
    Jobs(Group<server::Jobs>),
    /// Whether the server is healthy; the exit code is 1 if it is not
    Health(Single<server::Health>),
    /// The version of this program and of the server
    Version(Single<server::Version>),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  flow-host completions bash > /etc/bash_completion.d/flow-host")]
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// Does what the command says.
pub(crate) fn run(command: ClientCommand) -> Result<()> {
    match command {
        ClientCommand::Init { path } => crate::init::run(&path),
        ClientCommand::Login(single) => single.start(),
        ClientCommand::Logout(single) => single.start(),
        ClientCommand::Upload(single) => single.start(),
        ClientCommand::Modules(group) => group.start(),
        ClientCommand::Dags(group) => group.start(),
        ClientCommand::Runs(group) => group.start(),
        ClientCommand::Tasks(group) => group.start(),
        ClientCommand::Backfill(group) => group.start(),
        ClientCommand::Assets(group) => group.start(),
        ClientCommand::Xcoms(group) => group.start(),
        ClientCommand::Variables(group) => group.start(),
        ClientCommand::Connections(group) => group.start(),
        ClientCommand::Pools(group) => group.start(),
        ClientCommand::Users(group) => group.start(),
        ClientCommand::Tokens(group) => group.start(),
        ClientCommand::Tenants(group) => group.start(),
        ClientCommand::Events(single) => single.start(),
        ClientCommand::ImportErrors(single) => single.start(),
        ClientCommand::Jobs(group) => group.start(),
        ClientCommand::Health(single) => single.start(),
        ClientCommand::Version(single) => single.start(),
        ClientCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "flow-host", &mut script);
            Ok(output::print(&String::from_utf8(script)?)?)
        }
    }
}
