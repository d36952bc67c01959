//! The tenant's assets while a task runs: saying that one was updated, and looking at what was said.
//!
//! A task reaches its inlets and outlets, and those on the `uses` list of it or its DAG.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bindings::flow::host::assets;
use crate::{CallError, Timestamp};

/// Says that the task updated `asset`. The event counts when the task succeeds, and only then. `extra` serialises as a
/// JSON object.
pub fn emit(asset: &str, extra: &impl Serialize) -> Result<(), CallError> {
    event(asset).extra(extra).emit()
}

/// An event that a task makes; see [`event`].
#[derive(Debug)]
#[must_use = "the event is made with `.emit()`"]
pub struct Emission<'a> {
    asset: &'a str,
    extra: Option<serde_json::Result<String>>,
    alias: Option<&'a str>,
    partition_key: Option<&'a str>,
}

/// Makes an event step by step: `assets::event("orders").partition("2026-01-31").emit()`.
pub fn event(asset: &str) -> Emission<'_> {
    Emission { asset, extra: None, alias: None, partition_key: None }
}

impl<'a> Emission<'a> {
    /// What it says beside its asset: something that serialises as a JSON object.
    pub fn extra(self, extra: &impl Serialize) -> Self {
        Self { extra: Some(serde_json::to_string(extra)), ..self }
    }

    /// The alias among the task's outlets in whose name the asset is updated.
    pub fn alias(self, alias: &'a str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// The key of the partition that was updated.
    pub fn partition(self, key: &'a str) -> Self {
        Self { partition_key: Some(key), ..self }
    }

    /// Makes the event.
    pub fn emit(self) -> Result<(), CallError> {
        let extra = self.extra.transpose().map_err(|e| CallError::unreadable("assets::emit", self.asset, &e))?;
        let emission = assets::Emission {
            extra,
            alias: self.alias.map(str::to_owned),
            partition_key: self.partition_key.map(str::to_owned),
        };
        assets::emit(self.asset, &emission).map_err(|e| CallError::new("assets::emit", self.asset, e))
    }
}

/// An asset that was updated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Updated {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub uri: String,
}

/// That an asset was updated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AssetEvent {
    /// Which one.
    pub asset: Updated,
    /// When.
    pub timestamp: Timestamp,
    /// What the event says beside its asset; [`AssetEvent::read`] reads it.
    #[serde(default)]
    pub extra: Value,
    /// The key of the partition that was updated.
    #[serde(default)]
    pub partition_key: Option<String>,
    /// The DAG whose task updated it.
    #[serde(default)]
    pub source_dag_id: Option<String>,
    /// The run of that DAG.
    #[serde(default)]
    pub source_run_id: Option<String>,
    /// That task.
    #[serde(default)]
    pub source_task_id: Option<String>,
    /// The index of a mapped instance of it.
    #[serde(default)]
    pub source_map_index: Option<i32>,
}

impl AssetEvent {
    /// What the event says beside its asset, as a type of yours.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(self.extra.clone())
    }
}

/// The latest events of `asset`, oldest first: those since an instant, at most `limit` of them, and never more than 1,000.
pub fn events(asset: &str, since: impl Into<Option<Timestamp>>, limit: u32) -> Result<Vec<AssetEvent>, CallError> {
    let json = assets::events(asset, since.into().map(Timestamp::as_millis), limit)
        .map_err(|e| CallError::new("assets::events", asset, e))?;
    serde_json::from_str(&json).map_err(|e| CallError::unreadable("assets::events", asset, &e))
}
