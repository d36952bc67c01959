//! What a module says of its DAGs: the shape of the JSON that `dags.describe` returns.
//!
//! Everything here is a claim by a guest. [`crate::graph::Graph::build`] turns it into something to rely on.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::omitted::is_default;
use crate::asset::{AliasSpec, AssetSpec};
use crate::ids::DagId;
use crate::run::{MAX_ACTIVE_RUNS, RunType};
pub use crate::schedule::ScheduleSpec;
use crate::time::Millis;
use crate::timetable::Schedule;
use crate::uses::Uses;

mod callback;
mod group;
mod mapping;
mod native;
mod omitted;
mod param;
mod task;

pub use callback::{CallbackEvent, CallbackSpec, DeadlineReference, DeadlineSpec};
pub use group::{GroupItem, GroupSpec};
pub use mapping::{MapSource, Mapped};
pub use native::{ExternalRun, GuestTrigger, HttpCheck, HumanInputSpec, Native, WaitFor, WaitSpec};
pub use param::ParamSpec;
pub use task::{Argument, Decides, SensorSpec, TaskSpec, Teardown, WeightRule};

/// One DAG as its module describes it. Unknown keys are refused, so that a newer SDK never half-works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, as in Airflow")]
pub struct DagSpec {
    /// The DAG's id, unique within the tenant.
    pub dag_id: DagId,
    /// How people see its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// One line for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it does, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_md: Option<String>,
    /// Labels for filtering.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Who answers for its tasks, where they do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When runs are made; without it only by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleSpec>,
    /// No scheduled run covers an interval that begins earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Millis>,
    /// No scheduled run covers an interval that begins later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Millis>,
    /// Whether intervals missed while nothing ran are made up for, oldest first.
    #[serde(default)]
    pub catchup: bool,
    /// What a run can be given, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, ParamSpec>,
    /// How many runs may be active at once; [`crate::run::MAX_ACTIVE_RUNS`] unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_runs: Option<u32>,
    /// How many task instances of one run may be active at once; without it as many as there is room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_tasks: Option<u32>,
    /// After how many failed runs in a row the DAG is paused; 0 for never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_consecutive_failed_dag_runs: u32,
    /// How long a run may take, in milliseconds. One that takes longer fails, and what has not ended is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dagrun_timeout_ms: Option<u64>,
    /// Whether the first task that fails ends the run. Only `all_success` is allowed as a rule then.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fail_fast: bool,
    /// Whether the DAG is paused when it first appears.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_paused_upon_creation: bool,
    /// Whether clearing takes a run to the latest version of the DAG, where the request does not say.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rerun_with_latest_version: bool,
    /// The kinds of run there may be; all of them if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_run_types: Vec<RunType>,
    /// What runs when a run has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<CallbackSpec>,
    /// By when a run has to be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlines: Vec<DeadlineSpec>,
    /// The assets that it declares. One that it only refers to by name declares itself, with its name as its URI.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetSpec>,
    /// The aliases among what its tasks update and read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asset_aliases: Vec<AliasSpec>,
    /// What every task may use, besides its own list.
    #[serde(default)]
    pub uses: Uses,
    /// The groups that its tasks are in, each after the one around it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSpec>,
    /// The DAG's tasks, in the order they were written.
    pub tasks: Vec<TaskSpec>,
}

impl DagSpec {
    /// How people see its id.
    pub fn shown_name(&self) -> String {
        self.display_name.clone().unwrap_or_else(|| self.dag_id.to_string())
    }

    /// How many of its runs may be active at once: as many as it says, and no more than its schedule allows.
    pub fn max_active_runs(&self) -> u32 {
        let own = self.max_active_runs.unwrap_or(MAX_ACTIVE_RUNS);
        let schedule = self.schedule.as_ref().and_then(|schedule| Schedule::parse(schedule).ok());
        schedule.and_then(|schedule| schedule.active_runs_limit()).map_or(own, |limit| limit.min(own))
    }

    /// Everybody who answers for one of its tasks, each once, in alphabetical order.
    pub fn owners(&self) -> Vec<&str> {
        let of_tasks = self.tasks.iter().filter_map(|task| task.owner.as_deref().or(self.owner.as_deref()));
        of_tasks.collect::<BTreeSet<&str>>().into_iter().collect()
    }
}
