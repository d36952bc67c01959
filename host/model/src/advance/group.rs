//! Groups that are tried again as a whole.
//!
//! When a task of such a group has failed for good, its failure is kept back: it is `up_for_retry`, so that nothing behind it
//! hears of it. When the pause is over, everything of the group runs again from its first tasks. In a mapped group that is
//! everything with the same index. Only when no group around it has a try left has the task failed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Instance, Progress, Refusal};
use crate::graph::{GroupIndex, TaskIndex};
use crate::ids::AttemptId;
use crate::state::{InvalidTransition, Phase, TaskEvent, Terminal, decide};
use crate::time::Millis;

/// How often a group has been tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupTries {
    /// Which group.
    pub group: GroupIndex,
    /// Of a mapped group: which index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_index: Option<u32>,
    /// How often it has been, or is going to be, tried again.
    pub retries: u32,
    /// When it is tried again next, while it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
}

/// A group that is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regroup {
    /// The task instance that failed.
    pub at: Instance,
    /// Which group.
    pub group: GroupIndex,
    /// What stands for the group's next try.
    pub attempt: AttemptId,
    /// When.
    pub due: Millis,
}

/// A group, or an index of a mapped one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    group: GroupIndex,
    map_index: Option<u32>,
}

/// How a task instance leaves off until its group is tried again.
pub(super) struct Parting {
    pub(super) attempt: AttemptId,
    pub(super) next: AttemptId,
    pub(super) delay: Duration,
}

impl Progress<'_> {
    /// If with this event a task instance would fail for good, and a group around it has a try left: the pause before that.
    pub(super) fn saved_by_group(&self, at: Instance, event: &TaskEvent<'_>, now: Millis) -> Option<Duration> {
        let status = self.rows.node(at)?.status;
        let next = decide(status, event, now).ok()?.next;
        if next.phase != Phase::Ended(Terminal::Failed) || self.run.tally.is_doomed {
            return None;
        }
        let place = self.next_to_try(at)?;
        let waits = self.tries(place).and_then(|tries| tries.due);
        let delay = Duration::from_millis(self.graph.group(place.group).retry_delay_ms);
        Some(waits.map_or(delay, |due| due.since(now)))
    }

    /// Keeps a failure back until the group is tried again.
    pub(super) fn fail_in_group(&mut self, at: Instance, parting: &Parting, now: Millis) -> Result<(), Refusal> {
        let Parting { attempt, next, delay } = *parting;
        let Some(place) = self.next_to_try(at) else { return Ok(()) };
        self.happen(at, &TaskEvent::FailedInGroup { attempt, next, delay }, now)?;
        let due = now.after(delay);
        let Place { group, map_index } = place;
        match self.run.tally.groups.iter_mut().find(|tries| is_of(tries, place)) {
            Some(tries) if tries.due.is_some() => {}
            Some(tries) => (tries.retries, tries.due) = (tries.retries + 1, Some(due)),
            None => self.run.tally.groups.push(GroupTries { group, map_index, retries: 1, due: Some(due) }),
        }
        self.changes.regroups.push(Regroup { at, group, attempt: next, due });
        Ok(())
    }

    /// Begins the next try of the group that waits for this attempt, which [`Changes::regroups`](super::Changes) named.
    pub fn restart(&mut self, at: Instance, attempt: AttemptId) -> Result<(), Refusal> {
        let node = self.rows.node(at).ok_or(Refusal::NotInMemory(at))?;
        let waits =
            self.around(at).into_iter().find(|place| self.tries(*place).is_some_and(|tries| tries.due.is_some()));
        let is_current = node.status.due().is_some() && node.status.attempt() == Some(attempt);
        if waits.is_none() || !is_current {
            return Err(InvalidTransition { from: node.status.state(), event: "tried again with its group" }.into());
        }
        self.restarts = waits;
        Ok(())
    }

    /// Runs everything of the group again. Groups within it have all their tries before them.
    pub(super) fn restart_group(&mut self, now: Millis) {
        let Some(place) = self.restarts.take() else { return };
        let members: Vec<TaskIndex> = self.graph.tasks_of(place.group).to_vec();
        let is_same = |at: &Instance| place.map_index.is_none() || at.map_index == place.map_index;
        let all: Vec<Instance> = members
            .into_iter()
            .flat_map(|task| self.rows.of_task(task).map(|(at, _)| at).collect::<Vec<_>>())
            .collect();
        for at in all.into_iter().filter(is_same) {
            let cleared = self.clear_one(at, now);
            debug_assert!(cleared.is_ok(), "whatever is in memory can be cleared: {cleared:?}");
        }
        let graph = self.graph;
        let is_within = |tries: &GroupTries| {
            let first = graph.tasks_of(tries.group).first();
            let around = first.map(|&first| graph.groups_around(first)).unwrap_or_default();
            let is_inner =
                around.iter().skip_while(|group| **group != tries.group).skip(1).any(|it| *it == place.group);
            is_inner && (place.map_index.is_none() || tries.map_index == place.map_index)
        };
        self.run.tally.groups.retain(|tries| !is_within(tries));
        if let Some(tries) = self.run.tally.groups.iter_mut().find(|tries| is_of(tries, place)) {
            tries.due = None;
        }
    }

    /// The innermost group around a task instance that waits for its next try or has one left.
    fn next_to_try(&self, at: Instance) -> Option<Place> {
        let has_left = |place: &Place| {
            let retries = self.graph.group(place.group).retries;
            self.tries(*place).map_or(retries > 0, |tries| tries.due.is_some() || tries.retries < retries)
        };
        self.around(at).into_iter().find(has_left)
    }

    /// The groups around a task instance, the innermost first. Within a mapped group they are tried index by index.
    fn around(&self, at: Instance) -> Vec<Place> {
        let mapped = self.graph.mapped_group(at.task);
        let groups = self.graph.groups_around(at.task);
        let last_mapped = mapped.and_then(|mapped| groups.iter().position(|&group| group == mapped));
        let places = groups.iter().enumerate().map(|(depth, &group)| {
            let is_inside = last_mapped.is_some_and(|last| depth <= last);
            Place { group, map_index: at.map_index.filter(|_| is_inside) }
        });
        places.collect()
    }

    fn tries(&self, place: Place) -> Option<&GroupTries> {
        self.run.tally.groups.iter().find(|tries| is_of(tries, place))
    }
}

fn is_of(tries: &GroupTries, place: Place) -> bool {
    tries.group == place.group && tries.map_index == place.map_index
}
