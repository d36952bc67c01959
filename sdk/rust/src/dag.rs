//! DAGs, as the host gets to know them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::asset::{Alias, Asset, Declared};
use crate::callback::{CallbackSpec, On};
use crate::deadline::DeadlineSpec;
use crate::draft::Draft;
use crate::param::Param;
use crate::runtime::Fallible;
use crate::schedule::{Schedule, ScheduleSpec};
use crate::spec::{self, Uses};
use crate::{Callback, Deadline, Error, Result};

/// A DAG as the host gets to know it. It serialises as the host reads it, so that a test can look at it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are the host's own, one by one")]
pub struct Dag {
    #[serde(rename = "dag_id")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doc_md: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    #[serde(skip_serializing_if = "spec::is_default")]
    catchup: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<String, Param>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_active_runs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_active_tasks: Option<u32>,
    #[serde(skip_serializing_if = "spec::is_default")]
    max_consecutive_failed_dag_runs: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    dagrun_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "spec::is_default")]
    fail_fast: bool,
    #[serde(skip_serializing_if = "spec::is_default")]
    is_paused_upon_creation: bool,
    #[serde(skip_serializing_if = "spec::is_default")]
    rerun_with_latest_version: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_run_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    callbacks: Vec<CallbackSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deadlines: Vec<DeadlineSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assets: Vec<Asset>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asset_aliases: Vec<Alias>,
    #[serde(skip_serializing_if = "spec::is_default")]
    uses: Uses,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<spec::Group>,
    tasks: Vec<spec::Task>,
    /// The first mistake in the options.
    #[serde(skip)]
    error: Option<Error>,
}

#[doc(hidden)]
#[expect(clippy::return_self_not_must_use, reason = "called only by what #[dag] expands to")]
impl Dag {
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    pub fn display_name(self, name: &str) -> Self {
        Self { display_name: Some(name.to_owned()), ..self }
    }

    pub fn description(self, text: &str) -> Self {
        Self { description: Some(text.to_owned()), ..self }
    }

    pub fn doc_md(self, markdown: &str) -> Self {
        Self { doc_md: Some(markdown.to_owned()), ..self }
    }

    pub fn tags<const N: usize>(self, tags: [&str; N]) -> Self {
        Self { tags: tags.map(str::to_owned).into(), ..self }
    }

    pub fn owner(self, name: &str) -> Self {
        Self { owner: Some(name.to_owned()), ..self }
    }

    pub fn schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        self.schedule = self.accept(schedule.into().0);
        self
    }

    pub fn start_date(self, instant: &str) -> Self {
        Self { start_date: Some(instant.to_owned()), ..self }
    }

    pub fn end_date(self, instant: &str) -> Self {
        Self { end_date: Some(instant.to_owned()), ..self }
    }

    pub fn catchup(self, catchup: bool) -> Self {
        Self { catchup, ..self }
    }

    pub fn param(mut self, name: &str, param: impl Into<Param>) -> Self {
        self.params.insert(name.to_owned(), param.into());
        self
    }

    pub fn max_active_runs(self, count: u32) -> Self {
        Self { max_active_runs: Some(count), ..self }
    }

    pub fn max_active_tasks(self, count: u32) -> Self {
        Self { max_active_tasks: Some(count), ..self }
    }

    pub fn max_consecutive_failed_dag_runs(self, count: u32) -> Self {
        Self { max_consecutive_failed_dag_runs: count, ..self }
    }

    pub fn dagrun_timeout(self, limit: Duration) -> Self {
        Self { dagrun_timeout_ms: Some(millis(limit)), ..self }
    }

    pub fn fail_fast(self, fail_fast: bool) -> Self {
        Self { fail_fast, ..self }
    }

    pub fn is_paused_upon_creation(self, paused: bool) -> Self {
        Self { is_paused_upon_creation: paused, ..self }
    }

    pub fn rerun_with_latest_version(self, latest: bool) -> Self {
        Self { rerun_with_latest_version: latest, ..self }
    }

    pub fn allowed_run_types<const N: usize>(self, types: [&str; N]) -> Self {
        Self { allowed_run_types: types.map(str::to_owned).into(), ..self }
    }

    pub fn on_success(self, callback: Callback) -> Self {
        self.callback(On::Success, callback)
    }

    pub fn on_failure(self, callback: Callback) -> Self {
        self.callback(On::Failure, callback)
    }

    fn callback(mut self, on: On, callback: Callback) -> Self {
        let spec = self.accept(callback.spec(on));
        self.callbacks.extend(spec);
        self
    }

    pub fn deadline(mut self, deadline: Deadline) -> Self {
        let spec = self.accept(deadline.spec());
        self.deadlines.extend(spec);
        self
    }

    pub fn uses_variables<const N: usize>(mut self, keys: [&str; N]) -> Self {
        self.uses.variables.extend(keys.map(str::to_owned));
        self
    }

    pub fn uses_connections<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.uses.connections.extend(ids.map(str::to_owned));
        self
    }

    pub fn uses_dags<const N: usize>(mut self, ids: [&str; N]) -> Self {
        self.uses.dags.extend(ids.map(str::to_owned));
        self
    }

    pub fn uses_assets<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.uses.assets.extend(names.map(str::to_owned));
        self
    }

    pub fn uses_origins<const N: usize>(mut self, origins: [&str; N]) -> Self {
        self.uses.origins.extend(origins.map(str::to_owned));
        self
    }

    /// Calls `body` and puts the tasks that it draws into the DAG.
    pub fn draw<R: Fallible<Value = ()>>(self, body: fn() -> R) -> Result<Self> {
        let (result, draft) = Draft::record(body);
        if let Some(error) = self.error {
            return Err(error);
        }
        result.into_result()?;
        let (groups, tasks) = draft.finish()?;
        let mut declared = Declared::default();
        self.schedule.iter().filter_map(ScheduleSpec::assets).for_each(|expression| declared.add_all(expression));
        for task in &tasks {
            task.settings.inlets.iter().chain(&task.settings.outlets).for_each(|outlet| declared.add(outlet));
        }
        Ok(Self { assets: declared.assets, asset_aliases: declared.aliases, groups, tasks, ..self })
    }

    /// What was given, unless that is a mistake; the first one is remembered.
    fn accept<T>(&mut self, given: Result<T>) -> Option<T> {
        given.map_err(|error| self.error.get_or_insert(error).clone()).ok()
    }
}

/// `span` in whole milliseconds.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
