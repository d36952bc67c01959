//! `/api/v2/dags/{dag_id}/dagRuns`

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dag_versions::DagVersion;
use super::{Change, Dates, JsonText};
use crate::ids::{DagId, PartitionKey, RunId};
use crate::run::{RunType, TriggeredBy};
use crate::state::RunState;
use crate::time::Millis;

/// A run of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DagRun {
    /// Its id, unique within its DAG.
    pub dag_run_id: RunId,
    /// Its DAG.
    pub dag_id: DagId,
    /// How people see the DAG's id.
    pub dag_display_name: String,
    /// What it stands for.
    pub logical_date: Option<Millis>,
    /// When it was created, or cleared last.
    pub queued_at: Option<Millis>,
    /// When it began.
    pub start_date: Option<Millis>,
    /// When it ended.
    pub end_date: Option<Millis>,
    /// How long it took, in seconds.
    pub duration: Option<f64>,
    /// Where its data begins.
    pub data_interval_start: Option<Millis>,
    /// Where its data ends.
    pub data_interval_end: Option<Millis>,
    /// When it was due.
    pub run_after: Millis,
    /// Always null: a run advances when something happens in it.
    pub last_scheduling_decision: Option<Millis>,
    /// What made it.
    pub run_type: RunType,
    /// Where it stands.
    pub state: RunState,
    /// Who asked for it.
    pub triggered_by: Option<TriggeredBy>,
    /// The name of who asked for it.
    pub triggering_user_name: Option<String>,
    /// Its configuration, a JSON object; null in a list where it is larger than 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub conf: Option<JsonText>,
    /// What people noted about it.
    pub note: Option<String>,
    /// The version of the DAG that it runs.
    pub dag_versions: Vec<DagVersion>,
    /// That version's version of its module.
    pub bundle_version: Option<String>,
    /// The part of its DAG's assets that it is for.
    pub partition_key: Option<PartitionKey>,
}

/// Which runs are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct DagRunFilter {
    /// In one of these states.
    #[param(inline)]
    pub state: Vec<RunState>,
    /// Made by one of these.
    #[param(inline)]
    pub run_type: Vec<RunType>,
    /// With an id that matches this SQL `LIKE` pattern.
    pub run_id_pattern: Option<String>,
    /// Of a DAG whose id matches this SQL `LIKE` pattern.
    pub dag_id_pattern: Option<String>,
    /// Asked for by somebody whose name matches this SQL `LIKE` pattern.
    pub triggering_user_name_pattern: Option<String>,
    /// With an id that begins with this.
    pub run_id_prefix_pattern: Option<String>,
    /// Of a DAG whose id begins with this.
    pub dag_id_prefix_pattern: Option<String>,
    /// Asked for by somebody whose name begins with this.
    pub triggering_user_name_prefix_pattern: Option<String>,
    /// For a part that matches this SQL `LIKE` pattern.
    pub partition_key_pattern: Option<String>,
    /// For a part that begins with this.
    pub partition_key_prefix_pattern: Option<String>,
    /// With this text in its configuration, in letters of either case.
    pub conf_contains: Option<String>,
    /// Made for events of an asset with this text in its name or URI.
    pub consuming_asset_pattern: Option<String>,
    /// Of this version of their DAG's module.
    pub bundle_version: Option<String>,
    /// Of DAG versions with one of these numbers.
    pub dag_version: Vec<u32>,
    /// For this part of their DAG's assets; only clearing says so.
    #[serde(skip)]
    #[param(ignore)]
    pub partition_key: Option<PartitionKey>,
    /// Of these DAGs; only a body can say so.
    #[serde(skip)]
    #[param(ignore)]
    pub dag_ids: Vec<DagId>,
    /// With these ids; only a body can say so.
    #[serde(skip)]
    #[param(ignore)]
    pub run_ids: Vec<RunId>,
    /// With these dates; their parameters are read by themselves.
    #[serde(skip)]
    #[param(ignore)]
    pub dates: Dates,
}

/// A run to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerDagRun {
    /// Its id; one is made up if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dag_run_id: Option<RunId>,
    /// What it stands for; unique within its DAG unless it is null.
    #[serde(default)]
    pub logical_date: Option<Millis>,
    /// When it may begin, and until when it stays queued: now if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_after: Option<Millis>,
    /// Where its data begins; given together with the end, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_interval_start: Option<Millis>,
    /// Where its data ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_interval_end: Option<Millis>,
    /// Its configuration, a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub conf: Option<JsonText>,
    /// A note for later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The part of its DAG's assets that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key: Option<PartitionKey>,
}

/// Changes to a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DagRunPatch {
    /// What becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RunTarget>,
    /// Its new note, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub note: Change<String>,
}

/// What can be made of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunTarget {
    /// It runs again: what had ended and not succeeded is cleared.
    Queued,
    /// It has succeeded, with all its tasks.
    Success,
    /// It has failed: what runs is stopped, what has not begun is skipped.
    Failed,
}

/// One of several runs that are changed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkDagRun {
    /// The run.
    pub dag_run_id: RunId,
    /// Its DAG, where the path says `~`.
    #[serde(default)]
    pub dag_id: Option<DagId>,
    /// What becomes of it.
    #[serde(default)]
    pub state: Option<RunTarget>,
    /// Its new note, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    #[schema(value_type = Option<String>)]
    pub note: Change<String>,
}

/// One of several runs that are deleted at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum DagRunName {
    /// A run of the path's DAG.
    Id(RunId),
    /// A run by its own and its DAG's id.
    Full(BulkDagRun),
}

impl From<DagRunName> for BulkDagRun {
    fn from(name: DagRunName) -> Self {
        match name {
            DagRunName::Id(dag_run_id) => Self { dag_run_id, dag_id: None, state: None, note: Change::Keep },
            DagRunName::Full(run) => run,
        }
    }
}
