//! The rows of a run that are in memory, and those that are asked for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Changes, Expansion, Instance, Node, Progress, RunFacts};
use crate::graph::{Graph, TaskIndex};
use crate::trigger_rule::UpstreamCounts;

/// Rows that have to be handed in before a run can go on. The rows of a mapped task always come with its expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// What stands for the task as a whole: its instance without an index if there is one, and its expansion if it is
    /// mapped.
    Head(TaskIndex),
    /// This task instance.
    Instance(Instance),
    /// All instances of the task.
    Whole(TaskIndex),
    /// Whether the task has nothing to wait for in the run before; see [`crate::graph::Graph::awaited_past`].
    Past(TaskIndex),
    /// All task instances of the run.
    Everything,
}

/// Whether a task has to wait for the run before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// No: all that it waits for has succeeded or was skipped.
    Met,
    /// Yes.
    Unmet,
    /// Yes, and for ever, as far as can be seen: the run before has ended, or is stuck itself.
    Never,
}

impl Past {
    /// What a task has of the run before: `is_met` is whether all that it waits for there has succeeded or was skipped.
    pub fn of(is_met: bool, before: &RunFacts) -> Self {
        match is_met {
            true => Self::Met,
            false if before.state.is_terminal() || before.is_stalled() => Self::Never,
            false => Self::Unmet,
        }
    }
}

/// What is known of a task as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// It is not mapped.
    Plain,
    /// It is mapped and has one instance without an index.
    Unexpanded,
    /// It is mapped and has so many instances.
    Expanded(u32),
}

#[derive(Debug, Default)]
pub(super) struct Rows {
    nodes: BTreeMap<Instance, Node>,
    expansions: BTreeMap<TaskIndex, Expansion>,
    heads: HashSet<TaskIndex>,
    /// Whoever was asked for: it is in memory now, or does not exist.
    asked: HashSet<Instance>,
    whole: HashSet<TaskIndex>,
    everything: bool,
    past: BTreeMap<TaskIndex, Past>,
    pub(super) wanted: BTreeSet<Wanted>,
    changed: BTreeSet<Instance>,
    created: BTreeSet<Instance>,
    removed: BTreeSet<Instance>,
    changed_expansions: BTreeSet<TaskIndex>,
    /// Whether changes are not noted as such, since most of them come out as what was there before.
    is_quiet: bool,
}

/// What rows were before they were counted anew.
pub(super) struct Before {
    nodes: BTreeMap<Instance, UpstreamCounts>,
    expansions: BTreeMap<TaskIndex, Expansion>,
}

impl Progress<'_> {
    /// Hands in rows, in answer to what was wanted. A row that is in memory already stays as it is there.
    pub fn adopt(
        &mut self,
        answered: &[Wanted],
        nodes: impl IntoIterator<Item = (Instance, Node)>,
        expansions: impl IntoIterator<Item = (TaskIndex, Expansion)>,
    ) {
        let rows = &mut self.rows;
        for (at, node) in nodes {
            // Tasks that an earlier version of the DAG had are of no concern to this one.
            if !rows.removed.contains(&at) && at.task.usize() < self.graph.spec().tasks.len() {
                rows.nodes.entry(at).or_insert(node);
            }
        }
        for (task, expansion) in expansions.into_iter().filter(|(task, _)| self.graph.mapping(*task).is_some()) {
            rows.expansions.entry(task).or_insert(expansion);
            rows.heads.insert(task);
        }
        for wanted in answered {
            match wanted {
                Wanted::Head(task) => {
                    rows.heads.insert(*task);
                }
                Wanted::Whole(task) => {
                    rows.heads.insert(*task);
                    rows.whole.insert(*task);
                }
                Wanted::Everything => rows.everything = true,
                Wanted::Instance(at) => {
                    rows.asked.insert(*at);
                }
                Wanted::Past(_) => {}
            }
        }
    }

    /// Says whether a task has to wait for the run before.
    pub fn adopt_past(&mut self, task: TaskIndex, past: Past) {
        self.rows.past.insert(task, past);
    }
}

impl Rows {
    pub(super) fn node(&self, at: Instance) -> Option<&Node> {
        self.nodes.get(&at)
    }

    pub(super) fn expansion(&self, task: TaskIndex) -> Option<&Expansion> {
        self.expansions.get(&task)
    }

    /// A task instance, to be changed.
    pub(super) fn node_mut(&mut self, at: Instance) -> Option<&mut Node> {
        if !self.is_quiet && !self.created.contains(&at) && self.nodes.contains_key(&at) {
            self.changed.insert(at);
        }
        self.nodes.get_mut(&at)
    }

