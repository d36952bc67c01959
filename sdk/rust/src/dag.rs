//! DAGs, as the host gets to know them.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::asset::{Alias, Asset, Declared};
use crate::draft::{Draft, Drawn};
use crate::param::Param;
use crate::runtime::Fallible;
use crate::schedule::Schedule;
use crate::spec::Object;
use crate::{Callback, Deadline, Error, Result};

/// A DAG as the host gets to know it. It serialises as the host reads it, so that a test can look at it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dag {
    said: Object,
    declared: Declared,
    /// The first mistake in the options.
    error: Option<Error>,
}

impl Serialize for Dag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.said.0.serialize(serializer)
    }
}

#[doc(hidden)]
#[expect(clippy::return_self_not_must_use, reason = "called only by what #[dag] expands to")]
impl Dag {
    pub fn new(id: &str) -> Self {
        Self::default().set("dag_id", id)
    }

    fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.said.set(key, value);
        self
    }

    pub fn display_name(self, name: &str) -> Self {
        self.set("display_name", name)
    }

    pub fn description(self, text: &str) -> Self {
        self.set("description", text)
    }

    pub fn doc_md(self, markdown: &str) -> Self {
        self.set("doc_md", markdown)
    }

    pub fn tags<const N: usize>(self, tags: [&str; N]) -> Self {
        self.set("tags", tags.as_slice())
    }

    pub fn owner(self, name: &str) -> Self {
        self.set("owner", name)
    }

    pub fn schedule(mut self, schedule: impl Into<Schedule>) -> Self {
        let Some((schedule, assets)) = self.accept(schedule.into().json()) else { return self };
        if let Some(assets) = assets {
            self.declared.add_all(&assets);
        }
        self.set("schedule", schedule)
    }

    pub fn start_date(self, instant: &str) -> Self {
        self.set("start_date", instant)
    }

    pub fn end_date(self, instant: &str) -> Self {
        self.set("end_date", instant)
    }

    pub fn catchup(self, catchup: bool) -> Self {
        self.set("catchup", catchup)
    }

    pub fn param(mut self, name: &str, param: impl Into<Param>) -> Self {
        self.said.within("params", |params| params.set(name, param.into().json()));
        self
    }

    pub fn max_active_runs(self, count: u32) -> Self {
        self.set("max_active_runs", count)
    }

    pub fn max_active_tasks(self, count: u32) -> Self {
        self.set("max_active_tasks", count)
    }

    pub fn max_consecutive_failed_dag_runs(self, count: u32) -> Self {
        self.set("max_consecutive_failed_dag_runs", count)
    }

    pub fn dagrun_timeout(self, limit: Duration) -> Self {
        self.set("dagrun_timeout_ms", millis(limit))
    }

    pub fn fail_fast(self, fail_fast: bool) -> Self {
        self.set("fail_fast", fail_fast)
    }

    pub fn is_paused_upon_creation(self, paused: bool) -> Self {
        self.set("is_paused_upon_creation", paused)
    }

    pub fn rerun_with_latest_version(self, latest: bool) -> Self {
        self.set("rerun_with_latest_version", latest)
    }

    pub fn allowed_run_types<const N: usize>(self, types: [&str; N]) -> Self {
        self.set("allowed_run_types", types.as_slice())
    }

    pub fn on_success(self, callback: Callback) -> Self {
        self.push("callbacks", callback.json("on_success"))
    }

    pub fn on_failure(self, callback: Callback) -> Self {
        self.push("callbacks", callback.json("on_failure"))
    }

    pub fn deadline(self, deadline: Deadline) -> Self {
        self.push("deadlines", deadline.json())
    }

    fn push(mut self, key: &str, given: Result<Value>) -> Self {
        if let Some(given) = self.accept(given) {
            self.said.push(key, given);
        }
        self
    }

    pub fn uses_variables<const N: usize>(self, keys: [&str; N]) -> Self {
        self.uses("variables", keys)
    }

    pub fn uses_connections<const N: usize>(self, ids: [&str; N]) -> Self {
        self.uses("connections", ids)
    }

    pub fn uses_dags<const N: usize>(self, ids: [&str; N]) -> Self {
        self.uses("dags", ids)
    }

    pub fn uses_assets<const N: usize>(self, names: [&str; N]) -> Self {
        self.uses("assets", names)
    }

    pub fn uses_origins<const N: usize>(self, origins: [&str; N]) -> Self {
        self.uses("origins", origins)
    }

    fn uses<const N: usize>(mut self, kind: &str, names: [&str; N]) -> Self {
        self.said.uses(kind, names);
        self
    }

    /// Calls `body` and puts the tasks that it draws into the DAG.
    pub fn draw<R: Fallible<Value = ()>>(mut self, body: fn() -> R) -> Result<Self> {
        let (result, draft) = Draft::record(body);
        if let Some(error) = self.error {
            return Err(error);
        }
        result.into_result()?;
        let Drawn { groups, tasks, outlets } = draft.finish()?;
        for outlet in &outlets {
            self.declared.add(outlet);
        }
        self.said.set_list("assets", self.declared.assets.iter().map(Asset::json));
        self.said.set_list("asset_aliases", self.declared.aliases.iter().map(Alias::json));
        self.said.set_list("groups", groups);
        Ok(self.set("tasks", tasks))
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
