//! How far the decision not to go on reaches.
//!
//! A branch reaches the direct downstream tasks that it does not follow. A short circuit that ignores the rules behind it
//! sweeps on through everything: each task instance passes it to those behind it when it comes to rest. Whoever could have
//! begun before the decision was taken is reached only *loosely*: what its own rule lets run, runs, whichever was first.

use super::{Instance, Progress};
use crate::graph::TaskIndex;
use crate::trigger_rule::{Expected, Patience, Swept, TriggerRule, UpstreamCounts};

/// How a sweep reaches a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Reach {
    /// Not at all.
    #[default]
    Not,
    /// It might have begun before.
    Loosely,
    /// It could not have begun before.
    Surely,
}

/// What a task instance passes on to one behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sweep {
    /// To whatever is behind.
    pub(super) further: Reach,
    /// Within its place of its mapped group alone.
    pub(super) here: Reach,
}

impl Sweep {
    /// What is known of it when the task instance ends: whatever is sure.
    pub(super) fn at_end(self) -> Self {
        let sure = |reach| if reach == Reach::Surely { reach } else { Reach::Not };
        Self { further: sure(self.further), here: sure(self.here) }
    }

    /// What is left to be said when it comes to rest.
    pub(super) fn at_rest(self) -> Self {
        let loose = |reach| if reach == Reach::Loosely { reach } else { Reach::Not };
        Self { further: loose(self.further), here: loose(self.here) }
    }

    pub(super) fn count_into(self, seen: &mut UpstreamCounts) {
        count(self.further, &mut seen.swept);
        count(self.here, &mut seen.swept_here);
    }
}

fn count(reach: Reach, swept: &mut Swept) {
    match reach {
        Reach::Not => {}
        Reach::Loosely => swept.loosely += 1,
        Reach::Surely => swept.surely += 1,
    }
}

/// How a sweep that comes through these reaches a task instance with this rule.
fn reach(rule: TriggerRule, awaited: Expected, swept: Swept) -> Reach {
    let at_all = if swept.surely + swept.loosely > 0 { Reach::Loosely } else { Reach::Not };
    match rule.patience() {
        Patience::Full | Patience::ToRun if swept.surely > 0 => Reach::Surely,
        Patience::One if swept.surely > 0 && swept.surely >= awaited.instances => Reach::Surely,
        Patience::Full | Patience::ToRun | Patience::One | Patience::None => at_all,
    }
}

impl Progress<'_> {
    /// How decisions upstream reach a task instance that has seen this.
    pub(super) fn reached(&self, at: Instance, awaited: Expected, seen: &UpstreamCounts) -> Reach {
        let rule = self.graph.rule(at.task);
        let cut = reach(rule, awaited, Swept { surely: seen.cut, loosely: 0 });
        let all = if self.graph.is_teardown(at.task) {
            cut
        } else {
            // What a task is mapped over decided how many instances it has. Airflow, too, sweeps up only those without an index.
            let swept = if at.map_index.is_none() { reach(rule, awaited, seen.swept) } else { Reach::Not };
            cut.max(swept).max(reach(rule, awaited, seen.swept_here))
        };
        // Whoever waits for any one upstream, or for none, hears of the others later. What it hears is counted as skipped instead.
        match rule.patience() {
            Patience::Full | Patience::ToRun => all,
            Patience::One | Patience::None => all.min(Reach::Loosely),
        }
    }

    /// Whether an end is as good as a skip to a task that any one upstream would let run: it came after the decision that
    /// sweeps over both.
    pub(super) fn is_swept_away(&self, to: TaskIndex, sweep: Sweep) -> bool {
        let is_swept_up = self.graph.mapping(to).is_none_or(|mapping| mapping.literal().is_none());
        let reaches = sweep.here == Reach::Surely || is_swept_up && sweep.further == Reach::Surely;
        reaches && self.waits_for_any(to) && !self.graph.is_teardown(to)
    }

    /// What a task instance that has come to rest passes on to a task behind it.
    pub(super) fn passed_on(&self, at: Instance, to: TaskIndex) -> Sweep {
        let Some(node) = self.rows.node(at) else { return Sweep::default() };
        let (awaited, seen) = self.view(at, node);
        let rule = self.graph.rule(at.task);
        let (further, here) = (reach(rule, awaited, seen.swept), reach(rule, awaited, seen.swept_here));
        let sweeps = node.skips.as_ref().is_some_and(|skips| skips.sweeps);
        let own = if sweeps { Reach::Surely } else { Reach::Not };
        match (at.map_index, self.graph.is_aligned(at.task, to)) {
            (Some(_), true) => Sweep { further, here: here.max(own) },
            (None, true) => Sweep { further: further.max(own), here },
            (Some(_), false) => Sweep { further, here: Reach::Not },
            (None, false) => Sweep { further: further.max(own), here: Reach::Not },
        }
    }

    /// Whether a task instance decided that a task directly behind it is not followed. What an instance decides concerns those
    /// of the same index; whoever waits for all of them follows as long as one wants it to.
    pub(super) fn cuts(&self, at: Instance, to: TaskIndex) -> bool {
        let skips = self.rows.node(at).and_then(|node| node.skips.as_ref());
        let concerns = at.map_index.is_none() || self.graph.is_aligned(at.task, to);
        concerns && skips.is_some_and(|skips| skips.tasks.contains(&to))
    }
}
