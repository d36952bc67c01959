//! Upstream tasks that come after each other, where a task waits for both.
//!
//! For `all_success` a failure counts more than a skip, whichever came first. A failure of a task that runs only after the
//! skipped one has ended is different: by then the skip had decided. Such a failure is in the shadow of the skip.

use std::collections::BTreeSet;

use super::{Graph, TaskIndex};
use crate::trigger_rule::TriggerRule;

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
        earlier.into_iter().flat_map(|earlier| self.shadows_of(earlier, parents, &within)).collect()
    }

    fn shadows_of(&self, earlier: TaskIndex, parents: &[TaskIndex], within: &BTreeSet<TaskIndex>) -> Vec<Shadow> {
        let mut behind = BTreeSet::new();
        let mut stack = vec![earlier];
        while let Some(task) = stack.pop() {
            let children = self.downstream(task).iter().copied();
            stack.extend(children.filter(|child| within.contains(child) && behind.insert(*child)));
        }
        let sealed = self.sealed(earlier, &behind);
        let later = parents.iter().copied().filter(|parent| behind.contains(parent) && self.runs_after(*parent, &sealed));
        later.map(|later| Shadow { earlier, later, ends_later: sealed.contains(&later) }).collect()
    }
}
