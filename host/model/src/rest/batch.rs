//! `…/list`: lists of runs and of task instances whose conditions come in the body, where a query would be too long.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::dag_runs::DagRunFilter;
use super::task_instances::TaskInstanceFilter;
use super::task_traits::TaskTraits;
use super::{Dates, PageRequest};
use crate::ids::{DagId, RunId, TaskId};
use crate::run::RunType;
use crate::state::{RunState, TaskInstanceState};

/// A member of the body that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown field `{0}`")]
pub struct UnknownMember(String);

/// Which runs are asked for. All conditions hold at once; one that is left out holds for every run. Besides these there are
/// the ranges of dates of the list's query, such as `run_after_gte`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct DagRunsBatch {
    /// Of these DAGs.
    #[serde(default)]
    dag_ids: Option<Vec<DagId>>,
    /// With these ids.
    #[serde(default)]
    dag_run_ids: Option<Vec<RunId>>,
    /// In one of these states.
    #[serde(default)]
    states: Option<Vec<RunState>>,
    /// Made by one of these.
    #[serde(default)]
    run_types: Option<Vec<RunType>>,
    /// With this text in its configuration, in letters of either case.
    #[serde(default)]
    conf_contains: Option<String>,
    #[serde(flatten)]
    part: Part,
}

/// Which task instances are asked for. All conditions hold at once; one that is left out holds for every task instance.
/// Besides these there are the ranges of dates of the list's query, such as `start_date_gte`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct TaskInstancesBatch {
    /// Of these DAGs.
    #[serde(default)]
    dag_ids: Option<Vec<DagId>>,
    /// Of runs with these ids.
    #[serde(default)]
    dag_run_ids: Option<Vec<RunId>>,
    /// Of tasks with these ids.
    #[serde(default)]
    task_ids: Option<Vec<TaskId>>,
    /// In one of these states; null while its upstream has not decided whether it runs.
    #[serde(default)]
    state: Option<Vec<Option<TaskInstanceState>>>,
    /// With one of these map indices.
    #[serde(default)]
    map_index: Option<Vec<i64>>,
    /// Of tasks that take slots of one of these pools.
    #[serde(default)]
    pool: Option<Vec<String>>,
    /// Of tasks in one of these queues; every task is in `default`.
    #[serde(default)]
    queue: Option<Vec<String>>,
    /// Of tasks that one of these executors runs; no task has one.
    #[serde(default)]
    executor: Option<Vec<String>>,
    #[serde(flatten)]
    part: Part,
}

/// Which part of the list, and from when.
#[derive(Debug, Clone, Deserialize, ToSchema)]
struct Part {
    /// The field to sort by, `-` in front for descending.
    #[serde(default)]
    order_by: Option<String>,
    /// How many entries to leave out first.
    #[serde(default)]
    page_offset: u32,
    /// How many entries at most, up to 1,000.
    #[serde(default = "hundred")]
    page_limit: u32,
    #[serde(flatten)]
    #[schema(ignore)]
    dates: Dates,
    /// What is left: nothing, or the body is not understood.
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Map<String, Value>,
}

fn hundred() -> u32 {
    100
}

impl Part {
    fn split(self) -> Result<(Dates, PageRequest), UnknownMember> {
        let Self { order_by, page_offset, page_limit, dates, unknown } = self;
        if let Some((member, _)) = unknown.into_iter().next() {
            return Err(UnknownMember(member));
        }
        Ok((dates, PageRequest { limit: page_limit, offset: page_offset, order_by: order_by.into_iter().collect() }))
    }
}

impl DagRunsBatch {
    /// What is asked for, as a list's query would say it.
    pub fn split(self) -> Result<(DagRunFilter, PageRequest), UnknownMember> {
        let (dates, page) = self.part.split()?;
        let filter = DagRunFilter {
            dag_ids: self.dag_ids.unwrap_or_default(),
            run_ids: self.dag_run_ids.unwrap_or_default(),
            state: self.states.unwrap_or_default(),
            run_type: self.run_types.unwrap_or_default(),
            conf_contains: self.conf_contains,
            dates,
            ..DagRunFilter::default()
        };
        Ok((filter, page))
    }
}

impl TaskInstancesBatch {
    /// What is asked for, as a list's query would say it.
    pub fn split(self) -> Result<(TaskInstanceFilter, PageRequest), UnknownMember> {
        let (dates, page) = self.part.split()?;
        let states = self.state.unwrap_or_default();
        let traits = TaskTraits {
            pool: self.pool.unwrap_or_default(),
            queue: self.queue.unwrap_or_default(),
            executor: self.executor.unwrap_or_default(),
            ..TaskTraits::default()
        };
        let filter = TaskInstanceFilter {
            dag_ids: self.dag_ids.unwrap_or_default(),
            run_ids: self.dag_run_ids.unwrap_or_default(),
            task_ids: self.task_ids.unwrap_or_default(),
            state: states.into_iter().map(|state| state.unwrap_or(TaskInstanceState::None)).collect(),
            map_index: self.map_index.unwrap_or_default(),
            dates,
            traits,
            ..TaskInstanceFilter::default()
        };
        Ok((filter, page))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::time::Millis;

    #[test]
    fn a_body_says_what_a_query_says() {
        let body = json!({"dag_ids": ["d"], "state": ["running", null], "run_after_gte": "1970-01-01T00:00:00.005Z",
                          "pool": ["db"], "page_limit": 7, "order_by": "-start_date"});
        let batch: TaskInstancesBatch = serde_json::from_value(body).expect("it is understood");
        let (filter, page) = batch.split().expect("nothing is unknown");
        assert_eq!(filter.dag_ids, ["d".parse().expect("a DAG's id")]);
        assert_eq!(filter.state, [TaskInstanceState::Running, TaskInstanceState::None]);
        assert_eq!(filter.dates.run_after_gte, Some(Millis(5)));
        assert_eq!(filter.traits.pool, ["db"]);
        assert_eq!((page.limit, page.offset, page.order_by), (7, 0, vec!["-start_date".to_owned()]));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let batch: DagRunsBatch = serde_json::from_value(json!({"dag_id": ["d"]})).expect("it can be read");
        assert_eq!(batch.split().expect_err("no such member").to_string(), "unknown field `dag_id`");
    }
}
