//! The JSON by which a module describes its tasks and groups to the host.
//!
//! While a DAG is drawn its tasks name each other by the order of their calls, because an id can still be given; `Id`
//! is such a number first and a text in the end.

use serde::Serialize;
use serde_json::Value;

use crate::asset::Outlet;
use crate::callback::CallbackSpec;
use crate::deadline::DeadlineSpec;
use crate::question::Form;
use crate::wait::WaitSpec;

/// When a task may run, by how its direct upstream tasks ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// All of them succeeded.
    #[default]
    AllSuccess,
    /// All of them failed.
    AllFailed,
    /// All of them ended, however they did. The result of one that did not succeed is `null`.
    AllDone,
    /// All of them ended, none was skipped, and at least one succeeded.
    AllDoneMinOneSuccess,
    /// All of them ended, and at least one of those that are setups succeeded: the rule of teardowns.
    AllDoneSetupSuccess,
    /// At least one succeeded; the others are not waited for.
    OneSuccess,
    /// At least one failed; the others are not waited for.
    OneFailed,
    /// At least one succeeded or failed; the others are not waited for.
    OneDone,
    /// None of them failed.
    NoneFailed,
    /// None of them failed, and at least one succeeded: what follows a branch and joins its ways.
    NoneFailedMinOneSuccess,
    /// None of them was skipped.
    NoneSkipped,
    /// All of them were skipped.
    AllSkipped,
    /// At once.
    Always,
}

/// How the weights of other tasks add to a task's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// Those of all tasks downstream are added.
    #[default]
    Downstream,
    /// Those of all tasks upstream are added.
    Upstream,
    /// None are.
    Absolute,
}

/// What a task or a DAG declares to use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Uses {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) variables: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) connections: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) assets: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) origins: Vec<String>,
}

/// One argument of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument<Id> {
    /// A value known when the DAG is drawn.
    Literal(Value),
    /// What another task returned.
    Output(Id),
    /// What several tasks returned, as one array.
    Outputs(Vec<Id>),
    /// A member of the run's configuration.
    Conf(String),
    /// One element for each mapped instance.
    Expand(MapSource<Id>),
    /// A member of the mapped instance's object.
    Keyword(String),
    /// An element of the mapped group that the task is in.
    GroupItem(String),
}

/// What a mapped task or group is expanded over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MapSource<Id> {
    /// A sequence or a map that the DAG gives.
    Literal(Value),
    /// What a task returned.
    Output(Id),
    /// The elements of several sources side by side.
    Zip {
        /// What is put side by side.
        sources: Vec<Self>,
        /// What stands where a source has no element left.
        #[serde(skip_serializing_if = "Option::is_none")]
        fill: Option<Value>,
    },
    /// The elements of several sources, one source after the other.
    Concat(Vec<Self>),
}

/// What the host does in place of a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Native {
    Empty,
    LatestOnly,
    Wait(WaitSpec),
    HumanInput(Box<Form>),
}

/// What makes a task a sensor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sensor {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) soft_fail: bool,
}

/// What makes a task a teardown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Teardown<Id> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) setups: Vec<Id>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) on_failure_fail_dagrun: bool,
}

/// How a task decides what goes on after it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decides {
    Branch,
    ShortCircuit,
}

/// How a task is run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) map_index_template: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) trigger_rule: TriggerRule,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) setup: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decides: Option<Decides>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ignore_downstream_trigger_rules: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) retry_exponential_backoff: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_retry_delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sensor: Option<Sensor>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) depends_on_past: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) wait_for_downstream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool_slots: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority_weight: Option<i32>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) weight_rule: WeightRule,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_active_tis_per_dag: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_active_tis_per_dagrun: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "crate::asset::names")]
    pub(crate) inlets: Vec<Outlet>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "crate::asset::names")]
    pub(crate) outlets: Vec<Outlet>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) callbacks: Vec<CallbackSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deadlines: Vec<DeadlineSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doc_md: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) uses: Uses,
}

/// One task of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Task {
    #[serde(rename = "task_id")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) native: Option<Native>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) arguments: Vec<Argument<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expand_kwargs: Option<MapSource<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) depends_on: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) teardown: Option<Teardown<String>>,
    #[serde(flatten)]
    pub(crate) settings: Settings,
}

/// How a group is run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct GroupSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tooltip: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) retries: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) retry_delay_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_active_tis: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deadlines: Vec<DeadlineSpec>,
}

/// One group of a DAG.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Group {
    #[serde(rename = "group_id")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) expand: Vec<GroupItem>,
    #[serde(flatten)]
    pub(crate) settings: GroupSettings,
}

/// One list that a group is mapped over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GroupItem {
    pub(crate) name: &'static str,
    pub(crate) over: MapSource<String>,
}

/// What the host takes for granted need not be said.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<Id> Argument<Id> {
    /// The same argument with its tasks named otherwise.
    pub(crate) fn map<To>(self, name: impl Fn(Id) -> To + Copy) -> Argument<To> {
        match self {
            Self::Literal(value) => Argument::Literal(value),
            Self::Output(task) => Argument::Output(name(task)),
            Self::Outputs(tasks) => Argument::Outputs(tasks.into_iter().map(name).collect()),
            Self::Conf(member) => Argument::Conf(member),
            Self::Expand(source) => Argument::Expand(source.map(name)),
            Self::Keyword(member) => Argument::Keyword(member),
            Self::GroupItem(member) => Argument::GroupItem(member),
        }
    }
}

impl<Id> MapSource<Id> {
    /// The same source with its tasks named otherwise.
    pub(crate) fn map<To>(self, name: impl Fn(Id) -> To + Copy) -> MapSource<To> {
        match self {
            Self::Literal(value) => MapSource::Literal(value),
            Self::Output(task) => MapSource::Output(name(task)),
            Self::Zip { sources, fill } => {
                MapSource::Zip { sources: sources.into_iter().map(|source| source.map(name)).collect(), fill }
            }
            Self::Concat(sources) => MapSource::Concat(sources.into_iter().map(|source| source.map(name)).collect()),
        }
    }

    /// Adds the tasks whose results it is made of to `tasks`.
    pub(crate) fn collect(&self, tasks: &mut Vec<Id>)
    where
        Id: Copy,
    {
        match self {
            Self::Literal(_) => {}
            Self::Output(task) => tasks.push(*task),
            Self::Zip { sources, .. } | Self::Concat(sources) => {
                for source in sources {
                    source.collect(tasks);
                }
            }
        }
    }
}

impl<Id> Teardown<Id> {
    /// The same teardown with its setups named otherwise.
    pub(crate) fn map<To>(self, name: impl Fn(Id) -> To) -> Teardown<To> {
        let Self { setups, on_failure_fail_dagrun } = self;
        Teardown { setups: setups.into_iter().map(name).collect(), on_failure_fail_dagrun }
    }
}
