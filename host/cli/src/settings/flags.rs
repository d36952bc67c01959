//! Settings as flags of a command, made from the table, so that neither can say what the other does not.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::table::{self, Setting};

/// The settings that one command takes.
pub(crate) trait Taken {
    /// Which.
    const SETTINGS: &'static [&'static Setting];
}

/// The settings that were given as flags, as they were typed, by key.
#[derive(Debug)]
pub(crate) struct Flags<T> {
    given: BTreeMap<&'static str, String>,
    taken: PhantomData<T>,
}

impl<T> Flags<T> {
    /// What was typed, by key.
    pub(crate) fn given(self) -> BTreeMap<&'static str, String> {
        self.given
    }
}

impl<T: Taken> Args for Flags<T> {
    fn augment_args(command: Command) -> Command {
        T::SETTINGS.iter().fold(command, |command, setting| match setting.flag {
            Some(flag) => command.arg(Arg::new(setting.key).long(flag).value_name(setting.value).help(help(setting))),
            None => command,
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Taken> FromArgMatches for Flags<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = |setting: &&'static Setting| {
            let text: Option<&String> = matches.try_get_one(setting.key).ok()?;
            Some((setting.key, text?.clone()))
        };
        Ok(Self { given: T::SETTINGS.iter().filter_map(typed).collect(), taken: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.given.extend(Self::from_arg_matches(matches)?.given);
        Ok(())
    }
}

fn help(setting: &Setting) -> String {
    let variable = setting.variable();
    match setting.default.shown() {
        Some(default) => format!("{} [env: {variable}] [default: {default}]", setting.help),
        None => format!("{} [env: {variable}]", setting.help),
    }
}

/// `serve`
#[derive(Debug)]
pub(crate) struct ForServe;

impl Taken for ForServe {
    const SETTINGS: &'static [&'static Setting] = &[
        &table::LISTEN,
        &table::DATA_DIR,
        &table::DATABASE_URL,
        &table::DATABASE_CONNECTIONS,
        &table::WORKERS,
        &table::DRAIN_SECONDS,
        &table::ALLOWED_NETWORKS,
        &table::ATTEMPT_CPU_SECONDS,
        &table::ATTEMPT_SECONDS,
        &table::ATTEMPT_MEMORY_MIB,
        &table::ATTEMPT_LOG_KIB,
        &table::MASTER_KEY_FILE,
        &table::LOG,
        &table::LOG_FORMAT,
    ];
}

/// `worker`
#[derive(Debug)]
pub(crate) struct ForWorker;

impl Taken for ForWorker {
    const SETTINGS: &'static [&'static Setting] = &[
        &table::SERVER,
        &table::TOKEN_FILE,
        &table::DATABASE_URL,
        &table::DATABASE_CONNECTIONS,
        &table::CONCURRENCY,
        &table::DATA_DIR,
        &table::DRAIN_SECONDS,
        &table::ALLOWED_NETWORKS,
        &table::ATTEMPT_CPU_SECONDS,
        &table::ATTEMPT_SECONDS,
        &table::ATTEMPT_MEMORY_MIB,
        &table::ATTEMPT_LOG_KIB,
        &table::MASTER_KEY_FILE,
        &table::LOG,
        &table::LOG_FORMAT,
    ];
}

/// `demo`
#[derive(Debug)]
pub(crate) struct ForDemo;

impl Taken for ForDemo {
    const SETTINGS: &'static [&'static Setting] = &[&table::WORKERS, &table::LOG, &table::LOG_FORMAT];
}

/// `test`
#[derive(Debug)]
pub(crate) struct ForTest;

impl Taken for ForTest {
    const SETTINGS: &'static [&'static Setting] = &[
        &table::CONCURRENCY,
        &table::ALLOWED_NETWORKS,
        &table::ATTEMPT_CPU_SECONDS,
        &table::ATTEMPT_SECONDS,
        &table::ATTEMPT_MEMORY_MIB,
        &table::ATTEMPT_LOG_KIB,
        &table::LOG,
        &table::LOG_FORMAT,
    ];
}

/// `db`
#[derive(Debug)]
pub(crate) struct ForDatabase;

impl Taken for ForDatabase {
    const SETTINGS: &'static [&'static Setting] =
        &[&table::DATA_DIR, &table::DATABASE_URL, &table::DATABASE_CONNECTIONS, &table::LOG, &table::LOG_FORMAT];
}

/// `config`: everything.
#[derive(Debug)]
pub(crate) struct ForAll;

impl Taken for ForAll {
    const SETTINGS: &'static [&'static Setting] = table::ALL;
}
