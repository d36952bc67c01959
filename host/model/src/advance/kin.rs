//! What a task instance has to know of others besides what it has counted.

use super::rows::Head;
use super::{Ended, Instance, Node, Progress};
use crate::graph::TaskIndex;
use crate::state::Terminal;
use crate::trigger_rule::{Expected, UpstreamCounts};

/// What became of those instances of a task that matter to a task instance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kin {
    pub(super) ended: Ended,
    pub(super) is_pending: bool,
    /// How many tries it has had, as far as that is known.
    pub(super) tries: u32,
}

impl Kin {
    /// Whether an attempt of it ended it.
    pub(super) fn has_run(&self) -> bool {
        self.tries > 0 && self.ended.upstream_failed == 0 && self.ended.all() > 0
    }

    /// How many ended badly.
    pub(super) fn bad(&self) -> u32 {
        self.ended.failed + self.ended.upstream_failed
    }
}

/// What is known of what a task instance is mapped over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// It is not mapped, or has its index already, or all of it is there.
    There,
    /// Some of it has not ended.
    Pending,
    /// One of those that were to make it ended without making anything.
    Ended(Terminal),
}

impl Progress<'_> {
    /// How much a task instance waits for, and what it has seen of that.
    pub(super) fn view(&self, at: Instance, node: &Node) -> (Expected, UpstreamCounts) {
        let all = self.graph.awaited_by_all(at.task);
        match self.rows.expansion(at.task) {
            None => (all.grown(node.seen.growth), node.seen),
            Some(expansion) => {
                let own = self.graph.awaited_in_place(at.task).grown(node.seen.growth);
                (all.grown(expansion.seen.growth) + own, expansion.seen + node.seen)
            }
        }
    }

    /// Whether a task instance has ended and nothing upstream of it can decide any more.
    pub(super) fn is_at_rest(&self, at: Instance) -> bool {
        let ended = self.rows.node(at).filter(|node| node.status.ended().is_some());
        ended.is_some_and(|node| {
            let (awaited, seen) = self.view(at, node);
            seen.gates >= awaited.gates
        })
    }

    /// What became of a task, as far as it matters to `at`; `None` if rows are missing.
    pub(super) fn kin(&mut self, at: Instance, of: TaskIndex) -> Option<Kin> {
        match self.rows.head(self.graph, of)? {
            Head::Plain | Head::Unexpanded => Some(self.one(Instance::of(of))),
            Head::Expanded(length) if !self.graph.is_aligned(at.task, of) => Some(self.all_of(of, length)),
            Head::Expanded(length) => match at.map_index {
                Some(index) => {
                    let place = Instance::at(of, index);
                    Some(if self.rows.has(place)? { self.one(place) } else { Kin::default() })
                }
                None if self.waits_for_any(at.task) => Some(self.all_of(of, length)),
                None => Some(Kin::default()),
            },
        }
    }

    fn one(&self, at: Instance) -> Kin {
        let node = self.rows.node(at);
        let mut ended = Ended::default();
        let how = node.and_then(|node| node.status.ended());
        if let Some(how) = how {
            ended.count(how, node.is_some_and(|node| node.length.is_some()));
        }
        Kin { ended, is_pending: how.is_none(), tries: node.map_or(0, |node| node.status.try_number) }
    }

    fn all_of(&self, task: TaskIndex, length: u32) -> Kin {
        let ended = self.rows.expansion(task).map(|expansion| expansion.ended).unwrap_or_default();
        Kin { ended, is_pending: ended.all() < length, tries: u32::from(ended.success + ended.failed > 0) }
    }

    /// What is known of what `at` is to be expanded over (Airflow's `MappedTaskUpstreamDep`).
    pub(super) fn sources(&mut self, at: Instance) -> Option<Sources> {
        let Some(mapping) = self.graph.mapping(at.task).filter(|_| at.map_index.is_none()) else {
            return Some(Sources::There);
        };
        let (mut is_pending, mut failed, mut skipped) = (false, false, false);
        for &source in mapping.sources() {
            let head = self.rows.head(self.graph, source)?;
            let kin = self.kin(at, source)?;
            is_pending |= kin.is_pending;
            if kin.ended.all() > kin.ended.success && self.came_too_late(at, source)? {
                continue;
            }
            // Of an expanded task whatever has succeeded is mapped over, and that is something, if only nothing.
            if !matches!(head, Head::Expanded(_)) {
                failed |= kin.bad() > 0;
                skipped |= kin.ended.skipped + kin.ended.removed > 0;
            }
        }
        Some(match (failed, is_pending, skipped) {
            (true, _, _) => Sources::Ended(Terminal::UpstreamFailed),
            (false, true, true) if self.is_final => Sources::Ended(Terminal::Skipped),
            (false, true, _) => Sources::Pending,
            (false, false, true) => Sources::Ended(Terminal::Skipped),
            (false, false, false) => Sources::There,
        })
    }

    /// How long the result of a task is that something is mapped over, if it is in memory and there.
    pub(super) fn result_length(&self, source: TaskIndex) -> Option<u32> {
        match self.rows.expansion(source) {
            Some(expansion) if expansion.length.is_some() => Some(expansion.ended.returned),
            Some(_) | None => self.rows.node(Instance::of(source)).and_then(|node| node.length),
        }
    }
}
