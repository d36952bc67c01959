//! Upstream tasks that come after each other, where a task waits for both.
//!
//! For `all_success` a failure counts more than a skip, whichever came first. A failure of a task that runs only after the
//! skipped one has ended is different: by then the skip had decided. Such a failure is in the shadow of the skip.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, Mapping, TaskIndex};
use crate::trigger_rule::{Patience, TriggerRule};

/// How much is walked to find what is in whose shadow. Where it is not enough, failures count as failures.
const WALK: usize = 1_000_000;

/// Of a task's direct upstream one comes after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadow {
    /// The earlier.
    pub earlier: TaskIndex,
    /// The later, which runs only after the earlier has ended.
    pub later: TaskIndex,
    /// Whether the later cannot even end before the earlier has.
    pub ends_later: bool,
}

impl Graph {
    /// Which of the task's direct upstream come after which, if its rule asks for it. It is worked out when it is first
    /// asked for: only a task that has seen both a skip and a failure needs it.
    pub(crate) fn shadows(&self, task: TaskIndex) -> &[Shadow] {
        self.shadows[task.usize()].get_or_init(|| self.find_shadows(task).into())
    }

    fn find_shadows(&self, task: TaskIndex) -> Vec<Shadow> {
        if self.rule(task) != TriggerRule::AllSuccess {
            return Vec::new();
        }
        let parents = self.upstream(task);
        let further: Vec<TaskIndex> = parents.iter().flat_map(|&parent| self.upstream(parent)).copied().collect();
        let above = self.upstream_closure(&further);
        let earlier: Vec<TaskIndex> =
            parents.iter().copied().filter(|parent| above.binary_search(parent).is_ok()).collect();
        if earlier.len().saturating_mul(above.len()) > WALK {
            return Vec::new();
        }
        let mut within: BTreeSet<TaskIndex> = above.into_iter().collect();
        within.extend(parents);
        earlier.into_iter().flat_map(|earlier| self.shadows_of(task, earlier, &within)).collect()
    }

    /// Those of `parents` of `task` that come after `earlier`, another of them.
    fn shadows_of(&self, task: TaskIndex, earlier: TaskIndex, within: &BTreeSet<TaskIndex>) -> Vec<Shadow> {
        let mut behind = BTreeSet::new();
        let mut stack = vec![earlier];
        while let Some(next) = stack.pop() {
            let children = self.downstream(next).iter().copied();
            stack.extend(children.filter(|child| within.contains(child) && behind.insert(*child)));
        }
        let mut seal =
            Seal { graph: self, in_place: self.is_aligned(earlier, task), sealed: BTreeSet::from([earlier]) };
        seal.spread(earlier, &behind);
        let later = self.upstream(task).iter().copied();
        let later = later.filter(|parent| behind.contains(parent) && seal.runs_after(*parent));
        later.map(|later| Shadow { earlier, later, ends_later: seal.sealed.contains(&later) }).collect()
    }
}

/// The tasks that cannot end before one has, whatever becomes of the others.
struct Seal<'g> {
    graph: &'g Graph,
    /// Whether it is about instances of one mapped group with the same index. If not, it is about all instances of a task, and
    /// those of a group do not wait for those of other indices.
    in_place: bool,
    sealed: BTreeSet<TaskIndex>,
}

impl Seal<'_> {
    fn spread(&mut self, start: TaskIndex, behind: &BTreeSet<TaskIndex>) {
        let is_inside = |task: &&TaskIndex| behind.contains(task) || **task == start;
        let parents = |task: TaskIndex| self.graph.upstream(task).iter().filter(is_inside).count();
        let mut waiting: BTreeMap<TaskIndex, usize> = behind.iter().map(|&task| (task, parents(task))).collect();
        let mut ready = vec![start];
        while let Some(task) = ready.pop() {
            for &child in self.graph.downstream(task) {
                let Some(left) = waiting.get_mut(&child) else { continue };
                *left -= 1;
                if *left == 0 {
                    if self.ends_after(child) {
                        self.sealed.insert(child);
                    }
                    ready.push(child);
                }
            }
        }
    }

    /// Whether a task that waits for the parent waits for all that is sealed of it.
    fn waits_for(&self, task: TaskIndex, parent: TaskIndex) -> bool {
        self.sealed.contains(&parent) && (self.in_place || !self.graph.is_aligned(parent, task))
    }

    /// Whether a task that waits for any one instance of the parent waits for all that is sealed of it.
    fn waits_for_only(&self, task: TaskIndex, parent: TaskIndex) -> bool {
        let is_one = self.graph.mapping(parent).is_none() || self.in_place && self.graph.is_aligned(parent, task);
        is_one && self.sealed.contains(&parent)
    }

    /// Whether the task cannot run before.
    fn runs_after(&self, task: TaskIndex) -> bool {
        let mut parents = self.graph.upstream(task).iter();
        match self.graph.rule(task).patience() {
            Patience::Full | Patience::ToRun => parents.any(|&parent| self.waits_for(task, parent)),
            Patience::One => parents.all(|&parent| self.waits_for_only(task, parent)),
            Patience::None => false,
        }
    }

    /// Whether the task cannot even end before. Besides its rule, what it is mapped over can end it, and setups before it, and
    /// decisions.
    fn ends_after(&self, task: TaskIndex) -> bool {
        let mut parents = self.graph.upstream(task).iter();
        let is_ruled_after = match self.graph.rule(task).patience() {
            Patience::Full => parents.clone().any(|&parent| self.waits_for(task, parent)),
            Patience::ToRun | Patience::One => parents.clone().all(|&parent| self.waits_for_only(task, parent)),
            Patience::None => false,
        };
        let sources = self.graph.mapping(task).map_or(&[][..], Mapping::sources);
        let mut others = sources.iter().chain(self.graph.setups_before(task));
        is_ruled_after
            && parents.all(|&parent| !self.graph.is_gate(parent) || self.waits_for_only(task, parent))
            && others.all(|&other| self.waits_for_only(task, other))
    }
}
