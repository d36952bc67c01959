//! `flow-host`: parses the command line, hands it to the module that does the work, and turns the result into an exit code.

mod args;
mod client;
mod clock;
mod compile;
mod config;
mod data_dir;
mod database;
mod db;
mod demo;
mod errors;
mod host;
mod init;
mod keys;
mod logging;
mod output;
mod reference;
mod runtime;
mod serve;
mod settings;
mod signals;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command, ConfigVerb, DatabaseVerb, DemoArgs};
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
        Command::Serve { flags } => serve::run(&settings(flags, file)?)?,
        Command::Worker { flags } => worker::run(&settings(flags, file)?)?,
        Command::Demo(DemoArgs { data_dir, modules, exit, flags }) => {
            let options = demo::Options { data_dir, modules, exit };
            demo::run(options, &settings(flags, file)?)?;
        }
        Command::Db { verb: DatabaseVerb::Migrate(flags) } => db::migrate(&settings(flags, file)?)?,
        Command::Db { verb: DatabaseVerb::Check(flags) } => db::check(&settings(flags, file)?)?,
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
