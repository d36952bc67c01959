//! Looking at a run as a whole: at its begin, and when somebody or something changes what had ended.
//!
//! What increments add up to is worked out from the state of every task instance, and the run goes on from there. The cost
//! is that of the run; nothing on the way of a running task comes here, except the first failure under `fail_fast`.

use super::settle::Doubt;
use super::{Expansion, Instance, Node, Progress, Refusal, RunFacts, Wanted};
use crate::graph::{Graph, TaskIndex};
use crate::state::{Phase, RunState, TaskEvent, Terminal};
use crate::time::Millis;
use crate::trigger_rule::UpstreamCounts;

/// What ends a run from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfRun {
    /// A user marked it as failed: what runs has failed, what waits is skipped.
    Stopped,
    /// It took longer than it may: whatever has not ended is skipped.
    TimedOut,
}

impl<'g> Progress<'g> {
    /// A new run with all its task instances. Those that may run at once are released by [`Progress::settle`], unless the run
    /// waits to begin.
    pub fn create(graph: &'g Graph, run: RunFacts) -> Self {
        let mut progress = Self::new(graph, run);
        for task in graph.tasks() {
            let Some(mapping) = graph.mapping(task) else {
                progress.plant(Instance::of(task));
                continue;
            };
            let length = mapping.literal().filter(|&length| length > 0);
            let expansion = Expansion { length, waiting: length.unwrap_or(0), ..Expansion::default() };
            progress.rows.create_expansion(task, expansion);
            match length {
                None => progress.plant(Instance::of(task)),
                Some(length) => (0..length).for_each(|index| progress.plant(Instance::at(task, index))),
            }
        }
        progress.rows.mark_everything();
        progress.reconsider(graph.tasks());
        progress
    }

    /// A run of which every row is in memory.
    pub fn of_everything(
        graph: &'g Graph,
        run: RunFacts,
        nodes: impl IntoIterator<Item = (Instance, Node)>,
        expansions: impl IntoIterator<Item = (TaskIndex, Expansion)>,
    ) -> Self {
        let mut progress = Self::new(graph, run);
        progress.adopt(&[Wanted::Everything], nodes, expansions);
        progress
    }

    fn plant(&mut self, at: Instance) {
        let node = Node::new(self.graph.task(at.task).retries);
        self.run.tally.add(self.graph.is_leaf(at.task), &node.status);
        self.rows.create(at, node);
    }

    /// Lets a run begin that waited to.
    pub fn begin(&mut self) {
        if self.run.state == RunState::Queued {
            self.run.state = RunState::Running;
            self.reconsider(self.graph.tasks());
        }
    }

    /// Runs task instances again: they have all their tries before them once more. The run goes on.
    pub fn clear(&mut self, instances: &[Instance], now: Millis) -> Result<(), Refusal> {
        for &at in instances {
            self.clear_one(at, now)?;
        }
        self.go_on();
        Ok(())
    }

    /// The same, but a run that has ended stays as it has: what was cleared waits until somebody lets the run go on.
    pub fn clear_at_rest(&mut self, instances: &[Instance], now: Millis) -> Result<(), Refusal> {
        if !self.run.state.is_terminal() {
            return self.clear(instances, now);
        }
        instances.iter().try_for_each(|&at| self.clear_one(at, now))
    }

    pub(super) fn clear_one(&mut self, at: Instance, now: Millis) -> Result<(), Refusal> {
        let retries = self.graph.task(at.task).retries;
        self.happen(at, &TaskEvent::Cleared, now)?;
        if let Some(node) = self.rows.node_mut(at) {
            node.max_tries = node.status.try_number.saturating_add(retries);
            (node.skips, node.length) = (None, None);
        }
        let may_change = self.graph.mapping(at.task).is_some_and(|mapping| mapping.literal().is_none());
        if may_change && let Some(expansion) = self.rows.expansion_mut(at.task) {
            expansion.is_outdated = true;
        }
        self.is_stale = true;
        Ok(())
    }

    /// Says how task instances ended. The run goes on.
    pub fn mark(&mut self, instances: &[Instance], how: Terminal, now: Millis) -> Result<(), Refusal> {
        for &at in instances {
            self.happen(at, &TaskEvent::Marked(how), now)?;
        }
        self.changes.marked.extend(instances);
        self.go_on();
        Ok(())
    }

    fn go_on(&mut self) {
        self.run.tally.is_doomed = false;
        self.run.tally.failed_fast = None;
        self.run.tally.is_stuck = false;
        self.run.tally.groups.clear();
        if self.run.state != RunState::Queued {
            self.run.state = RunState::Running;
        }
        if self.rows.has_everything() {
            self.fill_gaps();
        }
        self.is_stale = true;
    }

