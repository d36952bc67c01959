//! Making the instances of a mapped task once it is known how many there are.

use super::arrive::{Arrival, News};
use super::rows::Head;
use super::settle::Doubt;
use super::{Instance, Node, Progress};
use crate::graph::{MAX_MAP_LENGTH, TaskIndex};
use crate::state::{TaskEvent, Terminal};
use crate::time::Millis;
use crate::trigger_rule::UpstreamCounts;

impl Progress<'_> {
    /// Makes the instances of a task in place of the one without an index, or looks whether there are as many as there should
    /// be; `None` if rows are missing, or if news are still on their way.
    pub(super) fn expand(&mut self, at: Instance, now: Millis) -> Option<()> {
        if !self.arrivals.is_empty() {
            return None;
        }
        let mapping = self.graph.mapping(at.task)?;
        for &source in mapping.sources() {
            self.rows.head(self.graph, source)?;
        }
        let length = mapping.length(&|task| self.result_length(task));
        match (at.map_index, length.map(u32::try_from)) {
            (None, None) => self.refuse(at, Terminal::UpstreamFailed, "what it is mapped over was not returned", now),
            (_, Some(Ok(length))) if length <= MAX_MAP_LENGTH => match at.map_index {
                None if length == 0 => self.must_happen(at, &TaskEvent::Ruled(Terminal::Skipped), now),
                None => self.unfold(at.task, length)?,
                Some(_) => self.refold(at.task, length, now)?,
            },
            (_, Some(_)) => {
                let reason =
                    format!("it is mapped over more than {MAX_MAP_LENGTH} elements, which is the most there can be");
                self.refuse(at, Terminal::Failed, &reason, now);
            }
            // What it was mapped over is no longer there; it stays what it was.
            (Some(_), None) => self.note_up_to_date(at.task),
        }
        Some(())
    }

    fn refuse(&mut self, at: Instance, how: Terminal, reason: &str, now: Millis) {
        self.changes.reasons.push((at, reason.to_owned()));
        self.must_happen(at, &TaskEvent::Ruled(how), now);
    }

    fn unfold(&mut self, task: TaskIndex, length: u32) -> Option<()> {
        let nodes = self.new_nodes(task, 0..length)?;
        let whole = Instance::of(task);
        if let Some(node) = self.rows.node(whole) {
            let status = node.status;
            self.run.tally.take(self.graph.is_leaf(task), &status);
        }
        self.rows.remove(whole);
        self.rows.mark_whole(task);
        self.insert(task, nodes);
        if let Some(expansion) = self.rows.expansion_mut(task) {
            expansion.length = Some(length);
            expansion.waiting = length;
            expansion.is_outdated = false;
        }
        self.announce_growth(task, length);
        self.doubts.insert(Doubt::Task(task));
        Some(())
    }

    /// As many instances as there should be: further ones are made, those beyond the length are removed, and those that had
    /// been are there again. Of none at all, the first says so by being skipped.
    fn refold(&mut self, task: TaskIndex, length: u32, now: Millis) -> Option<()> {
        let Head::Expanded(before) = self.rows.head(self.graph, task)? else { return Some(()) };
        if !self.rows.has_whole(task) {
            return None;
        }
        let nodes = self.new_nodes(task, before..length)?;
        let present: Vec<Instance> = self.rows.of_task(task).map(|(at, _)| at).collect();
        for at in present {
            let is_part = at.map_index.is_some_and(|index| index < length);
            let event = match at.map_index {
                _ if is_part => TaskEvent::Restored,
                Some(0) => TaskEvent::Marked(Terminal::Skipped),
                Some(_) | None => TaskEvent::Removed,
            };
            self.must_happen(at, &event, now);
        }
        if length > before {
            self.insert(task, nodes);
            if let Some(expansion) = self.rows.expansion_mut(task) {
                expansion.length = Some(length);
            }
        }
        self.changes.dealt_anew.insert(task);
        self.note_up_to_date(task);
        self.is_stale = true;
        Some(())
    }

    fn note_up_to_date(&mut self, task: TaskIndex) {
        if let Some(expansion) = self.rows.expansion_mut(task) {
            expansion.is_outdated = false;
        }
        self.doubts.insert(Doubt::Task(task));
    }

    fn insert(&mut self, task: TaskIndex, nodes: Vec<(u32, Node)>) {
        for (index, node) in nodes {
            self.run.tally.add(self.graph.is_leaf(task), &node.status);
            self.rows.create(Instance::at(task, index), node);
        }
    }

    /// New instances of a task, which have seen what those before them in their group have come to.
    fn new_nodes(&mut self, task: TaskIndex, indices: std::ops::Range<u32>) -> Option<Vec<(u32, Node)>> {
        let before = self.graph.upstream(task).iter().chain(self.graph.scope(task)).copied();
        let before: Vec<TaskIndex> = before.filter(|&parent| self.graph.is_aligned(parent, task)).collect();
        for &parent in &before {
            let is_expanded = matches!(self.rows.head(self.graph, parent)?, Head::Expanded(_));
            let has_ended = self.rows.expansion(parent).is_some_and(|expansion| expansion.ended.all() > 0);
            if is_expanded && has_ended && !self.rows.has_whole(parent) {
                return None;
            }
        }
        let retries = self.graph.task(task).retries;
        let nodes = indices.map(|index| {
            let mut node = Node::new(retries);
            for &parent in &before {
                self.catch_up(Instance::at(task, index), parent, &mut node.seen);
            }
            (index, node)
        });
        Some(nodes.collect())
    }

    /// Counts what an instance that is new would have heard of a task before it.
    fn catch_up(&self, at: Instance, parent: TaskIndex, seen: &mut UpstreamCounts) {
        let in_place = Instance { task: parent, map_index: at.map_index };
        let from = if self.rows.node(in_place).is_some() { in_place } else { Instance::of(parent) };
        let Some(how) = self.rows.node(from).and_then(|node| node.status.ended()) else { return };
        let is_direct = self.graph.upstream(at.task).contains(&parent);
        let news = if is_direct { self.ended(from, how, at.task) } else { News::Done };
        self.weigh(&Arrival { from, to: at.task, news }, false).apply_to(seen);
    }
}
