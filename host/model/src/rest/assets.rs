//! `/api/v2/assets`, and what other tenants offer.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::JsonText;
use crate::ids::{
    AliasId, AssetEventId, AssetId, AssetName, AssetUri, DagId, GrantId, PartitionKey, RunId, TaskId, TenantId,
};
use crate::state::RunState;
use crate::time::Millis;

/// An asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Asset {
    /// Its number.
    pub id: AssetId,
    /// Its name.
    pub name: AssetName,
    /// Where the data is.
    pub uri: AssetUri,
    /// What kind of asset it is.
    pub group: String,
    /// What else belongs to it: a JSON object.
    #[schema(value_type = Object)]
    pub extra: JsonText,
    /// When it was first named.
    pub created_at: Millis,
    /// When it was declared anew last.
    pub updated_at: Millis,
    /// The DAGs whose schedules name it.
    pub scheduled_dags: Vec<DagReference>,
    /// The tasks that update it.
    pub producing_tasks: Vec<TaskReference>,
    /// The tasks that read it.
    pub consuming_tasks: Vec<TaskReference>,
    /// The aliases under which it was updated.
    pub aliases: Vec<AssetAlias>,
    /// Always empty: assets are watched by tasks that wait.
    #[schema(value_type = Vec<Object>)]
    pub watchers: Vec<serde_json::Value>,
    /// Its latest event.
    pub last_asset_event: Option<LastAssetEvent>,
}

/// A DAG that refers to an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagReference {
    /// The DAG.
    pub dag_id: DagId,
    /// Since when.
    pub created_at: Millis,
    /// Since when.
    pub updated_at: Millis,
}

/// A task that refers to an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskReference {
    /// The task's DAG.
    pub dag_id: DagId,
    /// The task.
    pub task_id: TaskId,
    /// Since when.
    pub created_at: Millis,
    /// Since when.
    pub updated_at: Millis,
}

/// The latest event of an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastAssetEvent {
    /// Its number.
    pub id: AssetEventId,
    /// When it happened.
    pub timestamp: Millis,
}

/// A name under which tasks update assets that they find while they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetAlias {
    /// Its number.
    pub id: AliasId,
    /// Its name.
    pub name: AssetName,
    /// What kind of alias it is.
    pub group: String,
}

/// Which assets are asked for. All conditions hold at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AssetFilter {
    /// With a name that matches this SQL `LIKE` pattern.
    pub name_pattern: Option<String>,
    /// With a URI that matches this SQL `LIKE` pattern.
    pub uri_pattern: Option<String>,
    /// With a name that begins with this.
    pub name_prefix_pattern: Option<String>,
    /// With a URI that begins with this.
    pub uri_prefix_pattern: Option<String>,
    /// That one of these DAGs refers to.
    pub dag_ids: Vec<String>,
    /// Only those that somebody refers to, unless it is `false`.
    #[param(default = true)]
    pub only_active: bool,
}

impl Default for AssetFilter {
    fn default() -> Self {
        Self {
            name_pattern: None,
            uri_pattern: None,
            name_prefix_pattern: None,
            uri_prefix_pattern: None,
            dag_ids: Vec::new(),
            only_active: true,
        }
    }
}

/// That an asset was updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetEvent {
    /// Its number.
    pub id: AssetEventId,
    /// The asset's number.
    pub asset_id: AssetId,
    /// The asset's URI.
    pub uri: AssetUri,
    /// The asset's name.
    pub name: AssetName,
    /// The asset's group.
    pub group: String,
    /// What else is to be known: a JSON object.
    #[schema(value_type = Object)]
    pub extra: JsonText,
    /// The task that updated it.
    pub source_task_id: Option<String>,
    /// That task's DAG.
    pub source_dag_id: Option<String>,
    /// That task's run.
    pub source_run_id: Option<String>,
    /// The index of the mapped instance that updated it, -1 for a task that is not mapped.
    pub source_map_index: i64,
    /// The runs that were made for it.
    pub created_dagruns: Vec<CreatedDagRun>,
    /// When it happened.
    pub timestamp: Millis,
    /// Which part of the asset was updated.
    pub partition_key: Option<PartitionKey>,
}

