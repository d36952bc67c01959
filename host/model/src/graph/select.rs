//! Choosing tasks by where they are: what is behind or before others, and what belongs to them.

use std::collections::BTreeSet;

use super::{Graph, TaskIndex};

/// Which way along the edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To what comes before.
    Upstream,
    /// To what comes after.
    Downstream,
}

impl Graph {
    /// The tasks reached from `starts` over downstream edges, `starts` included, each once, in index order.
    pub fn downstream_closure(&self, starts: &[TaskIndex]) -> Vec<TaskIndex> {
        closure(starts, &self.downstream)
    }

    /// The tasks reached from `starts` over upstream edges, `starts` included, each once, in index order.
    pub fn upstream_closure(&self, starts: &[TaskIndex]) -> Vec<TaskIndex> {
        closure(starts, &self.upstream)
    }

    /// The task and those upstream of it, each after all of its upstream; `None` if there are more than so many.
    pub(crate) fn upstream_in_order(&self, task: TaskIndex, most: usize) -> Option<Vec<TaskIndex>> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::from([task]));
        let mut path = vec![(task, self.upstream(task).iter())];
        while let Some((task, parents)) = path.last_mut() {
            match parents.find(|parent| seen.insert(**parent)) {
                Some(_) if seen.len() > most => return None,
                Some(&parent) => path.push((parent, self.upstream(parent).iter())),
                None => {
                    order.push(*task);
                    path.pop();
                }
            }
        }
        Some(order)
    }

    /// The tasks that are cleared when a user clears `chosen` in these directions: besides what is reached, the setups that
    /// those need and the teardowns of these (Airflow's `DAG.partial_subset`). In index order.
    pub fn to_clear(&self, chosen: &[TaskIndex], directions: &[Direction]) -> Vec<TaskIndex> {
        let mut tasks: BTreeSet<TaskIndex> = chosen.iter().copied().collect();
        for direction in directions {
            tasks.extend(match direction {
                Direction::Upstream => self.upstream_closure(chosen),
                Direction::Downstream => self.downstream_closure(chosen),
            });
        }
        let needed: Vec<TaskIndex> = tasks.iter().flat_map(|&task| self.needed_setups(task)).collect();
        tasks.extend(needed);
        let setups: Vec<TaskIndex> = tasks.iter().copied().filter(|&task| self.is_setup(task)).collect();
        tasks.extend(setups.into_iter().flat_map(|setup| self.teardowns_of(setup)));
        tasks.into_iter().collect()
    }

    /// The setups that have to succeed before the task runs: those above it that are not yet torn down.
    fn needed_setups(&self, task: TaskIndex) -> Vec<TaskIndex> {
        let direct = self.upstream(task).iter().copied().filter(|&parent| self.is_setup(parent));
        let stands = |setup: &TaskIndex| {
            let teardowns = self.teardowns_of(*setup);
            if teardowns.is_empty() {
                return true;
            }
            let behind = self.downstream_closure(&[task]);
            teardowns.iter().any(|teardown| behind.binary_search(teardown).is_ok())
        };
        direct.filter(stands).chain(self.setups_before(task).iter().copied()).collect()
    }

    fn teardowns_of(&self, setup: TaskIndex) -> Vec<TaskIndex> {
        self.downstream(setup).iter().copied().filter(|&task| self.is_teardown(task)).collect()
    }
}

fn closure(starts: &[TaskIndex], edges: &[Vec<TaskIndex>]) -> Vec<TaskIndex> {
    let mut seen = vec![false; edges.len()];
    let mut stack = starts.to_vec();
    while let Some(task) = stack.pop() {
        if !std::mem::replace(&mut seen[task.usize()], true) {
            stack.extend(&edges[task.usize()]);
        }
    }
    (0u32..).map(TaskIndex).zip(&seen).filter(|(_, seen)| **seen).map(|(task, _)| task).collect()
}
