//! Mappers: what the key of an event means as the key of a run.

use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use super::start_of::{Period, StartOf};
use super::wait::{Wait, Waiting};
use super::window::{Members, Window};
use super::{MAX_KEYS, PartitionError, Received};
use crate::ids::PartitionKey;

/// Airflow's partition mappers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PartitionMapper {
    /// The key as it is.
    #[default]
    Identity,
    /// The begin of the period that the key lies in.
    StartOf(StartOf),
    /// The parts of the key, each by a mapper of its own.
    Product {
        /// One mapper for each part.
        mappers: Vec<Self>,
        /// What stands between the parts.
        #[serde(default = "bar")]
        delimiter: String,
    },
    /// The key as it is, if it is one of these.
    AllowedKey(BTreeSet<String>),
    /// One mapper after the other.
    Chain(Vec<Self>),
    /// This key, whatever the event's is.
    FixedKey(String),
    /// One key for all keys of a window; its run waits for them.
    Rollup {
        /// Which window a key belongs to.
        upstream: Box<Self>,
        /// What the window consists of.
        window: Window,
        /// How much of it must have arrived.
        #[serde(default, skip_serializing_if = "Wait::is_default")]
        wait: Wait,
    },
    /// Every key of a window for one key.
    FanOut {
        /// Which window the key stands for.
        upstream: Box<Self>,
        /// What the window consists of.
        window: Window,
        /// How its members are written; without it by the window's kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        downstream: Option<Box<Self>>,
    },
}

impl PartitionMapper {
    /// The keys of the runs that an event with this key belongs to.
    pub fn map(&self, key: &PartitionKey) -> Result<Vec<PartitionKey>, PartitionError> {
        let keys = self.down(key.as_str())?;
        if keys.len() > MAX_KEYS {
            return Err(PartitionError::TooMany { key: key.to_string(), keys: keys.len() });
        }
        keys.iter().map(|key| key.parse().map_err(|error| PartitionError::NoKey(format!("{error}")))).collect()
    }

    /// Whether the events received for the run of `key` are enough.
    pub fn waiting(&self, key: &PartitionKey, received: &Received) -> Result<Waiting, PartitionError> {
        match self {
            Self::Rollup { upstream, window, wait } => {
                let expected = upstream.expected(key, window)?;
                Ok(wait.judge(received.intersection(&expected).count(), expected.len()))
            }
            Self::Identity
            | Self::StartOf(_)
            | Self::Product { .. }
            | Self::AllowedKey(_)
            | Self::Chain(_)
            | Self::FixedKey(_)
            | Self::FanOut { .. } => Ok(if received.is_empty() { Waiting::More } else { Waiting::Over }),
        }
    }

    /// Refuses a mapper that could never do what it says.
    pub fn check(&self) -> Result<(), PartitionError> {
        match self {
            Self::StartOf(start) => start.zone().map(drop),
            Self::Product { mappers, delimiter } if mappers.len() < 2 || delimiter.is_empty() => {
                Err(PartitionError::definition("a product needs two mappers or more, and a delimiter"))
            }
            Self::Chain(mappers) if mappers.len() < 2 => {
                Err(PartitionError::definition("a chain needs two mappers or more"))
            }
            Self::Product { mappers, .. } | Self::Chain(mappers) => mappers.iter().try_for_each(Self::check),
            Self::AllowedKey(keys) if keys.is_empty() => {
                Err(PartitionError::definition("no key is allowed; name at least one"))
            }
            Self::Identity | Self::AllowedKey(_) => Ok(()),
            Self::FixedKey(key) => {
                key.parse::<PartitionKey>().map(drop).map_err(|error| PartitionError::definition(error.to_string()))
            }
            Self::Rollup { upstream, window, wait } => {
                wait.check()?;
                upstream.check_window(window)
            }
            Self::FanOut { upstream, window, downstream } => {
                upstream.check_window(window)?;
                match downstream {
                    Some(downstream) => downstream.check(),
                    None => default_downstream(window).map(drop),
                }
            }
        }
    }

    /// Whether the mapper and a window go together: the window's begin can be read from the mapper's keys.
    fn check_window(&self, window: &Window) -> Result<(), PartitionError> {
        self.check()?;
        window.check()?;
        match (self, window.is_calendar()) {
            (Self::StartOf(start), true) => start.check_readable(),
            (Self::StartOf(_), false) => {
                Err(PartitionError::definition("a segment window and the start of a period do not go together"))
            }
            (_, true) => Err(PartitionError::definition(format!(
                "a {} window needs a mapper to the start of a period",
                window.name()
            ))),
            (_, false) => Ok(()),
        }
    }

