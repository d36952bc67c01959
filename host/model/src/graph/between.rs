//! What stands between setups and teardowns.
//!
//! A setup has to succeed before every task behind it runs, as long as one of its teardowns is still to come, and a teardown
//! waits for everything between. Source: Airflow 3.3, `AbstractOperator.get_upstreams_only_setups`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, GraphError, MAX_EDGES, Mapping, TaskIndex};
use crate::trigger_rule::Patience;

impl Graph {
    pub(super) fn note_between(&mut self) -> Result<(), GraphError> {
        let (mut walked, mut noted) = (0, 0);
        let setups: Vec<TaskIndex> = self.tasks().filter(|&task| self.is_setup(task)).collect();
        for &setup in &setups {
            let behind = self.behind(setup);
            walked += behind.len();
            noted += self.note_covered(setup, &behind);
            if noted > MAX_EDGES || walked > 5 * MAX_EDGES {
                return Err(GraphError::TooMuchBetween);
            }
        }
        for setup in setups {
            let sealed = self.sealed(setup, &self.behind(setup));
            let covered = &self.facts[setup.usize()].setup_for;
            let may_wait = covered.iter().copied().filter(|&task| !self.runs_after(task, &sealed)).collect();
            self.facts[setup.usize()].setup_waited_for = may_wait;
        }
        Ok(())
    }

    /// Notes the tasks that a setup stands before, and what its teardowns wait for; answers how many that were.
    fn note_covered(&mut self, setup: TaskIndex, behind: &BTreeSet<TaskIndex>) -> usize {
        let teardowns = self.downstream(setup).iter().copied().filter(|&task| self.is_teardown(task));
        let teardowns: Vec<TaskIndex> = teardowns.collect();
        let mut covered = if teardowns.is_empty() { behind.clone() } else { BTreeSet::new() };
        let mut noted = 0;
        for teardown in teardowns {
            let before = self.before(teardown, behind);
            if self.undoes(teardown, setup) {
                noted += before.len();
                self.note_scope(teardown, &before);
            }
            covered.extend(before);
        }
        noted += covered.len();
        for task in covered {
            if !self.is_teardown(task) && !self.upstream(task).contains(&setup) {
                self.facts[task.usize()].setups.push(setup);
                self.facts[setup.usize()].setup_for.push(task);
            }
        }
        noted
    }

    /// The tasks behind `start`.
    fn behind(&self, start: TaskIndex) -> BTreeSet<TaskIndex> {
        let mut seen = BTreeSet::new();
        let mut stack = vec![start];
        while let Some(task) = stack.pop() {
            for &child in self.downstream(task) {
                if seen.insert(child) {
                    stack.push(child);
                }
            }
        }
        seen
    }

    /// Those of `within` that are before `end`.
    pub(super) fn before(&self, end: TaskIndex, within: &BTreeSet<TaskIndex>) -> BTreeSet<TaskIndex> {
        let mut seen = BTreeSet::new();
        let mut stack = vec![end];
        while let Some(task) = stack.pop() {
            for &parent in self.upstream(task) {
                if within.contains(&parent) && seen.insert(parent) {
                    stack.push(parent);
                }
            }
        }
        seen
    }

    fn undoes(&self, teardown: TaskIndex, setup: TaskIndex) -> bool {
        let id = &self.task(setup).task_id;
        self.task(teardown).teardown.as_ref().is_some_and(|teardown| teardown.setups.contains(id))
    }

    /// Those of `behind` that cannot end before `start` has, whatever becomes of the others.
    pub(super) fn sealed(&self, start: TaskIndex, behind: &BTreeSet<TaskIndex>) -> BTreeSet<TaskIndex> {
        let mut sealed = BTreeSet::from([start]);
        let mut waiting: BTreeMap<TaskIndex, usize> = BTreeMap::new();
        let inside = |task: TaskIndex| behind.contains(&task) || task == start;
        for &task in behind {
            let parents = self.upstream(task).iter().filter(|&&parent| inside(parent)).count();
            waiting.insert(task, parents);
        }
        let mut ready = vec![start];
        while let Some(task) = ready.pop() {
            for &child in self.downstream(task) {
                let Some(left) = waiting.get_mut(&child) else { continue };
                *left -= 1;
                if *left == 0 {
                    if self.ends_after(child, &sealed) {
                        sealed.insert(child);
                    }
                    ready.push(child);
                }
            }
        }
        sealed
    }

    /// Whether the task cannot end before what seals `sealed` has. Besides its rule, what it is mapped over can end it, and
    /// setups before it, and decisions.
    fn ends_after(&self, task: TaskIndex, sealed: &BTreeSet<TaskIndex>) -> bool {
        let mut parents = self.upstream(task).iter();
        let is_ruled_after = match self.rule(task).patience() {
            Patience::Full => parents.clone().any(|parent| sealed.contains(parent)),
            Patience::ToRun | Patience::One => parents.clone().all(|parent| sealed.contains(parent)),
            Patience::None => false,
        };
        let sources = self.mapping(task).map_or(&[][..], Mapping::sources);
        let mut others = sources.iter().chain(self.setups_before(task));
        is_ruled_after
            && parents.all(|parent| !self.is_gate(*parent) || sealed.contains(parent))
            && others.all(|other| sealed.contains(other))
    }

    /// Whether the task cannot run before what seals `sealed` has.
    pub(super) fn runs_after(&self, task: TaskIndex, sealed: &BTreeSet<TaskIndex>) -> bool {
        let mut parents = self.upstream(task).iter();
        match self.rule(task).patience() {
            Patience::Full | Patience::ToRun => parents.any(|parent| sealed.contains(parent)),
            Patience::One => parents.all(|parent| sealed.contains(parent)),
            Patience::None => false,
        }
    }

    fn note_scope(&mut self, teardown: TaskIndex, before: &BTreeSet<TaskIndex>) {
        for &task in before {
            let is_counted = self.upstream(teardown).contains(&task) || self.torn_down_by(task).contains(&teardown);
            if !is_counted {
                self.facts[task.usize()].torn_down_by.push(teardown);
                self.facts[teardown.usize()].scope.push(task);
            }
        }
    }
}
