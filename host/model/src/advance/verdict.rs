//! When a run is over, and how it ended.

use serde::{Deserialize, Serialize};

use super::{GroupTries, Instance, Progress};
use crate::graph::{Graph, TaskIndex};
use crate::state::{RunState, TaskStatus, Terminal};

/// What the rules know of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// Where it stands.
    pub state: RunState,
    /// What its task instances have come to.
    pub tally: Tally,
    /// Whether a run of the DAG came before that this one may have to wait for.
    pub has_past: bool,
    /// Whether it is the latest scheduled run, or one that was asked for.
    pub is_latest: bool,
}

impl Default for RunFacts {
    fn default() -> Self {
        Self { state: RunState::Running, tally: Tally::default(), has_past: false, is_latest: true }
    }
}

/// What a run needs to know of its task instances to say whether it is over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tally {
    /// Task instances that have not ended.
    pub unfinished: u32,
    /// Of those, the ones that have begun: something will happen to them by themselves.
    #[serde(skip_serializing_if = "is_zero")]
    pub active: u32,
    /// Leaves that ended in a way that fails the run.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed_leaves: u32,
    /// Whether the run was ended and fails as soon as what it has set up is undone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_doomed: bool,
    /// Whether a task instance waits for what will not happen in the run before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_stuck: bool,
    /// The task whose failure has ended everything else, in a DAG with `fail_fast`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_fast: Option<TaskIndex>,
    /// The groups that have been tried again or are going to be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupTries>,
}

impl Tally {
    pub(super) fn add(&mut self, is_leaf: bool, status: &TaskStatus) {
        self.unfinished += u32::from(status.ended().is_none());
        self.active += u32::from(status.is_active());
        self.failed_leaves += u32::from(is_leaf && status.ended().is_some_and(Terminal::fails_run));
    }

    pub(super) fn take(&mut self, is_leaf: bool, status: &TaskStatus) {
        let failed = is_leaf && status.ended().is_some_and(Terminal::fails_run);
        self.unfinished = self.unfinished.saturating_sub(u32::from(status.ended().is_none()));
        self.active = self.active.saturating_sub(u32::from(status.is_active()));
        self.failed_leaves = self.failed_leaves.saturating_sub(u32::from(failed));
    }

    /// The run's state (Airflow's `DagRun.update_state`). It is over when nothing is unfinished, and failed if a leaf is;
    /// and it has failed if nothing can happen any more, unless that may be up to another run.
    pub fn verdict(&self, graph: &Graph) -> RunState {
        match (self.unfinished, self.failed_leaves) {
            (0, 0) if !self.is_doomed => RunState::Success,
            (0, _) => RunState::Failed,
            (_, _) if self.active == 0 && !graph.has_past() => RunState::Failed,
            (_, _) => RunState::Running,
        }
    }
}

impl RunFacts {
    /// Whether nothing will happen in the run by itself, although it has not ended. Whoever waits for it waits in vain.
    pub fn is_stalled(&self) -> bool {
        let Tally { unfinished, active, is_stuck, .. } = self.tally;
        self.state == RunState::Running && is_stuck && active == 0 && unfinished > 0
    }
}

impl Progress<'_> {
    /// Ends the run if nothing is left to do.
    pub(super) fn conclude(&mut self) {
        if self.run.state == RunState::Running {
            self.run.state = self.run.tally.verdict(self.graph);
            if self.run.state.is_terminal() || self.run.is_stalled() {
                self.tell_next_run();
            }
        }
    }

    /// Whoever waits for this run in the next one has to hear that nothing more comes of it.
    fn tell_next_run(&mut self) {
        let waiting = self.graph.tasks().filter(|&task| self.graph.waits_for_past(task));
        self.changes.past.extend(waiting);
    }

    pub(super) fn tally_turn(&mut self, at: Instance, from: &TaskStatus, to: &TaskStatus) {
        let is_leaf = self.graph.is_leaf(at.task);
        self.run.tally.take(is_leaf, from);
        self.run.tally.add(is_leaf, to);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn graph(task: &Value) -> Graph {
        let spec = json!({"dag_id": "d", "tasks": [task]});
        Graph::build(serde_json::from_value(spec).expect("a DAG")).expect("a graph")
    }

    #[test]
    fn a_run_in_which_nothing_can_happen_any_more_has_failed() {
        let plain = graph(&json!({"task_id": "t", "function": "f"}));
        let held = graph(&json!({"task_id": "t", "function": "f", "depends_on_past": true}));
        let waiting = Tally { unfinished: 2, ..Tally::default() };
        let active = Tally { active: 1, ..waiting.clone() };
        assert_eq!((active.verdict(&plain), active.verdict(&held)), (RunState::Running, RunState::Running));
        assert_eq!(waiting.verdict(&plain), RunState::Failed, "a deadlock");
        assert_eq!(waiting.verdict(&held), RunState::Running, "the run before may go on");
    }
}
