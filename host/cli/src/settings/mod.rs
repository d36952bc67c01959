//! What the process is told: flags go before `FLOW_HOST_…` variables, those before a TOML file, that before defaults.

mod flags;
mod table;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(crate) use flags::{Flags, ForAll, ForDatabase, ForDemo, ForServe, ForTest, ForWorker};
pub(crate) use table::*;
pub(crate) use value::{DatabaseUrl, HostPort, LogFormat, MasterKey, MasterKeys, Networks, ServerUrl, Slots};

use crate::errors::Failure;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// The settings file.
    File(PathBuf),
    /// Nobody said.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "--{flag}"),
            Self::Variable(variable) => f.write_str(variable),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Every setting that has a value, with where it came from.
#[derive(Debug)]
pub(crate) struct Settings(BTreeMap<&'static str, Value>);

/// A setting's text and where it came from.
type Value = (String, Source);

/// Reads a variable of the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<std::ffi::OsString>;

impl Settings {
    /// The settings of this process: what was typed, its environment, and its file.
    #[expect(clippy::disallowed_methods, reason = "this is the edge where the environment is read")]
    pub(crate) fn of_process<T>(flags: Flags<T>, file: Option<&Path>) -> Result<Self, Failure> {
        Self::load(&flags.given(), &|name| std::env::var_os(name), file)
    }

    /// Puts the layers together. Every value is checked, whether the command needs it or not: a mistake in the file is
    /// found at the first start, not at the first use.
    pub(crate) fn load(
        flags: &BTreeMap<&'static str, String>,
        environment: Environment<'_>,
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut values = BTreeMap::new();
        for setting in ALL {
            if let Some(default) = setting.default.here() {
                values.insert(setting.key, (default, Source::Default));
            }
        }
        if let Some(path) = file {
            values.extend(from_file(path)?);
        }
        for setting in ALL {
            values.extend(from_variable(setting, environment)?);
        }
        for (setting, flag) in ALL.iter().filter_map(|setting| Some((setting, setting.flag?))) {
            values.extend(flags.get(setting.key).map(|text| (setting.key, (text.clone(), Source::Flag(flag)))));
        }
        let settings = Self(values);
        ALL.iter().try_for_each(|setting| settings.check(setting))?;
        Ok(settings)
    }

    /// The value of a setting that always has one.
    pub(crate) fn get<T: FromStr>(&self, setting: &Setting) -> Result<T, Failure> {
        self.find(setting)?
            .ok_or_else(|| Failure::usage(format!("`{}` is not set", setting.key)).hint(say_how(setting)))
    }

    /// The value of a setting, if somebody gave one.
    pub(crate) fn find<T: FromStr>(&self, setting: &Setting) -> Result<Option<T>, Failure> {
        let Some((text, source)) = self.0.get(setting.key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| misfit(setting, text, source))
    }

    /// Where a setting's value came from.
    pub(crate) fn source(&self, setting: &Setting) -> Option<&Source> {
        self.0.get(setting.key).map(|(_, source)| source)
    }

    /// The same as a text, for messages about a setting that has a value.
    pub(crate) fn origin(&self, setting: &Setting) -> String {
        self.source(setting).map_or_else(|| "nowhere".to_owned(), ToString::to_string)
    }

    /// A setting's value as it may be shown.
    pub(crate) fn shown(&self, setting: &Setting) -> Option<&str> {
        let (text, _) = self.0.get(setting.key)?;
        Some(if setting.masked { "********" } else { text })
    }

    fn check(&self, setting: &Setting) -> Result<(), Failure> {
        match self.0.get(setting.key) {
            Some((text, source)) if !(setting.fits)(text) => Err(misfit(setting, text, source)),
            Some(_) | None => Ok(()),
        }
    }
}

fn from_file(path: &Path) -> Result<Vec<(&'static str, Value)>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("the settings file {} cannot be read: {error}", path.display())))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        Failure::usage(format!("the settings file {} is not valid TOML: {}", path.display(), error.message()))
    })?;
    let source = Source::File(path.to_owned());
    table
        .into_iter()
        .map(|(key, value)| {
            let Some(setting) = ALL.iter().find(|setting| setting.key == key) else {
                return Err(unknown(&key, path));
            };
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(_)
                | toml::Value::Boolean(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_)
                | toml::Value::Table(_) => return Err(misfit(setting, &value.to_string(), &source)),
            };
            Ok((setting.key, (text, source.clone())))
        })
        .collect()
}

fn from_variable(setting: &Setting, environment: Environment<'_>) -> Result<Option<(&'static str, Value)>, Failure> {
    let variable = setting.variable();
    let Some(text) = environment(&variable).filter(|text| !text.is_empty()) else { return Ok(None) };
    let text = text.into_string().map_err(|_| Failure::usage(format!("{variable} is not UTF-8")))?;
    Ok(Some((setting.key, (text, Source::Variable(variable)))))
}

fn unknown(key: &str, path: &Path) -> Failure {
    let known: Vec<_> = ALL.iter().map(|setting| setting.key).collect();
    Failure::usage(format!("{}: there is no setting `{key}`", path.display()))
        .hint(format!("the settings are {}", known.join(", ")))
}

fn misfit(setting: &Setting, text: &str, source: &Source) -> Failure {
    let shown = if setting.masked { String::new() } else { format!(" {text:?}") };
    Failure::usage(format!("`{}` cannot be{shown} (from {source}): use {}", setting.key, setting.accepts))
}

fn say_how(setting: &Setting) -> String {
    let variable = setting.variable();
    match setting.flag {
        Some(flag) => format!("give --{flag}, set {variable}, or write `{}` into the settings file", setting.key),
        None => format!("set {variable}"),
    }
}

#[cfg(test)]
mod tests;
