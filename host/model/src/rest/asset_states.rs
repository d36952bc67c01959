//! `/api/v2/assets/{asset_id}/state-store`: what is kept of an asset besides its events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JsonText;
use crate::ids::{DagId, EntryKey, RunId, TaskId};
use crate::time::Millis;

/// Something that is kept of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetState {
    /// Its key.
    pub key: EntryKey,
    /// Its value.
    #[schema(value_type = Value)]
    pub value: JsonText,
    /// When it was last set.
    pub updated_at: Millis,
    /// Who set it.
    pub last_updated_by: Option<AssetStateWriter>,
}

/// Who set something that is kept of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetStateWriter {
    /// Always `api`: tasks keep what they know in their own state.
    pub kind: String,
    /// Always null.
    pub dag_id: Option<DagId>,
    /// Always null.
    pub run_id: Option<RunId>,
    /// Always null.
    pub task_id: Option<TaskId>,
    /// Always null.
    pub map_index: Option<i64>,
}

impl AssetStateWriter {
    /// Somebody who used this API.
    pub fn api() -> Self {
        Self { kind: "api".to_owned(), dag_id: None, run_id: None, task_id: None, map_index: None }
    }
}

/// What shall be kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetStateBody {
    /// Its value, which is not null.
    #[schema(value_type = Value)]
    pub value: JsonText,
}
