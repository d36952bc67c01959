//! `/api/v2/dags` and `/api/v2/dagTags`

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::NewestRun;
use super::dag_versions::DagVersion;
use super::tasks::TimeDelta;
pub use super::timing::Timing;
use crate::dag::ParamSpec;
use crate::ids::{DagId, ModuleName};
use crate::state::RunState;
use crate::time::Millis;

/// A DAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "they are Airflow's members")]
pub struct Dag {
    /// Its id.
    pub dag_id: DagId,
    /// How people see its id.
    pub dag_display_name: String,
    /// Whether its runs wait.
    pub is_paused: bool,
    /// Whether its module no longer describes it.
    pub is_stale: bool,
    /// When its module was parsed last.
    pub last_parsed_time: Option<Millis>,
    /// Always null: what a parse takes is part of the upload.
    pub last_parse_duration: Option<f64>,
    /// Always null.
    pub last_expired: Option<Millis>,
    /// The module that describes it.
    pub bundle_name: Option<ModuleName>,
    /// The module's version that it is pinned to.
    pub bundle_version: Option<String>,
    /// The module's name: a component has no source files.
    pub relative_fileloc: Option<String>,
    /// The module's name.
    pub fileloc: String,
    /// The module's name: what to give where its source file's token is asked for.
    pub file_token: String,
    /// One line about it.
    pub description: Option<String>,
    /// Its schedule, such as a cron expression; null if it runs only by hand.
    pub timetable_summary: Option<String>,
    /// Its schedule in words.
    pub timetable_description: Option<String>,
    /// Which runs its schedule makes.
    #[serde(flatten)]
    pub timing: Timing,
    /// Its labels.
    pub tags: Vec<DagTag>,
    /// How many of its tasks run at once at most.
    pub max_active_tasks: u32,
    /// How many of its runs there can be at once; further ones wait.
    pub max_active_runs: Option<u32>,
    /// After how many failed runs in a row it is paused; 0 for never.
    pub max_consecutive_failed_dag_runs: u32,
    /// Whether one of its tasks limits how many of its instances run at once.
    pub has_task_concurrency_limits: bool,
    /// Whether its module's newest version was not accepted.
    pub has_import_errors: bool,
    /// What its next scheduled run stands for.
    pub next_dagrun_logical_date: Option<Millis>,
    /// Where the next scheduled run's data begins.
    pub next_dagrun_data_interval_start: Option<Millis>,
    /// Where the next scheduled run's data ends.
    pub next_dagrun_data_interval_end: Option<Millis>,
    /// When its next scheduled run is due.
    pub next_dagrun_run_after: Option<Millis>,
    /// Who answers for its tasks.
    pub owners: Vec<String>,
}

/// A label of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DagTag {
    /// The label.
    pub name: String,
    /// The DAG.
    pub dag_id: DagId,
    /// How people see the DAG's id.
    pub dag_display_name: String,
}

/// A DAG with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "they are Airflow's members")]
pub struct DagDetails {
    /// What lists show of it.
    #[serde(flatten)]
    pub dag: Dag,
    /// Whether runs missed while nothing ran are made up for.
    pub catchup: bool,
    /// How long a run may take; null if it may take any time.
    pub dag_run_timeout: Option<TimeDelta>,
    /// For which assets it runs, as Airflow writes a condition; null if it runs for none.
    pub asset_expression: Option<Value>,
    /// What it does, in Markdown.
    pub doc_md: Option<String>,
    /// No scheduled run is for an earlier instant.
    pub start_date: Option<Millis>,
    /// No scheduled run is for a later instant.
    pub end_date: Option<Millis>,
    /// Whether it is paused when it first appears.
    pub is_paused_upon_creation: Option<bool>,
    /// What a run can be given, by name: the value where a run gives none, what it is for, and what is accepted.
    pub params: BTreeMap<String, ParamSpec>,
    /// Whether the first task that fails ends a run.
    pub fail_fast: bool,
    /// Whether clearing takes a run to the latest version, where the request does not say.
    pub rerun_with_latest_version: bool,
    /// Always false: there are no templates.
    pub render_template_as_native_obj: bool,
    /// Always null.
    pub template_search_path: Option<Vec<String>>,
    /// The time zone of its schedule.
    pub timezone: Option<String>,
    /// When its module was parsed last.
    pub last_parsed: Option<Millis>,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    pub default_args: Option<Map<String, Value>>,
    /// Always null.
    #[schema(value_type = Option<Object>)]
    pub owner_links: Option<Map<String, Value>>,
    /// Whether it is one of the caller's favorites.
    pub is_favorite: bool,
    /// How many of its runs have begun and not ended.
    pub active_runs_count: u64,
    /// The same as `max_active_tasks`.
    pub concurrency: u32,
    /// Its newest version.
    pub latest_dag_version: Option<DagVersion>,
}

