//! Taking a run to another version of its DAG.
//!
//! Rows name their tasks by index, and a version numbers its tasks anew. So first the rows of a run are [renumbered](
//! Renumbering) by their tasks' ids, which their caller does in the database too; then [`Progress::fit`] makes of them what the
//! new version wants: tasks that are new get task instances, what is gone is `removed`, what was removed is there again.

use std::collections::{HashMap, HashSet};

use super::{Expansion, Instance, Node, Progress};
use crate::graph::{Graph, Mapping, TaskIndex};
use crate::ids::TaskId;
use crate::state::TaskEvent;
use crate::time::Millis;

/// Which index every task that a run has rows of has in another version of its DAG.
#[derive(Debug, Clone)]
pub struct Renumbering {
    indices: HashMap<TaskIndex, TaskIndex>,
    vanished: HashSet<TaskIndex>,
}

impl Renumbering {
    /// From the indices and ids of the run's tasks to those of `graph`. Tasks that it does not have come behind those that it
    /// has, so that their rows stay.
    pub fn new(rows: impl IntoIterator<Item = (TaskIndex, TaskId)>, graph: &Graph) -> Self {
        let mut vanished = HashSet::new();
        let mut indices = HashMap::new();
        let mut next = graph.tasks().count();
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_unstable();
        rows.dedup();
        for (before, id) in rows {
            let after = graph.find(&id).unwrap_or_else(|| {
                let behind = TaskIndex(u32::try_from(next).unwrap_or(u32::MAX));
                next += 1;
                vanished.insert(behind);
                behind
            });
            indices.insert(before, after);
        }
        Self { indices, vanished }
    }

    /// The new index of a task.
    pub fn of(&self, before: TaskIndex) -> TaskIndex {
        self.indices.get(&before).copied().unwrap_or(before)
    }

    /// Whether the task at this new index is not in the new version. To its task instances [`TaskEvent::Removed`] happens.
    pub fn is_gone(&self, after: TaskIndex) -> bool {
        self.vanished.contains(&after)
    }

    /// Renumbers what a task instance decided not to be followed.
    pub fn apply_to(&self, node: &mut Node) {
        if let Some(skips) = &mut node.skips {
            skips.tasks = skips.tasks.iter().map(|&task| self.of(task)).filter(|task| !self.is_gone(*task)).collect();
        }
    }
}

impl Progress<'_> {
    /// Makes of a run that is in memory as a whole, with its rows renumbered, what this version of the DAG wants. New tasks
    /// are looked at by [`Progress::settle`]; nothing that has ended runs again by this.
    pub fn fit(&mut self, now: Millis) {
        for task in self.graph.tasks() {
            match self.graph.mapping(task).map(Mapping::literal) {
                None => self.fit_plain(task, now),
                Some(literal) => self.fit_mapped(task, literal, now),
            }
        }
        self.run.tally.groups.clear();
        self.is_stale = true;
    }

    fn fit_plain(&mut self, task: TaskIndex, now: Millis) {
        self.rows.remove_expansion(task);
        self.keep_only(task, now, |at| at.map_index.is_none());
        self.have(Instance::of(task));
    }

    fn fit_mapped(&mut self, task: TaskIndex, literal: Option<u32>, now: Millis) {
        let indices = self.rows.of_task(task).filter_map(|(at, _)| at.map_index);
        let present = indices.max().map(|last| last + 1);
        let length = literal.filter(|&length| length > 0);
        if length.is_none() && present.is_none() {
            self.have(Instance::of(task));
            self.rows.create_expansion(task, Expansion::default());
            return;
        }
        // A literal says how many there are; of anything else as many as there were, until it is known anew.
        let wanted = length.or(present).unwrap_or(0);
        self.keep_only(task, now, |at| at.map_index.is_some_and(|index| index < wanted));
        (0..wanted).for_each(|index| self.have(Instance::at(task, index)));
        let expansion = Expansion {
            length: Some(wanted.max(present.unwrap_or(0))),
            is_outdated: literal.is_none(),
            ..Expansion::default()
        };
        self.rows.create_expansion(task, expansion);
        if literal.is_some() {
            self.changes.dealt_anew.insert(task);
        }
    }

    /// Removes the instances of a task that are not wanted any more. The one without an index goes where others come.
    fn keep_only(&mut self, task: TaskIndex, now: Millis, is_wanted: impl Fn(Instance) -> bool) {
        let present: Vec<Instance> = self.rows.of_task(task).map(|(at, _)| at).collect();
        for at in present {
            if is_wanted(at) {
                self.must_happen(at, &TaskEvent::Restored, now);
            } else if at.map_index.is_none() {
                self.rows.remove(at);
            } else {
                self.must_happen(at, &TaskEvent::Removed, now);
            }
        }
    }

    pub(super) fn have(&mut self, at: Instance) {
        if self.rows.node(at).is_none() {
            self.rows.create(at, Node::new(self.graph.task(at.task).retries));
        }
    }
}
