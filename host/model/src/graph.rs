//! A DAG that has been checked: tasks by index, edges both ways, groups, no cycle, and everything about its shape that the
//! rules ask for, worked out once.
//!
//! It is built once per DAG version and shared; nothing in it changes.

use std::collections::{HashMap, HashSet};

use crate::dag::{DagSpec, TaskSpec};
use crate::ids::{GroupId, TaskId};
use crate::trigger_rule::{Expected, TriggerRule};

mod awaited;
mod between;
mod build;
mod checks;
mod error;
mod groups;
mod mapped;
mod order;
mod part;
mod select;

pub use error::GraphError;
pub use groups::{GroupIndex, UnknownTarget};
pub use mapped::{MAX_MAP_LENGTH, Mapping};
pub use part::{Part, PartError};
pub use select::Direction;

use groups::Groups;

/// The most tasks a DAG may have.
pub const MAX_TASKS: usize = 100_000;
/// The most edges a DAG may have.
pub const MAX_EDGES: usize = 1_000_000;

/// A task's position in its DAG's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TaskIndex(pub u32);

impl TaskIndex {
    pub(crate) fn usize(self) -> usize {
        self.0 as usize
    }
}

/// A checked DAG.
#[derive(Debug)]
pub struct Graph {
    spec: DagSpec,
    index: HashMap<TaskId, TaskIndex>,
    groups: Groups,
    upstream: Vec<Vec<TaskIndex>>,
    downstream: Vec<Vec<TaskIndex>>,
    /// Every task after all of its upstream.
    order: Vec<TaskIndex>,
    facts: Vec<Facts>,
    has_leaf: bool,
    /// Tasks that are left out, if this is a part of a DAG.
    elsewhere: HashSet<String>,
}

/// What is known of one task's place, besides its edges.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, asked by its own accessor")]
#[derive(Debug, Clone, Default)]
struct Facts {
    rule: TriggerRule,
    mapping: Option<Mapping>,
    is_setup: bool,
    is_teardown: bool,
    is_gate: bool,
    is_leaf: bool,
    /// The setups that stand before it besides its upstream, and have to succeed.
    setups: Vec<TaskIndex>,
    /// Tasks that this setup stands before without being their upstream.
    setup_for: Vec<TaskIndex>,
    /// Teardowns that wait for this task besides their upstream.
    torn_down_by: Vec<TaskIndex>,
    /// What this teardown waits for besides its upstream.
    scope: Vec<TaskIndex>,
    /// Whether something is mapped over what it returns.
    is_source: bool,
    /// Tasks of the groups that are mapped over this task which are not downstream of it.
    mapped_over_by: Vec<TaskIndex>,
    awaited: Awaited,
}

/// How much a task waits for, as far as the DAG alone says.
#[derive(Debug, Clone, Copy, Default)]
struct Awaited {
    /// What counts for all its instances alike.
    shared: Expected,
    /// What counts for each by its index.
    aligned: Expected,
}

impl Graph {
    /// The DAG as its module described it.
    pub fn spec(&self) -> &DagSpec {
        &self.spec
    }

    /// Every task's index, in the order they were written.
    pub fn tasks(&self) -> impl Iterator<Item = TaskIndex> + use<> {
        (0..u32::try_from(self.spec.tasks.len()).unwrap_or(u32::MAX)).map(TaskIndex)
    }

    /// Every task's index, each after all of its upstream.
    pub fn in_order(&self) -> &[TaskIndex] {
        &self.order
    }

    /// The task at `index`.
    pub fn task(&self, index: TaskIndex) -> &TaskSpec {
        &self.spec.tasks[index.usize()]
    }

    /// Where the task of this id is.
    pub fn find(&self, id: &TaskId) -> Option<TaskIndex> {
        self.index.get(id).copied()
    }

    /// The direct upstream tasks, each once.
    pub fn upstream(&self, index: TaskIndex) -> &[TaskIndex] {
        &self.upstream[index.usize()]
    }

    /// The direct downstream tasks, each once.
    pub fn downstream(&self, index: TaskIndex) -> &[TaskIndex] {
        &self.downstream[index.usize()]
    }

    /// The rule by which it is decided whether the task runs; that of a teardown is always the same.
    pub fn rule(&self, index: TaskIndex) -> TriggerRule {
        self.facts(index).rule
    }

