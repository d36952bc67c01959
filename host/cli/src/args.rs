//! The command line: what can be typed. What it does is in the modules that `main` hands it to.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::client::ClientCommand;

/// A WebAssembly-sandboxed, multi-tenant task runtime.
#[derive(Debug, Parser)]
#[command(name = "flow-host", version, about, after_help = EXAMPLES, propagate_version = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// A TOML file with settings; flags and FLOW_HOST_… variables go before it [env: FLOW_HOST_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  flow-host demo                                  see it work: two tenants, real data, no setup
  flow-host serve                                 run the host on 127.0.0.1:8080 with its data in ./flow-data
  flow-host serve --database-url postgres://…     the same on PostgreSQL
  flow-host worker --server http://host:8080 --token-file worker.token
  flow-host init my-flow && flow-host upload my-flow.wasm";

/// Everything that `flow-host` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile one component and exit: the child process that the host starts for every upload.
    #[command(hide = true)]
    CompileModule(CompileArgs),
    /// Talk to a server.
    #[command(flatten)]
    Client(ClientCommand),
}

/// What the parent process hands to the compiling child.
#[derive(Debug, ClapArgs)]
pub(crate) struct CompileArgs {}