    fn down(&self, key: &str) -> Result<Vec<String>, PartitionError> {
        match self {
            Self::Identity => Ok(vec![key.to_owned()]),
            Self::StartOf(start) => Ok(vec![start.down(key)?]),
            Self::Product { mappers, delimiter } => product(mappers, delimiter, key),
            Self::AllowedKey(keys) if keys.contains(key) => Ok(vec![key.to_owned()]),
            Self::AllowedKey(_) => Err(PartitionError::NotAllowed(key.to_owned())),
            Self::Chain(mappers) => chain(mappers, key),
            Self::FixedKey(fixed) => Ok(vec![fixed.clone()]),
            Self::Rollup { upstream, .. } => upstream.down(key),
            Self::FanOut { upstream, window, downstream } => {
                let coarse = one(upstream.down(key)?, "a fan-out's mapper")?;
                let members = window.members(upstream.begin(&coarse)?)?;
                match downstream {
                    Some(downstream) => Ok(downstream.written(members)),
                    None => Ok(default_downstream(window)?.written(members)),
                }
            }
        }
    }

    /// The keys that events of a window come with, whose run has this key.
    pub(super) fn expected(&self, key: &PartitionKey, window: &Window) -> Result<BTreeSet<String>, PartitionError> {
        Ok(match (window.members(self.begin(key.as_str())?)?, self) {
            (Members::Instants(begins), Self::StartOf(start)) => {
                begins.into_iter().map(|begin| start.up(begin)).collect()
            }
            (Members::Instants(begins), _) => begins.into_iter().map(iso).collect(),
            (Members::Keys(keys), _) => keys,
        })
    }

    /// The begin that one of its own keys stands for; none for a mapper that knows nothing of time.
    fn begin(&self, key: &str) -> Result<Option<NaiveDateTime>, PartitionError> {
        match self {
            Self::StartOf(start) => start.begin(key).map(Some),
            Self::Identity
            | Self::Product { .. }
            | Self::AllowedKey(_)
            | Self::Chain(_)
            | Self::FixedKey(_)
            | Self::Rollup { .. }
            | Self::FanOut { .. } => Ok(None),
        }
    }

    /// The members of a window as keys.
    fn written(&self, members: Members) -> Vec<String> {
        match members {
            Members::Keys(keys) => keys.into_iter().collect(),
            Members::Instants(begins) => begins.into_iter().map(|begin| self.write(begin)).collect(),
        }
    }

    fn write(&self, begin: NaiveDateTime) -> String {
        match self {
            Self::StartOf(start) => start.write(begin),
            Self::Identity
            | Self::Product { .. }
            | Self::AllowedKey(_)
            | Self::Chain(_)
            | Self::FixedKey(_)
            | Self::Rollup { .. }
            | Self::FanOut { .. } => iso(begin),
        }
    }
}

fn product(mappers: &[PartitionMapper], delimiter: &str, key: &str) -> Result<Vec<String>, PartitionError> {
    let parts: Vec<&str> = key.split(delimiter).collect();
    if parts.len() != mappers.len() {
        return Err(PartitionError::Parts { key: key.to_owned(), found: parts.len(), expected: mappers.len() });
    }
    let mapped = mappers.iter().zip(parts).map(|(mapper, part)| one(mapper.down(part)?, "a mapper"));
    Ok(vec![mapped.collect::<Result<Vec<_>, _>>()?.join(delimiter)])
}

fn chain(mappers: &[PartitionMapper], key: &str) -> Result<Vec<String>, PartitionError> {
    let mut keys = vec![key.to_owned()];
    for mapper in mappers {
        let mut next = Vec::new();
        for key in &keys {
            next.extend(mapper.down(key)?);
            if next.len() > MAX_KEYS {
                return Err(PartitionError::TooMany { key: key.clone(), keys: next.len() });
            }
        }
        keys = next;
    }
    Ok(keys)
}

fn one(keys: Vec<String>, what: &'static str) -> Result<String, PartitionError> {
    let mut keys = keys.into_iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (_, _) => Err(PartitionError::Several(what)),
    }
}

/// How the members of a window are written where nobody says it.
fn default_downstream(window: &Window) -> Result<PartitionMapper, PartitionError> {
    let period = match window {
        Window::Day(_) => Period::Hour,
        Window::Week(_) | Window::Month(_) => Period::Day,
        Window::Quarter(_) | Window::Year(_) => Period::Month,
        // Its members are keys already.
        Window::Segment(_) => return Ok(PartitionMapper::Identity),
        Window::Hour(_) => {
            return Err(PartitionError::definition(
                "a fan-out over an hour window needs a downstream mapper; no period is a minute",
            ));
        }
    };
    Ok(PartitionMapper::StartOf(StartOf::new(period)))
}

/// As Python's `isoformat` writes it.
fn iso(begin: NaiveDateTime) -> String {
    begin.format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn bar() -> String {
    "|".to_owned()
}