    /// Makes task instances anew that somebody has deleted, now that something may wait for them.
    fn fill_gaps(&mut self) {
        for task in self.graph.tasks() {
            match self.rows.expansion(task).and_then(|expansion| expansion.length) {
                Some(length) => (0..length).for_each(|index| self.have(Instance::at(task, index))),
                None => self.have(Instance::of(task)),
            }
        }
    }

    /// Ends everything in a run that is in memory as a whole, but for teardowns: what has been set up is undone before the run
    /// has failed.
    pub fn end(&mut self, cause: EndOfRun, now: Millis) {
        let event = match cause {
            EndOfRun::Stopped => TaskEvent::Stopped,
            EndOfRun::TimedOut => TaskEvent::TimedOut,
        };
        self.run.tally.is_doomed = true;
        self.run.state = RunState::Running;
        self.happen_to_all(&event, now, |_| true);
    }

    /// Lets something happen to everything but teardowns and what is left out.
    fn happen_to_all(&mut self, event: &TaskEvent<'_>, now: Millis, includes: impl Fn(TaskIndex) -> bool) {
        let is_concerned = |at: &Instance| !self.graph.is_teardown(at.task) && includes(at.task);
        let all: Vec<Instance> = self.rows.all().map(|(at, _)| at).filter(is_concerned).collect();
        for at in all {
            self.must_happen(at, event, now);
        }
    }

    /// Does what concerns the run as a whole; `false` if it is not in memory as a whole.
    pub(super) fn look_at_everything(&mut self, now: Millis) -> bool {
        if let Some(task) = self.failed_fast.filter(|&task| self.run.tally.failed_fast != Some(task)) {
            if !self.rows.has_everything() {
                return false;
            }
            self.run.tally.failed_fast = Some(task);
            self.happen_to_all(&TaskEvent::FailedFast, now, |other| other != task);
        }
        self.failed_fast = None;
        if self.restarts.is_some() && !self.rows.has_everything() {
            return false;
        }
        self.restart_group(now);
        if !self.is_stale {
            return true;
        }
        let is_here = self.rows.has_everything();
        if is_here {
            self.recount();
        }
        is_here
    }

    /// Works out from the state of every task instance what all of them have seen, and puts everybody who waits in doubt.
    pub fn recount(&mut self) {
        self.is_stale = false;
        self.arrivals.clear();
        let before = self.rows.begin_quietly();
        self.count_own_states();
        for at in 0..self.graph.in_order().len() {
            let task = self.graph.in_order()[at];
            // A task that is no longer mapped may still have instances with an index, which nobody waits for.
            let is_mapped = self.graph.mapping(task).is_some();
            let present = self.rows.of_task(task).filter(|(at, _)| is_mapped || at.map_index.is_none());
            let ended = present.filter_map(|(at, node)| Some((at, node.status.ended()?)));
            for (at, how) in ended.collect::<Vec<_>>() {
                self.announce_end(at, how);
            }
            self.deliver();
        }
        self.rows.end_quietly(&before);
        self.doubt_everybody();
    }

    pub(super) fn doubt_everybody(&mut self) {
        let waiting = self.rows.all().filter(|(_, node)| node.status.phase == Phase::None);
        self.doubts = waiting.map(|(at, _)| Doubt::Instance(at)).collect();
    }

    fn count_own_states(&mut self) {
        let tally = &mut self.run.tally;
        (tally.unfinished, tally.active, tally.failed_leaves) = (0, 0, 0);
        let all: Vec<Instance> = self.rows.all().map(|(at, _)| at).collect();
        let mapped: Vec<TaskIndex> = self.rows.all_expansions().map(|(task, _)| task).collect();
        for task in mapped {
            if let Some(expansion) = self.rows.expansion_mut(task) {
                let Expansion { length, is_outdated, .. } = *expansion;
                *expansion = Expansion { length, is_outdated, ..Expansion::default() };
                if let Some(length) = length {
                    self.announce_growth(task, length);
                }
            }
        }
        for at in all {
            let Some(node) = self.rows.node_mut(at) else { continue };
            node.seen = UpstreamCounts::default();
            let (status, returned) = (node.status, node.length.is_some());
            self.run.tally.add(self.graph.is_leaf(at.task), &status);
            if let Some(expansion) = self.rows.expansion_mut(at.task).filter(|_| at.map_index.is_some()) {
                expansion.waiting += u32::from(status.phase == Phase::None);
                if let Some(how) = status.ended() {
                    expansion.ended.count(how, returned);
                }
            }
        }
        self.deliver();
    }
}