    /// What instances share, to be changed.
    pub(super) fn expansion_mut(&mut self, task: TaskIndex) -> Option<&mut Expansion> {
        if !self.is_quiet && self.expansions.contains_key(&task) {
            self.changed_expansions.insert(task);
        }
        self.expansions.get_mut(&task)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// From now on changes are not noted.
    pub(super) fn begin_quietly(&mut self) -> Before {
        self.is_quiet = true;
        let nodes = self.nodes.iter().map(|(at, node)| (*at, node.seen)).collect();
        Before { nodes, expansions: self.expansions.clone() }
    }

    /// Notes what is different now.
    pub(super) fn end_quietly(&mut self, before: &Before) {
        self.is_quiet = false;
        let changed = self.nodes.iter().filter(|(at, node)| before.nodes.get(at) != Some(&node.seen));
        self.changed.extend(changed.map(|(at, _)| *at).filter(|at| !self.created.contains(at)).collect::<Vec<_>>());
        let changed = self.expansions.iter().filter(|(task, expansion)| before.expansions.get(task) != Some(expansion));
        self.changed_expansions.extend(changed.map(|(task, _)| *task).collect::<Vec<_>>());
    }

    pub(super) fn create(&mut self, at: Instance, node: Node) {
        self.nodes.insert(at, node);
        // What is removed and comes back within one change was never away.
        let _ = if self.removed.remove(&at) { self.changed.insert(at) } else { self.created.insert(at) };
    }

    pub(super) fn create_expansion(&mut self, task: TaskIndex, expansion: Expansion) {
        self.expansions.insert(task, expansion);
        self.changed_expansions.insert(task);
        self.heads.insert(task);
    }

    pub(super) fn remove_expansion(&mut self, task: TaskIndex) {
        if self.expansions.remove(&task).is_some() {
            self.changed_expansions.remove(&task);
        }
    }

    pub(super) fn remove(&mut self, at: Instance) {
        self.nodes.remove(&at);
        self.changed.remove(&at);
        if !self.created.remove(&at) {
            self.removed.insert(at);
        }
    }

    /// What is known of a task as a whole; `None`, and it is wanted, if nothing is.
    pub(super) fn head(&mut self, graph: &Graph, task: TaskIndex) -> Option<Head> {
        if graph.mapping(task).is_none() {
            let known = self.nodes.contains_key(&Instance::of(task));
            return self.if_known(known, Wanted::Head(task)).then_some(Head::Plain);
        }
        let length = self.expansions.get(&task).map(|expansion| expansion.length);
        let known = length.is_some() && (self.heads.contains(&task) || self.everything);
        if !self.if_known(known, Wanted::Head(task)) {
            return None;
        }
        match length.flatten() {
            Some(length) => Some(Head::Expanded(length)),
            // The expansion can have come with a single instance of a task that was expanded since.
            None if self.nodes.contains_key(&Instance::of(task)) => Some(Head::Unexpanded),
            None => {
                self.wanted.insert(Wanted::Head(task));
                None
            }
        }
    }

    /// Whether there is such a task instance; `None`, and it is wanted, if that is not known.
    pub(super) fn has(&mut self, at: Instance) -> Option<bool> {
        if self.nodes.contains_key(&at) {
            return Some(true);
        }
        let is_known = self.everything || self.whole.contains(&at.task) || self.asked.contains(&at);
        self.if_known(is_known, Wanted::Instance(at)).then_some(false)
    }

    /// Whether all instances of a task are in memory; if not, they are wanted.
    pub(super) fn has_whole(&mut self, task: TaskIndex) -> bool {
        let known = self.everything || self.whole.contains(&task);
        self.if_known(known, Wanted::Whole(task))
    }

    /// Whether all task instances are in memory; if not, they are wanted.
    pub(super) fn has_everything(&mut self) -> bool {
        self.if_known(self.everything, Wanted::Everything)
    }

    /// Whether a task has to wait for the run before; `None`, and it is wanted, if that is not known.
    pub(super) fn past(&mut self, task: TaskIndex) -> Option<Past> {
        let past = self.past.get(&task).copied();
        if past.is_none() {
            self.wanted.insert(Wanted::Past(task));
        }
        past
    }

    fn if_known(&mut self, known: bool, wanted: Wanted) -> bool {
        if !known {
            self.wanted.insert(wanted);
        }
        known
    }

    pub(super) fn mark_everything(&mut self) {
        self.everything = true;
    }

    pub(super) fn mark_whole(&mut self, task: TaskIndex) {
        self.whole.insert(task);
    }

    /// The instances of a task that are in memory, by index.
    pub(super) fn of_task(&self, task: TaskIndex) -> impl Iterator<Item = (Instance, &Node)> {
        let last = Instance { task, map_index: Some(u32::MAX) };
        self.nodes.range(Instance::of(task)..=last).map(|(at, node)| (*at, node))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Instance, &Node)> {
        self.nodes.iter().map(|(at, node)| (*at, node))
    }

    pub(super) fn all_expansions(&self) -> impl Iterator<Item = (TaskIndex, &Expansion)> {
        self.expansions.iter().map(|(task, expansion)| (*task, expansion))
    }

    pub(super) fn write_to(mut self, changes: &mut Changes) {
        let mut take = |at: Instance| self.nodes.remove(&at).map(|node| (at, node));
        changes.changed = std::mem::take(&mut self.changed).into_iter().filter_map(&mut take).collect();
        changes.created = std::mem::take(&mut self.created).into_iter().filter_map(&mut take).collect();
        changes.removed = self.removed.into_iter().collect();
        let expansions = self.changed_expansions.into_iter();
        changes.expansions =
            expansions.filter_map(|task| self.expansions.get(&task).map(|expansion| (task, *expansion))).collect();
    }
}