/// A run that a DAG's schedule will make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextDagRun {
    /// What it stands for.
    pub logical_date: Millis,
    /// Where its data begins.
    pub data_interval_start: Millis,
    /// Where its data ends.
    pub data_interval_end: Millis,
    /// When it is due.
    pub run_after: Millis,
}

/// Changes to a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DagPatch {
    /// Whether its runs wait.
    pub is_paused: bool,
}

/// Which DAGs are asked for. All conditions hold at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct DagFilter {
    /// With an id that matches this SQL `LIKE` pattern.
    pub dag_id_pattern: Option<String>,
    /// With a display name that matches this SQL `LIKE` pattern.
    pub dag_display_name_pattern: Option<String>,
    /// With an id that begins with this.
    pub dag_id_prefix_pattern: Option<String>,
    /// With a display name that begins with this.
    pub dag_display_name_prefix_pattern: Option<String>,
    /// That are favorites of the caller's, or are not.
    pub is_favorite: Option<bool>,
    /// That wait for assets, or do not.
    pub has_asset_schedule: Option<bool>,
    /// That wait for an asset with this in its name or URI.
    pub asset_dependency: Option<String>,
    /// Whose newest run is in one of these states.
    #[param(inline)]
    pub dag_run_state: Vec<RunState>,
    /// With these labels.
    pub tags: Vec<String>,
    /// Whether one of `tags` is enough, as it is unless said otherwise.
    #[param(inline)]
    pub tags_match_mode: TagsMatch,
    /// With one of these owners.
    pub owners: Vec<String>,
    /// Only those whose module still describes them, unless it is `false`.
    #[param(default = true)]
    pub exclude_stale: bool,
    /// Paused, or not.
    pub paused: Option<bool>,
    /// With a module whose newest version was not accepted, or with others.
    pub has_import_errors: Option<bool>,
    /// Whose newest run is in this state.
    #[param(inline)]
    pub last_dag_run_state: Option<RunState>,
    /// Of this module.
    pub bundle_name: Option<String>,
    /// Of this version of their module.
    pub bundle_version: Option<String>,
    /// Whose newest run has these dates; their parameters are read by themselves.
    #[serde(skip)]
    #[param(ignore)]
    pub newest_run: NewestRun,
}

impl Default for DagFilter {
    /// All DAGs that are not stale.
    fn default() -> Self {
        Self {
            dag_id_pattern: None,
            dag_display_name_pattern: None,
            dag_id_prefix_pattern: None,
            dag_display_name_prefix_pattern: None,
            is_favorite: None,
            has_asset_schedule: None,
            asset_dependency: None,
            dag_run_state: Vec::new(),
            tags: Vec::new(),
            tags_match_mode: TagsMatch::Any,
            owners: Vec::new(),
            exclude_stale: true,
            paused: None,
            has_import_errors: None,
            last_dag_run_state: None,
            bundle_name: None,
            bundle_version: None,
            newest_run: NewestRun::default(),
        }
    }
}

/// How many of several labels a DAG must have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TagsMatch {
    /// One.
    #[default]
    Any,
    /// All.
    All,
}
