//! `flow-host`: parses the command line, hands it to the module that does the work, and turns the result into an exit code.

mod args;
mod client;
mod clock;
mod compile;
mod config;
mod data_dir;
mod database;
mod db;
mod errors;
mod init;
mod keys;
mod logging;
mod output;
mod reference;
mod runtime;
mod settings;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command, ConfigVerb, DatabaseVerb};
use crate::settings::{Settings, Taken};

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(code) => code,
        Err(error) => errors::report(&error),
    }
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    let file = args.config.as_deref();
    match args.command {
        Command::Db { verb: DatabaseVerb::Migrate(flags) } => db::migrate(&settings(flags, file)?)?,
        Command::Config { verb: ConfigVerb::Show { output, flags } } => config::show(&settings(flags, file)?, output)?,
        Command::CompileModule => return Ok(compile::run()),
        Command::Client(command) => client::run(command)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of this process: its flags, its environment, its file.
fn settings<T: Taken>(flags: settings::Flags<T>, file: Option<&std::path::Path>) -> Result<Settings, errors::Failure> {
    Settings::load(&flags.given(), &|name| std::env::var_os(name), file)
}
