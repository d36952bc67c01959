//! How much each task of a DAG matters among those that wait for the same slots.
//!
//! Source: Airflow 3.3, `task/priority_strategy.py`: a task's own weight, and that of every task downstream or upstream of
//! it, each counted once however many ways lead there.

use crate::dag::WeightRule;
use crate::graph::{Graph, TaskIndex};

/// Each task's weight, in index order. What an `i32` does not hold is cut off at its ends.
pub fn weights(graph: &Graph) -> Vec<i32> {
    let own: Vec<i32> = graph.tasks().map(|task| graph.task(task).priority_weight).collect();
    let is_used = |rule| graph.tasks().any(|task| graph.task(task).weight_rule == rule);
    let order = topological(graph);
    let mut downstream = Vec::new();
    let mut upstream = Vec::new();
    if is_used(WeightRule::Downstream) {
        let order: Vec<TaskIndex> = order.iter().rev().copied().collect();
        downstream = reached(&own, &order, |task| graph.downstream(task));
    }
    if is_used(WeightRule::Upstream) {
        upstream = reached(&own, &order, |task| graph.upstream(task));
    }
    let weight = |task: TaskIndex| {
        let at = task.0 as usize;
        let sum = match graph.task(task).weight_rule {
            WeightRule::Downstream => downstream[at],
            WeightRule::Upstream => upstream[at],
            WeightRule::Absolute => own[at].into(),
        };
        i32::try_from(sum.clamp(i32::MIN.into(), i32::MAX.into())).unwrap_or(0)
    };
    graph.tasks().map(weight).collect()
}

/// Every task after all of its upstream ones.
fn topological(graph: &Graph) -> Vec<TaskIndex> {
    let mut waiting: Vec<usize> = graph.tasks().map(|task| graph.upstream(task).len()).collect();
    let mut order: Vec<TaskIndex> = graph.tasks().filter(|&task| graph.upstream(task).is_empty()).collect();
    let mut next = 0;
    while let Some(&task) = order.get(next) {
        next += 1;
        for &child in graph.downstream(task) {
            let waiting = &mut waiting[child.0 as usize];
            *waiting -= 1;
            if *waiting == 0 {
                order.push(child);
            }
        }
    }
    order
}

/// How many tasks are followed at once.
const LANES: usize = 512;

/// A set of up to [`LANES`] tasks.
type Lanes = [u64; LANES / 64];

/// For each task the sum of `own` over itself and everything that `edges` lead to. In `order` a task comes after all that
/// its edges lead to.
///
/// There is no way to add up a graph's reachable sets in linear time, since paths that meet again must not count twice.
/// So it takes the tasks in blocks, and lets one pass over the edges find who reaches which of a whole block.
fn reached<'g>(own: &[i32], order: &[TaskIndex], edges: impl Fn(TaskIndex) -> &'g [TaskIndex]) -> Vec<i64> {
    let mut sums = vec![0; own.len()];
    let mut seen: Vec<Lanes> = vec![[0; LANES / 64]; own.len()];
    for (number, block) in order.chunks(LANES).enumerate() {
        let digits = Digits::of(block.iter().map(|task| own[task.0 as usize]));
        // What comes earlier in the order cannot reach the block; its sets are left empty.
        let begin = number * LANES;
        for task in &order[begin.saturating_sub(LANES)..begin] {
            seen[task.0 as usize] = [0; LANES / 64];
        }
        for (lane, &task) in order[begin..].iter().enumerate() {
            let mut set: Lanes = [0; LANES / 64];
            if lane < LANES {
                set[lane / 64] |= 1 << (lane % 64);
            }
            for child in edges(task) {
                set.iter_mut().zip(&seen[child.0 as usize]).for_each(|(set, more)| *set |= more);
            }
            sums[task.0 as usize] += digits.sum(&set);
            seen[task.0 as usize] = set;
        }
    }
    sums
}

/// The weights of a block in binary: for each digit the lanes that have it, and what it is worth. The sum over a set of
/// lanes is then a matter of counting bits.
struct Digits(Vec<(i64, Lanes)>);

impl Digits {
    fn of(weights: impl Iterator<Item = i32>) -> Self {
        let mut digits: Vec<(i64, Lanes)> = (0..32).map(|digit| (1 << digit, [0; LANES / 64])).collect();
        // The highest digit of two's complement is worth its negative.
        digits[31].0 = i32::MIN.into();
        for (lane, weight) in weights.enumerate() {
            for (digit, (_, lanes)) in digits.iter_mut().enumerate() {
                lanes[lane / 64] |= u64::from((weight >> digit) & 1 == 1) << (lane % 64);
            }
        }
        digits.retain(|(_, lanes)| lanes.iter().any(|&word| word != 0));
        Self(digits)
    }

    fn sum(&self, set: &Lanes) -> i64 {
        if set.iter().all(|&word| word == 0) {
            return 0;
        }
        let count = |lanes: &Lanes| lanes.iter().zip(set).map(|(a, b)| (a & b).count_ones()).sum::<u32>();
        self.0.iter().map(|(worth, lanes)| worth * i64::from(count(lanes))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn weights_of(tasks: &serde_json::Value) -> Vec<i32> {
        let spec = serde_json::from_value(json!({"dag_id": "d", "tasks": tasks})).expect("a well-formed spec");
        weights(&Graph::build(spec).expect("no cycle"))
    }

    #[test]
    fn a_task_that_two_paths_lead_to_counts_once() {
        let tasks = json!([
            {"task_id": "a", "function": "f"},
            {"task_id": "b", "function": "f", "depends_on": ["a"], "priority_weight": 10},
            {"task_id": "c", "function": "f", "depends_on": ["a"], "priority_weight": -100},
            {"task_id": "d", "function": "f", "depends_on": ["b", "c"], "weight_rule": "upstream", "priority_weight": 1000},
            {"task_id": "e", "function": "f", "depends_on": ["d"], "weight_rule": "absolute", "priority_weight": 5},
        ]);
        assert_eq!(weights_of(&tasks), [916, 1015, 905, 911, 5]);
    }

    #[test]
    fn sums_stop_at_the_ends_of_what_a_weight_can_be() {
        let tasks = json!([
            {"task_id": "a", "function": "f", "priority_weight": i32::MAX},
            {"task_id": "b", "function": "f", "depends_on": ["a"], "priority_weight": i32::MAX},
            {"task_id": "c", "function": "f", "priority_weight": i32::MIN},
            {"task_id": "d", "function": "f", "depends_on": ["c"], "priority_weight": i32::MIN},
        ]);
        assert_eq!(weights_of(&tasks), [i32::MAX, i32::MAX, i32::MIN, i32::MIN]);
    }

    #[test]
    fn blocks_add_up() {
        let count = 3 * LANES + 7;
        let tasks: Vec<_> = (0..count)
            .map(|i| {
                let upstream: Vec<_> = [1, 2, 600].iter().filter(|&&d| d <= i).map(|d| format!("t{}", i - d)).collect();
                json!({"task_id": format!("t{i}"), "function": "f", "depends_on": upstream, "priority_weight": i})
            })
            .collect();
        let total = |from: usize| i32::try_from((from..count).sum::<usize>()).expect("small");
        let expected: Vec<i32> = (0..count).map(total).collect();
        assert_eq!(weights_of(&json!(tasks)), expected);
    }
}
