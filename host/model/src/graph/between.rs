//! What stands between setups and teardowns.
//!
//! A setup has to succeed before every task behind it runs, as long as one of its teardowns is still to come, and a teardown
//! waits for everything between. Source: Airflow 3.3, `AbstractOperator.get_upstreams_only_setups`.

use std::collections::BTreeSet;

use super::{Graph, GraphError, MAX_EDGES, TaskIndex};

impl Graph {
    pub(super) fn note_between(&mut self) -> Result<(), GraphError> {
        let (mut walked, mut noted) = (0, 0);
        let setups: Vec<TaskIndex> = self.tasks().filter(|&task| self.is_setup(task)).collect();
        for setup in setups {
            let behind = self.behind(setup);
            walked += behind.len();
            noted += self.note_covered(setup, &behind);
            if noted > MAX_EDGES || walked > 5 * MAX_EDGES {
                return Err(GraphError::TooMuchBetween);
            }
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
    fn before(&self, end: TaskIndex, within: &BTreeSet<TaskIndex>) -> BTreeSet<TaskIndex> {
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

    fn note_scope(&mut self, teardown: TaskIndex, before: &BTreeSet<TaskIndex>) {
        let direct: BTreeSet<TaskIndex> = self.upstream(teardown).iter().copied().collect();
        for &task in before {
            if !direct.contains(&task) && !self.torn_down_by(task).contains(&teardown) {
                self.facts[task.usize()].torn_down_by.push(teardown);
                self.facts[teardown.usize()].scope.push(task);
            }
        }
    }
}