    /// How the task is mapped, by itself or with its group.
    pub fn mapping(&self, index: TaskIndex) -> Option<&Mapping> {
        self.facts(index).mapping.as_ref()
    }

    /// The innermost mapped group that the task is in.
    pub fn mapped_group(&self, index: TaskIndex) -> Option<GroupIndex> {
        self.facts(index).mapping.as_ref().and_then(|mapping| mapping.group)
    }

    /// Whether the instances of the two tasks belong together index by index: both are in one mapped group.
    pub fn is_aligned(&self, one: TaskIndex, other: TaskIndex) -> bool {
        self.mapped_group(one).is_some_and(|group| self.mapped_group(other) == Some(group))
    }

    /// Whether a teardown undoes the task.
    pub fn is_setup(&self, index: TaskIndex) -> bool {
        self.facts(index).is_setup
    }

    /// Whether the task undoes what setups have set up.
    pub fn is_teardown(&self, index: TaskIndex) -> bool {
        self.facts(index).is_teardown
    }

    /// Whether the task may decide what is followed, or stands behind a short circuit.
    pub(crate) fn is_gate(&self, index: TaskIndex) -> bool {
        self.facts(index).is_gate
    }

    /// Whether the task decides how a run ends: nothing that matters waits for it.
    pub fn is_leaf(&self, index: TaskIndex) -> bool {
        if self.has_leaf { self.facts(index).is_leaf } else { self.downstream(index).is_empty() }
    }

    /// The setups that have to succeed before the task runs, besides its direct upstream.
    pub(crate) fn setups_before(&self, index: TaskIndex) -> &[TaskIndex] {
        &self.facts(index).setups
    }

    /// Tasks that are looked at when this one has ended although nothing is counted for them.
    pub(crate) fn onlookers(&self, index: TaskIndex) -> impl Iterator<Item = TaskIndex> {
        let facts = self.facts(index);
        facts.setup_for.iter().chain(&facts.mapped_over_by).copied()
    }

    /// Teardowns that wait for this task besides their direct upstream.
    pub(crate) fn torn_down_by(&self, index: TaskIndex) -> &[TaskIndex] {
        &self.facts(index).torn_down_by
    }

    /// What the teardown waits for besides its direct upstream.
    pub(crate) fn scope(&self, index: TaskIndex) -> &[TaskIndex] {
        &self.facts(index).scope
    }

    /// Whether something is mapped over what the task returns, which then has to be a list or an object.
    pub fn is_source(&self, index: TaskIndex) -> bool {
        self.facts(index).is_source
    }

    /// What all instances of the task wait for alike.
    pub(crate) fn awaited_by_all(&self, index: TaskIndex) -> Expected {
        self.facts(index).awaited.shared
    }

    /// What each instance of the task waits for in the same place of its mapped group.
    pub(crate) fn awaited_in_place(&self, index: TaskIndex) -> Expected {
        self.facts(index).awaited.aligned
    }

    /// Whether any task waits for what became of it in the run before.
    pub fn has_past(&self) -> bool {
        self.spec.tasks.iter().any(|task| task.depends_on_past || task.wait_for_downstream)
    }

    /// Whether the task waits for what became of it in the run before.
    pub fn waits_for_past(&self, index: TaskIndex) -> bool {
        let task = self.task(index);
        task.depends_on_past || task.wait_for_downstream
    }

    /// The tasks of the run before whose every instance must have succeeded or been skipped before this one runs.
    pub fn awaited_past(&self, index: TaskIndex) -> Vec<TaskIndex> {
        let further = if self.task(index).wait_for_downstream { self.downstream(index) } else { &[] };
        std::iter::once(index).chain(further.iter().copied()).collect()
    }

    /// The tasks of the next run that may wait for what becomes of this one.
    pub fn awaited_by_next_run(&self, index: TaskIndex) -> Vec<TaskIndex> {
        let own = self.waits_for_past(index).then_some(index);
        let upstream = self.upstream(index).iter().copied().filter(|&parent| self.task(parent).wait_for_downstream);
        own.into_iter().chain(upstream).collect()
    }

    /// The group of this id.
    pub fn find_group(&self, id: &GroupId) -> Option<GroupIndex> {
        self.groups.find(id)
    }

    fn facts(&self, index: TaskIndex) -> &Facts {
        &self.facts[index.usize()]
    }
}

#[cfg(test)]
mod tests;
