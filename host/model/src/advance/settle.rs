//! Following every end until nothing more follows.

use super::judge::Verdict;
use super::rows::Head;
use super::{Host, Instance, Progress, Refusal, Skips, Wanted};
use crate::dag::Native;
use crate::graph::TaskIndex;
use crate::ids::AttemptId;
use crate::state::{Admission, Phase, QueueEffect, RunState, TaskEvent, TaskStatus, Terminal, Transition};
use crate::time::Millis;

/// Who may have something new to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// One task instance.
    Instance(Instance),
    /// All instances of a task.
    Task(TaskIndex),
}

/// Where [`Progress::settle`] stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Nothing more follows.
    Done,
    /// These rows have to be handed in.
    Needs(Vec<Wanted>),
}

impl Progress<'_> {
    /// Follows what has happened until nothing more follows, or until rows are missing.
    pub fn settle(&mut self, host: &mut dyn Host) -> Settled {
        self.rows.wanted.clear();
        loop {
            if !self.look_at_everything(host.now()) {
                return self.needs();
            }
            self.deliver();
            if !self.arrivals.is_empty() {
                return self.needs();
            }
            if self.run.state != RunState::Running {
                self.doubts.clear();
            }
            if self.doubts.is_empty() {
                match self.resign(host) {
                    None => return self.needs(),
                    Some(true) => continue,
                    Some(false) => {}
                }
                self.conclude();
                return Settled::Done;
            }
            if !self.resolve(host) {
                return self.needs();
            }
        }
    }

    /// When a run can only wait in vain, whoever would end otherwise by what it waits for ends by what it has seen. Answers
    /// whether somebody did; `None` if rows are missing.
    fn resign(&mut self, host: &mut dyn Host) -> Option<bool> {
        if !self.run.is_stalled() {
            return Some(false);
        }
        if !self.rows.has_everything() {
            return None;
        }
        let before = self.changes.steps.len();
        self.doubt_everybody();
        self.is_final = true;
        let is_complete = self.resolve(host) || self.doubts.is_empty();
        self.is_final = false;
        self.doubts.clear();
        is_complete.then_some(self.changes.steps.len() > before)
    }

    fn needs(&mut self) -> Settled {
        Settled::Needs(std::mem::take(&mut self.rows.wanted).into_iter().collect())
    }

    /// Counts all news that can be counted.
    pub(super) fn deliver(&mut self) {
        let mut undelivered = Vec::new();
        while let Some(arrival) = self.arrivals.pop_front() {
            if !self.arrive(&arrival) {
                undelivered.push(arrival);
            }
        }
        self.arrivals.extend(undelivered);
    }

    /// Tells everybody who is in doubt what the rules say; `false` if rows are missing for all of them.
    fn resolve(&mut self, host: &mut dyn Host) -> bool {
        let mut open = Vec::new();
        let mut any_resolved = false;
        for doubt in std::mem::take(&mut self.doubts) {
            match self.resolve_one(doubt, host) {
                Some(()) => any_resolved = true,
                None => open.push(doubt),
            }
        }
        self.doubts.extend(open);
        any_resolved
    }

    fn resolve_one(&mut self, doubt: Doubt, host: &mut dyn Host) -> Option<()> {
        match doubt {
            Doubt::Instance(at) => self.tell(at, host),
            Doubt::Task(task) => match self.rows.head(self.graph, task)? {
                Head::Plain | Head::Unexpanded => self.tell(Instance::of(task), host),
                Head::Expanded(_) => {
                    if self.all_wait_on(task)? {
                        return Some(());
                    }
                    if !self.rows.has_whole(task) {
                        return None;
                    }
                    let waiting = self.rows.of_task(task).filter(|(_, node)| node.status.phase == Phase::None);
                    self.doubts.extend(waiting.map(|(at, _)| Doubt::Instance(at)).collect::<Vec<_>>());
                    Some(())
                }
            },
        }
    }

    /// Tells one task instance what the rules say.
    fn tell(&mut self, at: Instance, host: &mut dyn Host) -> Option<()> {
        if !self.rows.node(at).is_some_and(|node| node.status.phase == Phase::None) {
            return Some(());
        }
        match self.judge(at)? {
            Verdict::Wait => {}
            Verdict::Hold => self.changes.is_held = true,
            Verdict::End(how) => self.must_happen(at, &TaskEvent::Ruled(how), host.now()),
            Verdict::Expand => self.expand(at, host.now())?,
            Verdict::Release => self.release(at, host),
        }
        Some(())
    }

    fn release(&mut self, at: Instance, host: &mut dyn Host) {
        let admission = self.admission(at, host);
        self.must_happen(at, &TaskEvent::Released(admission), host.now());
    }

    /// The pause before another try is over of what the host itself does in place of a task's function.
    pub fn try_again(&mut self, at: Instance, host: &mut dyn Host) -> Result<(), Refusal> {
        let admission = self.admission(at, host);
        self.happen(at, &TaskEvent::Due(admission), host.now())
    }

    /// How a task instance goes on that may.
    fn admission(&mut self, at: Instance, host: &mut dyn Host) -> Admission {
        match &self.graph.task(at.task).native {
            Some(Native::Empty) => Admission::Done(Terminal::Success),
            Some(Native::LatestOnly) => {
                let tasks = self.graph.downstream(at.task).to_vec();
                if !self.run.is_latest
                    && let Some(node) = self.rows.node_mut(at)
                {
                    node.skips = Some(Skips { tasks, sweeps: false });
                }
                Admission::Done(Terminal::Success)
            }
            Some(Native::Wait(_)) => Admission::Waits(host.mint()),
            Some(Native::HumanInput(_)) => Admission::Asks(host.mint()),
            None if host.admits(at.task) => Admission::Offered(host.mint()),
            None => Admission::Held,
        }
    }

    /// Lets something happen that the rules have found possible.
    pub(super) fn must_happen(&mut self, at: Instance, event: &TaskEvent<'_>, now: Millis) {
        let happened = self.happen(at, event, now);
        debug_assert!(happened.is_ok(), "{at:?} refused {event:?}: {happened:?}");
    }

    /// Carries out a transition: the row, what it shares with others, the run's tally, and whom it concerns.
    pub(super) fn apply(&mut self, at: Instance, before: TaskStatus, transition: Transition) {
        let next = transition.next;
        let Some(node) = self.rows.node_mut(at) else { return };
        node.status = next;
        let returned = node.length.is_some();
        self.tally_turn(at, &before, &next);
        if at.map_index.is_some()
            && let Some(expansion) = self.rows.expansion_mut(at.task)
        {
            if before.phase == Phase::None && next.phase != Phase::None {
                expansion.waiting = expansion.waiting.saturating_sub(1);
            }
            if let (None, Some(how)) = (before.ended(), next.ended()) {
                expansion.ended.count(how, returned);
            }
        }
        self.changes.steps.push(super::Step { at, from: before, to: next, queue: transition.queue });
        match (before.ended(), next.ended()) {
            (None, None) => {}
            (Some(_), _) => self.is_stale = true,
            (None, Some(how)) => self.announce_end(at, how),
        }
        if next.ended().is_some() && self.graph.has_past() {
            self.changes.past.insert(at.task);
        }
    }

    /// The task instances that something has just released and that can be claimed now, each with its attempt.
    pub fn released(&self, now: Millis) -> impl Iterator<Item = (Instance, AttemptId)> {
        self.changes.steps.iter().filter_map(move |step| match step.queue {
            QueueEffect::Offer(attempt, at) | QueueEffect::Replace(_, attempt, at) => {
                let is_so = self.rows.node(step.at).is_some_and(|node| node.status.phase == Phase::Queued(attempt));
                (is_so && at <= now).then_some((step.at, attempt))
            }
            QueueEffect::Keep | QueueEffect::Withdraw(_) => None,
        })
    }

    /// The attempt that counts for a task instance in memory.
    pub fn attempt(&self, at: Instance) -> Option<AttemptId> {
        self.rows.node(at).and_then(|node| node.status.attempt())
    }
}
