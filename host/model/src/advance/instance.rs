//! The rows that the rules see: task instances, and what the instances of a mapped task share.

use serde::{Deserialize, Serialize};

use crate::graph::TaskIndex;
use crate::state::{TaskStatus, Terminal};
use crate::trigger_rule::UpstreamCounts;

/// Which task instance of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// Its task.
    pub task: TaskIndex,
    /// Its index, if its task is mapped and expanded. A mapped task that is not expanded has one task instance without an
    /// index (Airflow's -1), in whose place the others come.
    pub map_index: Option<u32>,
}

impl Instance {
    /// The one instance of a task that is not mapped, or not expanded.
    pub fn of(task: TaskIndex) -> Self {
        Self { task, map_index: None }
    }

    /// The instance of an expanded task that has this index.
    pub fn at(task: TaskIndex, index: u32) -> Self {
        Self { task, map_index: Some(index) }
    }
}

/// A task instance as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub status: TaskStatus,
    /// What it has seen of its upstream. What the instances of a mapped task see alike is in their [`Expansion`].
    pub seen: UpstreamCounts,
    /// What it decided not to be followed.
    pub skips: Option<Skips>,
    /// If something is mapped over what it returned: how many elements that has. For an instance of a mapped task it says
    /// only that there is something.
    pub length: Option<u32>,
    /// The highest number of a try that may be followed by another.
    pub max_tries: u32,
}

impl Node {
    /// A task instance to which nothing has happened, with so many retries.
    pub fn new(retries: u32) -> Self {
        Self { status: TaskStatus::NEW, seen: UpstreamCounts::default(), skips: None, length: None, max_tries: retries }
    }
}

/// Which way a task instance decided not to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skips {
    /// The direct downstream tasks that are skipped.
    pub tasks: Vec<TaskIndex>,
    /// Whether whatever is behind those is skipped too, by whatever rule it goes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sweeps: bool,
}

/// What the instances of a mapped task share. It is there from the run's begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expansion {
    /// How many instances there are; `None` while there is the one without an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// What all of them have seen of their upstream alike.
    #[serde(skip_serializing_if = "is_default")]
    pub seen: UpstreamCounts,
    /// How those with an index have ended.
    #[serde(skip_serializing_if = "is_default")]
    pub ended: Ended,
    /// How many of those with an index still wait for their upstream.
    #[serde(skip_serializing_if = "is_default")]
    pub waiting: u32,
    /// Whether something was cleared, so that the length has to be worked out anew before an instance runs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_outdated: bool,
}

/// How many instances of a mapped task ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ended {
    /// Succeeded.
    #[serde(skip_serializing_if = "is_default")]
    pub success: u32,
    /// Failed.
    #[serde(skip_serializing_if = "is_default")]
    pub failed: u32,
    /// Skipped.
    #[serde(skip_serializing_if = "is_default")]
    pub skipped: u32,
    /// Whose upstream failed.
    #[serde(skip_serializing_if = "is_default")]
    pub upstream_failed: u32,
    /// No longer part of the run.
    #[serde(skip_serializing_if = "is_default")]
    pub removed: u32,
    /// Those that succeeded and returned something.
    #[serde(skip_serializing_if = "is_default")]
    pub returned: u32,
}

impl Ended {
    /// One more ended like this.
    pub(super) fn count(&mut self, how: Terminal, returned: bool) {
        *match how {
            Terminal::Success => &mut self.success,
            Terminal::Failed => &mut self.failed,
            Terminal::Skipped => &mut self.skipped,
            Terminal::UpstreamFailed => &mut self.upstream_failed,
            Terminal::Removed => &mut self.removed,
        } += 1;
        self.returned += u32::from(returned && how == Terminal::Success);
    }

    /// How many ended like this.
    pub fn of(&self, how: Terminal) -> u32 {
        match how {
            Terminal::Success => self.success,
            Terminal::Failed => self.failed,
            Terminal::Skipped => self.skipped,
            Terminal::UpstreamFailed => self.upstream_failed,
            Terminal::Removed => self.removed,
        }
    }

    /// How many have ended.
    pub fn all(&self) -> u32 {
        Terminal::ALL.into_iter().map(|how| self.of(how)).sum()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
