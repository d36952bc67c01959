//! The order of tasks, and rings, which have none.

use super::{Graph, TaskIndex};

impl Graph {
    /// Every task after all of its upstream, or else one ring of task ids, first and last the same. Kahn's algorithm leaves
    /// exactly the tasks that are on a ring or behind one; walking upstream among those must come round.
    pub(super) fn topological(&self) -> Result<Vec<TaskIndex>, Vec<String>> {
        let mut waiting: Vec<usize> = self.upstream.iter().map(Vec::len).collect();
        let mut order: Vec<TaskIndex> = self.tasks().filter(|task| waiting[task.usize()] == 0).collect();
        let mut next = 0;
        while let Some(&task) = order.get(next) {
            next += 1;
            for &child in self.downstream(task) {
                waiting[child.usize()] -= 1;
                if waiting[child.usize()] == 0 {
                    order.push(child);
                }
            }
        }
        match self.tasks().find(|task| waiting[task.usize()] > 0) {
            None => Ok(order),
            Some(start) => Err(self.ring(start, &waiting)),
        }
    }

    fn ring(&self, start: TaskIndex, waiting: &[usize]) -> Vec<String> {
        let mut step = vec![None; waiting.len()];
        let mut path = vec![start];
        step[start.usize()] = Some(0);
        let is_left = |task: &&TaskIndex| waiting[task.usize()] > 0;
        while let Some(&parent) = path.last().and_then(|last| self.upstream(*last).iter().find(is_left)) {
            path.push(parent);
            if let Some(begin) = step[parent.usize()] {
                let ring = path[begin..].iter().rev();
                return ring.map(|&task| self.task(task).task_id.to_string()).collect();
            }
            step[parent.usize()] = Some(path.len() - 1);
        }
        path.iter().map(|&task| self.task(task).task_id.to_string()).collect()
    }
}
