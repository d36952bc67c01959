//! How a run goes on when task instances end: who is counted, who is released, when the run is over.
//!
//! A wave is a set of task instances that have just ended. [`touched`] says which others must be looked at, [`judge`]
//! what becomes of each; those that end at once form the next wave. The caller loads and stores, nothing here does.
//! The cost is that of the edges which leave the wave, never that of the run.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Graph, TaskIndex};
use crate::state::{RunState, Terminal};
use crate::trigger_rule::{Ruling, UpstreamCounts};

/// Task instances that ended in one step, each with how.
pub type Wave = BTreeMap<TaskIndex, Terminal>;

/// For every direct downstream task of the wave: how its upstream counts grow.
pub fn touched(graph: &Graph, wave: &Wave) -> BTreeMap<TaskIndex, UpstreamCounts> {
    let mut growth: BTreeMap<TaskIndex, UpstreamCounts> = BTreeMap::new();
    for (&task, &how) in wave {
        for &child in graph.downstream(task) {
            growth.entry(child).or_default().count(how);
        }
    }
    growth
}

/// What becomes of a task instance that waits for its upstream and has seen this much of it.
pub fn judge(graph: &Graph, task: TaskIndex, seen: UpstreamCounts) -> Ruling {
    let expected = u32::try_from(graph.upstream(task).len()).unwrap_or(u32::MAX);
    graph.task(task).trigger_rule.judge(expected, seen)
}

/// What a run needs to know of its task instances to say whether it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Task instances that have not ended.
    pub unfinished: u32,
    /// Leaves that ended in a way that fails the run.
    pub failed_leaves: u32,
}

impl Tally {
    /// The tally of a run in which nothing has ended.
    pub fn new(graph: &Graph) -> Self {
        Self { unfinished: u32::try_from(graph.spec().tasks.len()).unwrap_or(u32::MAX), failed_leaves: 0 }
    }

    /// The tally after this wave.
    #[must_use]
    pub fn after(self, graph: &Graph, wave: &Wave) -> Self {
        let ended = u32::try_from(wave.len()).unwrap_or(u32::MAX);
        let failed = wave.iter().filter(|&(&task, how)| graph.is_leaf(task) && how.fails_run()).count();
        Self {
            unfinished: self.unfinished.saturating_sub(ended),
            failed_leaves: self.failed_leaves.saturating_add(u32::try_from(failed).unwrap_or(u32::MAX)),
        }
    }

    /// The run's state (Airflow's `DagRun.update_state`): it is over when nothing is unfinished, and failed if a leaf is.
    pub fn verdict(self) -> RunState {
        match (self.unfinished, self.failed_leaves) {
            (0, 0) => RunState::Success,
            (0, _) => RunState::Failed,
            (_, _) => RunState::Running,
        }
    }
}

/// The counts and the tally that a run should have, from the state of every task instance. It is what the increments
/// add up to; clearing starts from it, and a property test compares the two.
pub fn recount(graph: &Graph, ended: &Wave) -> (BTreeMap<TaskIndex, UpstreamCounts>, Tally) {
    (touched(graph, ended), Tally::new(graph).after(graph, ended))
}

/// What follows from looking at a whole run anew, after a user changed what some of its task instances are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resettled {
    /// The upstream counts of every task that has any.
    pub counts: BTreeMap<TaskIndex, UpstreamCounts>,
    /// Waiting tasks that may run.
    pub released: Vec<TaskIndex>,
    /// Waiting tasks that end without running, and how.
    pub ruled: Wave,
    /// The run's tally afterwards.
    pub tally: Tally,
}

/// Looks at a whole run: `ended` are the task instances that have ended, `waiting` those that wait for their upstream.
pub fn resettle(graph: &Graph, ended: &Wave, waiting: &BTreeSet<TaskIndex>) -> Resettled {
    let (mut counts, mut tally) = recount(graph, ended);
    let mut to_judge = waiting.clone();
    let mut released = Vec::new();
    let mut ruled = Wave::new();
    while !to_judge.is_empty() {
        let mut wave = Wave::new();
        for task in std::mem::take(&mut to_judge) {
            match judge(graph, task, counts.get(&task).copied().unwrap_or_default()) {
                Ruling::Wait => {}
                Ruling::Run => released.push(task),
                Ruling::End(how) => {
                    wave.insert(task, how);
                }
            }
        }
        for (child, growth) in touched(graph, &wave) {
            counts.entry(child).or_default().add(growth);
            if waiting.contains(&child) && !ruled.contains_key(&child) && !wave.contains_key(&child) {
                to_judge.insert(child);
            }
        }
        tally = tally.after(graph, &wave);
        ruled.append(&mut wave);
    }
    Resettled { counts, released, ruled, tally }
}
