//! What a run asks of whoever advances it.

use crate::graph::TaskIndex;
use crate::ids::AttemptId;
use crate::time::Millis;

/// What a run asks of whoever advances it. The answers are arguments of the rules, so that these stay pure.
pub trait Host {
    /// What time it is.
    fn now(&self) -> Millis;

    /// A new attempt's id.
    fn mint(&mut self) -> AttemptId;

    /// Whether an instance of the task can be claimed at once. One that cannot is `scheduled` and waits to be admitted.
    fn admits(&mut self, task: TaskIndex) -> bool;
}
