//! `flow-host`: parses the command line, hands it to the module that does the work, and turns the result into an exit code.

mod args;
mod client;
mod errors;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => errors::report(&error),
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::CompileModule(_) => Ok(()),
        Command::Client(command) => client_runtime()?.block_on(client::run(command)),
    }
}

/// One thread is plenty for a client, and starts at once.
fn client_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
