//! `/api/v2/backfills`

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::JsonText;
use crate::backfill::{MAX_ACTIVE_RUNS, Reprocess};
use crate::ids::{DagId, RunId};
use crate::time::Millis;

/// A backfill: the runs of a DAG for a range of dates, made one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backfill {
    /// Its id.
    pub id: i64,
    /// Its DAG.
    pub dag_id: DagId,
    /// How people see the DAG's id.
    pub dag_display_name: String,
    /// The first date.
    pub from_date: Millis,
    /// The last date.
    pub to_date: Millis,
    /// The configuration of its runs, a JSON object.
    #[schema(value_type = Object)]
    pub dag_run_conf: JsonText,
    /// Whether it makes no further runs for now.
    pub is_paused: bool,
    /// What it does with runs that are there already.
    pub reprocess_behavior: Reprocess,
    /// Whether it begins with the last date.
    pub run_backwards: bool,
    /// How many of its runs are active at once at most.
    pub max_active_runs: u32,
    /// When it was asked for.
    pub created_at: Millis,
    /// When it ended or was cancelled.
    pub completed_at: Option<Millis>,
    /// When something of it changed last, besides its runs.
    pub updated_at: Millis,
    /// Who asked for it.
    pub triggering_user_name: String,
    /// The backfill whose range this one replays for a DAG downstream; null for one that stands for itself.
    pub replays: Option<i64>,
    /// How many of its runs wait, have begun, have ended, and were left out.
    pub progress: BackfillProgress,
}

/// How far a backfill has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackfillProgress {
    /// Runs that are not made yet.
    pub waiting: u64,
    /// Runs that have not ended.
    pub active: u64,
    /// Runs that have ended.
    pub ended: u64,
    /// Runs that are not made, since there are others for their dates.
    pub left_out: u64,
}

/// A backfill to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBackfill {
    /// The DAG.
    pub dag_id: DagId,
    /// The first date.
    pub from_date: Millis,
    /// The last date; runs for this date are among them.
    pub to_date: Millis,
    /// Whether to begin with the last date.
    #[serde(default)]
    pub run_backwards: bool,
    /// The configuration of its runs, a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub dag_run_conf: Option<JsonText>,
    /// What to do with runs that are there already.
    #[serde(default)]
    pub reprocess_behavior: Reprocess,
    /// How many of its runs may be active at once, besides all other runs of the DAG.
    #[serde(default = "max_active_runs")]
    pub max_active_runs: u32,
    /// Whether runs that are run again get the latest version of the DAG.
    #[serde(default = "yes")]
    pub run_on_latest_version: bool,
    /// Whether the range is replayed, once this is done, for every DAG that uses what this one makes.
    #[serde(default)]
    pub downstream: bool,
}

/// One run that a backfill would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedRun {
    /// The DAG.
    pub dag_id: DagId,
    /// The run's id; that of the run which is there already, if it is run again.
    pub dag_run_id: RunId,
    /// What it stands for.
    pub logical_date: Millis,
    /// Where its data begins.
    pub data_interval_start: Millis,
    /// Where its data ends.
    pub data_interval_end: Millis,
    /// Whether it is there already and is run again.
    pub reprocesses: bool,
    /// Always null: data is not partitioned.
    pub partition_key: Option<String>,
}

/// Which backfills are asked for. All conditions hold at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct BackfillFilter {
    /// Of this DAG.
    #[param(value_type = Option<String>)]
    pub dag_id: Option<DagId>,
    /// Those that have not ended, or those that have.
    pub active: Option<bool>,
}

fn max_active_runs() -> u32 {
    MAX_ACTIVE_RUNS
}

fn yes() -> bool {
    true
}
