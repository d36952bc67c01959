//! The command line: what can be typed. What it does is in the modules that `main` hands it to.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::client::ClientCommand;
use crate::output::Format;
use crate::settings::{Flags, ForAll, ForDatabase, ForDemo, ForServe, ForWorker};
use crate::test_run::TestArgs;

/// A WebAssembly-sandboxed, multi-tenant task runtime
#[derive(Debug, Parser)]
#[command(name = "flow-host", version, about, after_help = EXAMPLES, propagate_version = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// A TOML file with settings; flags and environment variables go before it
    #[arg(long, global = true, value_name = "FILE", env = "FLOW_HOST_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  flow-host demo                                  see it work: two tenants, real data, no setup
  flow-host serve                                 run the host on 127.0.0.1:8080, its data in ./flow-data
  flow-host serve --database-url postgres://…     the same on PostgreSQL
  flow-host worker --server http://host:8080 --token-file worker.token
  flow-host init my-flow                          start a crate of your own
  flow-host test my_flow.wasm my-flow             run its DAG at once, without a server
  flow-host upload my_flow.wasm                   its DAGs run from then on";

/// Everything that `flow-host` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the host: control plane, API and workers in one process
    #[command(
        after_help = "Examples:\n  flow-host serve --listen 0.0.0.0:8080 --data-dir /var/lib/flow-host\n  flow-host serve --workers 0 --database-url postgres://flow@db/flow"
    )]
    Serve {
        /// Settings.
        #[command(flatten)]
        flags: Flags<ForServe>,
    },
    /// Run tasks for a control plane elsewhere, over HTTP or on its database
    #[command(
        after_help = "Examples:\n  flow-host worker --server https://flows.example.com --token-file worker.token\n  flow-host worker --database-url postgres://flow@db/flow --master-key-file master-key"
    )]
    Worker {
        /// Settings.
        #[command(flatten)]
        flags: Flags<ForWorker>,
    },
    /// See it work: two tenants, the example modules, real data, results
    #[command(after_help = "Examples:\n  flow-host demo\n  flow-host demo --exit --data-dir ./demo-data")]
    Demo(DemoArgs),
    /// Run a DAG of a component in memory and check what comes of it, its waits skipped; no server needed
    Test(Box<TestArgs>),
    /// The database: bring it up to date, look after it
    Db {
        /// What to do with it.
        #[command(subcommand)]
        verb: DatabaseVerb,
    },
    /// Settings
    Config {
        /// What to do with them.
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Compile one component and exit: the child process that the host starts for every upload
    #[command(hide = true)]
    CompileModule,
    /// Talk to a server.
    #[command(flatten)]
    Client(Box<ClientCommand>),
}

/// What the demo can be told.
#[derive(Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Where to keep its data; a directory that is removed at the end if left out
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the example modules are; `make guests` builds them
    #[arg(long, value_name = "DIR", default_value = "guest-examples/target/wasm32-wasip2/release")]
    pub(crate) modules: PathBuf,
    /// End when the runs have ended, even on a terminal
    #[arg(long)]
    pub(crate) exit: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) flags: Flags<ForDemo>,
}

/// What can be done with the database.
#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseVerb {
    /// Bring the schema up to date; `serve` does so by itself
    Migrate(Flags<ForDatabase>),
    /// Say whether the database can be reached, is sound and up to date
    Check(Flags<ForDatabase>),
    /// Remove runs that ended long ago, with their logs and results, jobs that did, and expired tokens
    #[command(after_help = "Example:\n  flow-host db clean --older-than 90")]
    Clean(CleanArgs),
}

/// What to remove.
#[derive(Debug, ClapArgs)]
pub(crate) struct CleanArgs {
    /// How many days ago a run must have ended
    #[arg(long, value_name = "DAYS")]
    pub(crate) older_than: u32,
    /// Settings.
    #[command(flatten)]
    pub(crate) flags: Flags<ForDatabase>,
}

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Show every setting, its value, and where it came from; secrets are masked
    Show {
        /// The form to show them in
        #[arg(short, long, value_name = "FORMAT", default_value = "table", value_enum)]
        output: Format,
        /// Settings.
        #[command(flatten)]
        flags: Flags<ForAll>,
    },
}
