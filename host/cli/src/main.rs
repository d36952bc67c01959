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
mod private_file;
#[cfg(test)]
mod reference;
mod runtime;
mod serve;
mod settings;
mod signals;
mod test_run;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, CleanArgs, Command, ConfigVerb, DatabaseVerb, DemoArgs};
use crate::settings::Settings;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(code) => code,
        Err(error) => errors::report(&error),
    }
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    let file = args.config.as_deref();
    match args.command {
        Command::Serve { flags } => serve::run(&Settings::of_process(flags, file)?)?,
        Command::Worker { flags } => worker::run(&Settings::of_process(flags, file)?)?,
        Command::Demo(DemoArgs { data_dir, modules, exit, flags }) => {
            let options = demo::Options { data_dir, modules, exit };
            demo::run(options, &Settings::of_process(flags, file)?)?;
        }
        Command::Test(args) => test_run::run(*args, file)?,
        Command::Db { verb: DatabaseVerb::Migrate(flags) } => db::migrate(&Settings::of_process(flags, file)?)?,
        Command::Db { verb: DatabaseVerb::Check(flags) } => db::check(&Settings::of_process(flags, file)?)?,
        Command::Db { verb: DatabaseVerb::Clean(CleanArgs { older_than, flags }) } => {
            db::clean(&Settings::of_process(flags, file)?, older_than)?;
        }
        Command::Config { verb: ConfigVerb::Show { output, flags } } => {
            config::show(&Settings::of_process(flags, file)?, output)?;
        }
        Command::CompileModule => return Ok(compile::run()),
        Command::Client(command) => client::run(*command)?,
    }
    Ok(ExitCode::SUCCESS)
}
