//! Partitions: parts of an asset, each with a key, and what the keys of one asset mean to a DAG that reads it.
//!
//! A DAG whose schedule has partitions gets one run per key. A mapper says which keys of the DAG an event's key belongs
//! to, and, where a run needs several events, which ones it waits for (Airflow's `PartitionedAssetTimetable`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::asset::{AssetExpression, AssetRef, Updated};
use crate::ids::{AssetName, AssetUri, PartitionKey};

mod format;
mod mapper;
mod start_of;
mod wait;
mod window;

pub use format::{Format, FormatError};
pub use mapper::PartitionMapper;
pub use start_of::{Period, StartOf};
pub use wait::{Wait, Waiting};
pub use window::{Direction, Window};

/// The most keys that one event's key may be mapped to.
pub const MAX_KEYS: usize = 1_000;

/// How the keys of a schedule's assets become the keys of its DAG's runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Partitions {
    /// The mapper of every asset that has none of its own.
    pub mapper: PartitionMapper,
    /// The mappers of single assets, by their name or URI.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_asset: BTreeMap<String, PartitionMapper>,
}

/// Why a key means nothing to a mapper, or a mapper nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// The key is not written as the mapper expects it.
    #[error("key {key:?} does not read as {format:?}")]
    Unreadable {
        /// The key.
        key: String,
        /// The mapper's format.
        format: String,
    },
    /// The key has too many or too few parts.
    #[error("key {key:?} has {found} parts where {expected} are expected")]
    Parts {
        /// The key.
        key: String,
        /// How many it has.
        found: usize,
        /// How many mappers there are for them.
        expected: usize,
    },
    /// The key is not among those that are let through.
    #[error("key {0:?} is not one of the allowed keys")]
    NotAllowed(String),
    /// The key leads to more keys than there may be.
    #[error("key {key:?} leads to {keys} keys; at most {MAX_KEYS} are allowed")]
    TooMany {
        /// The key.
        key: String,
        /// How many keys it leads to.
        keys: usize,
    },
    /// A mapper that has to answer with one key answers with several.
    #[error("{0} inside another mapper must lead to one key and leads to several")]
    Several(&'static str),
    /// A window of the calendar begins on the first day of a month.
    #[error("a {window} window begins on the first day of a month, not on {day}")]
    FirstDay {
        /// Which window.
        window: &'static str,
        /// Where it was to begin.
        day: String,
    },
    /// What the mapper answers is no key.
    #[error("the mapper's answer is no key: {0}")]
    NoKey(String),
    /// The mapper's definition makes no sense.
    #[error("{0}")]
    Definition(String),
}

impl PartitionError {
    fn definition(message: impl Into<String>) -> Self {
        Self::Definition(message.into())
    }
}

/// The keys that events of one asset came with, for one key of the DAG.
pub type Received = BTreeSet<String>;

impl Partitions {
    /// The mapper for an asset.
    pub fn mapper_for(&self, name: &AssetName, uri: &AssetUri) -> &PartitionMapper {
        self.by_asset.get(name.as_str()).or_else(|| self.by_asset.get(uri.as_str())).unwrap_or(&self.mapper)
    }

    /// Checks every mapper.
    pub fn check(&self) -> Result<(), PartitionError> {
        self.by_asset.values().chain([&self.mapper]).try_for_each(PartitionMapper::check)
    }

    /// Whether enough has been received for the run of `key`. An asset whose keys cannot be told counts as not there yet.
    pub fn ready(
        &self,
        expression: &AssetExpression,
        key: &PartitionKey,
        received: &BTreeMap<AssetNames, Received>,
    ) -> bool {
        let mut updated = Updated::default();
        for (asset, keys) in received {
            let mapper = self.mapper_for(&asset.name, &asset.uri);
            let there = mapper.waiting(key, keys).is_ok_and(Waiting::is_over);
            if there {
                updated.assets.insert(AssetRef::Name(asset.name.clone()));
                updated.assets.insert(AssetRef::Uri(asset.uri.clone()));
                updated.aliases.extend(asset.aliases.iter().cloned());
            }
        }
        expression.evaluate(&updated)
    }
}

/// Everything that an asset is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssetNames {
    /// Its name.
    pub name: AssetName,
    /// Its URI.
    pub uri: AssetUri,
    /// The aliases under which it was updated.
    pub aliases: BTreeSet<AssetName>,
}

#[cfg(test)]
mod tests;
