//! What came of advancing a run: the rows to write and what else there is to do.

use std::collections::BTreeSet;

use super::{Expansion, Instance, Node, Regroup, RunFacts};
use crate::graph::TaskIndex;
use crate::state::{QueueEffect, TaskStatus};

/// What came of advancing a run.
#[derive(Debug, Default)]
pub struct Changes {
    /// The run as it is now.
    pub run: RunFacts,
    /// What happened, in order. A task instance can be in it more than once.
    pub steps: Vec<Step>,
    /// Task instances that were there before and are different now.
    pub changed: Vec<(Instance, Node)>,
    /// Task instances that were not there before.
    pub created: Vec<(Instance, Node)>,
    /// Task instances that are no longer there.
    pub removed: Vec<Instance>,
    /// What instances share, where it changed or is new.
    pub expansions: Vec<(TaskIndex, Expansion)>,
    /// Mapped tasks of which every instance gets its element anew, since what they are mapped over may be another list now.
    pub dealt_anew: BTreeSet<TaskIndex>,
    /// Groups that are to be tried again, each with the attempt in [`Changes::steps`] that stands for that: when it is due,
    /// [`super::Progress::restart`] is to be called instead of running it.
    pub regroups: Vec<Regroup>,
    /// Task instances that somebody said had ended: nothing that they do by themselves follows from it.
    pub marked: BTreeSet<Instance>,
    /// Why task instances ended as they did, where no attempt says so.
    pub reasons: Vec<(Instance, String)>,
    /// Whether a task instance that was looked at waits for the run before.
    pub is_held: bool,
    /// Tasks of which an instance ended; the next run of the DAG may wait for them (see
    /// [`crate::graph::Graph::awaited_by_next_run`]). Empty if no task of the DAG waits for its past.
    pub past: BTreeSet<TaskIndex>,
}

/// One transition of one task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub at: Instance,
    /// What it was.
    pub from: TaskStatus,
    /// What it became.
    pub to: TaskStatus,
    /// What becomes of its place in the queue.
    pub queue: QueueEffect,
}
