//! How a run goes on: who is counted when something ends, who is released, who ends without running, when the run is over.
//!
//! Whoever holds a run's lock makes a [`Progress`], hands in the rows that an event concerns, lets it happen, and calls
//! [`Progress::settle`], which follows every end to those behind it or says which rows it [needs](Wanted) to go on. At last
//! [`Progress::into_changes`] says what to write. Nothing here does IO or looks at more than the edges that leave an end. A
//! mapped task's instances share one row, its [`Expansion`], so that a join of thousands costs one counter per end. The order
//! of ends changes nothing in what they come to, but for what has not ended when a task fails in a DAG with `fail_fast`.

mod arrive;
mod changes;
mod expand;
mod fit;
mod group;
mod host;
mod instance;
mod judge;
mod kin;
mod report;
mod rows;
mod settle;
mod sweep;
mod too_late;
mod verdict;
mod whole;

pub use changes::{Changes, Step};
pub use fit::Renumbering;
pub use group::{GroupTries, Regroup};
pub use host::Host;
pub use instance::{Ended, Expansion, Instance, Node, Skips};
pub use report::{Finish, Refusal, Returned};
pub use rows::{Past, Wanted};
pub use settle::Settled;
pub use verdict::{RunFacts, Tally};
pub use whole::EndOfRun;

use std::collections::{BTreeSet, VecDeque};

use crate::graph::{Graph, TaskIndex};
use crate::state::{TaskEvent, decide};
use crate::time::Millis;

use arrive::Arrival;
use rows::Rows;
use settle::Doubt;

/// See the module.
#[derive(Debug)]
pub struct Progress<'g> {
    graph: &'g Graph,
    run: RunFacts,
    rows: Rows,
    /// News on its way to those whom it concerns.
    arrivals: VecDeque<Arrival>,
    /// Whoever may have something new to be told.
    doubts: BTreeSet<Doubt>,
    /// The task whose failure is to end the run.
    failed_fast: Option<TaskIndex>,
    /// The group whose next try begins.
    restarts: Option<group::Place>,
    /// Whether nothing that is waited for will come, so that everything that can end does.
    is_final: bool,
    /// Whether something that had ended is now something else, so that counts have to be made anew.
    is_stale: bool,
    changes: Changes,
}

impl<'g> Progress<'g> {
    /// A run of which nothing is in memory yet.
    pub fn new(graph: &'g Graph, run: RunFacts) -> Self {
        Self {
            graph,
            run,
            rows: Rows::default(),
            arrivals: VecDeque::new(),
            doubts: BTreeSet::new(),
            failed_fast: None,
            restarts: None,
            is_final: false,
            is_stale: false,
            changes: Changes::default(),
        }
    }

    /// The run as it is now.
    pub fn run(&self) -> &RunFacts {
        &self.run
    }

    /// A task instance that is in memory.
    pub fn node(&self, at: Instance) -> Option<&Node> {
        self.rows.node(at)
    }

    /// What the instances of a mapped task share, if it is in memory.
    pub fn expansion(&self, task: TaskIndex) -> Option<&Expansion> {
        self.rows.expansion(task)
    }

    /// Lets something happen to a task instance that is in memory, with its expansion if its task is mapped. What follows is
    /// found out by [`Progress::settle`].
    pub fn happen(&mut self, at: Instance, event: &TaskEvent<'_>, now: Millis) -> Result<(), Refusal> {
        let node = self.rows.node(at).ok_or(Refusal::NotInMemory(at))?;
        let before = node.status;
        let transition = decide(before, event, now)?;
        if transition.next == before {
            return Ok(());
        }
        self.apply(at, before, transition);
        Ok(())
    }

    /// Has tasks looked at again, as when the run before has gone on. Whether any waits in vain is found anew.
    pub fn reconsider(&mut self, tasks: impl IntoIterator<Item = TaskIndex>) {
        self.run.tally.is_stuck = false;
        self.doubts.extend(tasks.into_iter().map(Doubt::Task));
    }

    /// What has to be written, and what the caller has to do besides.
    pub fn into_changes(self) -> Changes {
        let mut changes = self.changes;
        changes.run = self.run;
        self.rows.write_to(&mut changes);
        changes
    }
}