/// A run that was made for an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedDagRun {
    /// The run.
    pub run_id: RunId,
    /// Its DAG.
    pub dag_id: DagId,
    /// What it stands for.
    pub logical_date: Option<Millis>,
    /// When it began.
    pub start_date: Option<Millis>,
    /// When it ended.
    pub end_date: Option<Millis>,
    /// Where it stands.
    pub state: RunState,
    /// Where its data begins.
    pub data_interval_start: Option<Millis>,
    /// Where its data ends.
    pub data_interval_end: Option<Millis>,
    /// The part of the assets that it is for.
    pub partition_key: Option<PartitionKey>,
}

/// Which events are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AssetEventFilter {
    /// Of this asset.
    pub asset_id: Option<i64>,
    /// By a task of this DAG.
    pub source_dag_id: Option<String>,
    /// By this task.
    pub source_task_id: Option<String>,
    /// By a task of this run.
    pub source_run_id: Option<String>,
    /// By this mapped instance.
    pub source_map_index: Option<i64>,
    /// Of an asset whose name matches this SQL `LIKE` pattern.
    pub name_pattern: Option<String>,
    /// Of assets whose names begin with this.
    pub name_prefix_pattern: Option<String>,
    /// For this part of the asset.
    pub partition_key: Option<String>,
    /// At this instant or later.
    #[param(value_type = Option<String>)]
    pub timestamp_gte: Option<Millis>,
    /// After this instant.
    #[param(value_type = Option<String>)]
    pub timestamp_gt: Option<Millis>,
    /// At this instant or earlier.
    #[param(value_type = Option<String>)]
    pub timestamp_lte: Option<Millis>,
    /// Before this instant.
    #[param(value_type = Option<String>)]
    pub timestamp_lt: Option<Millis>,
}

/// An event by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAssetEvent {
    /// The asset.
    pub asset_id: AssetId,
    /// What else is to be known: a JSON object.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// Which part of the asset was updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<PartitionKey>,
}

/// That an asset was updated, and a DAG waits for more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedEvent {
    /// The DAG.
    pub dag_id: DagId,
    /// How people see the DAG's id.
    pub dag_display_name: String,
    /// The asset.
    pub asset_id: AssetId,
    /// When it was updated first since the DAG's last run.
    pub created_at: Millis,
}

/// Which of what is queued is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct QueuedEventFilter {
    /// Only what was updated before this instant.
    #[param(value_type = Option<String>)]
    pub before: Option<Millis>,
}

/// That an asset is offered to another tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssetGrant {
    /// The offer's number.
    pub id: GrantId,
    /// The asset.
    pub asset_id: AssetId,
    /// The asset's name.
    pub asset_name: AssetName,
    /// To whom it is offered.
    pub to_tenant: TenantId,
    /// When it was offered.
    pub offered_at: Millis,
    /// Who offered it.
    pub offered_by: String,
    /// When it was accepted.
    pub accepted_at: Option<Millis>,
}

/// An offer of an asset to another tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferAsset {
    /// To whom. Whether there is such a tenant is not told.
    pub to_tenant: TenantId,
}

/// What another tenant offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncomingGrant {
    /// The offer's number.
    pub id: GrantId,
    /// Who offers.
    pub from_tenant: TenantId,
    /// What its owner calls the asset.
    pub asset_name: AssetName,
    /// When it was offered.
    pub offered_at: Millis,
    /// When it was accepted.
    pub accepted_at: Option<Millis>,
    /// The asset that it is known as here.
    pub local_asset_id: Option<AssetId>,
    /// What that is called.
    pub local_name: Option<AssetName>,
}

/// That an offer is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptGrant {
    /// What the asset is called here; `TENANT/NAME` after its owner if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<AssetName>,
}
