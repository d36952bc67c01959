//! What had certainly ended before a task did, as far as its own end says.
//!
//! Airflow lets whatever it sees first decide. Mostly either of two ends may be first, and here their rank says which decides.
//! But what ran only after a rule had decided came too late. That is read from how tasks ended and nothing else: one that ran
//! had waited for what its rule waits for, and so had that. What is still open is not asked, so that no order matters.

use std::collections::{BTreeMap, BTreeSet};

use super::kin::Kin;
use super::rows::Head;
use super::{Instance, Progress};
use crate::graph::TaskIndex;
use crate::trigger_rule::{Expected, Patience, Ruling, TriggerRule, UpstreamCounts, Viewpoint};

/// How many tasks are looked at. What more of them lead to did not come too late.
const REACH: usize = 64;

/// Tasks that had ended, with all their instances that matter.
type Earlier = BTreeSet<TaskIndex>;

impl Progress<'_> {
    /// Whether the rule of `at` had ended it by what certainly came before a task's end; `None` if rows are missing.
    pub(super) fn came_too_late(&mut self, at: Instance, task: TaskIndex) -> Option<bool> {
        Some(matches!(self.ruling_before(at, task)?, Ruling::End(_)))
    }

    /// What the rule of `at` says of what certainly came before a task's end.
    pub(super) fn ruling_before(&mut self, at: Instance, task: TaskIndex) -> Option<Ruling> {
        let past = self.earlier_than(at, task)?;
        self.ruling_on(at, at.task, &past)
    }

    /// What certainly ended before a task did.
    fn earlier_than(&mut self, at: Instance, task: TaskIndex) -> Option<Earlier> {
        let graph = self.graph;
        let Some(above) = graph.upstream_in_order(task, REACH) else { return Some(Earlier::new()) };
        // Whatever is missing is asked for at once.
        if above.iter().filter(|&&above| self.kin(at, above).is_none()).count() > 0 {
            return None;
        }
        let mut earlier = BTreeMap::new();
        for of in above {
            let kin = self.kin(at, of)?;
            let before = self.ended_before(at, of, kin, &earlier)?;
            let mut past: Earlier = before.iter().filter_map(|parent| earlier.get(parent)).flatten().copied().collect();
            past.extend(before);
            // The task's first try can end while the others are still being told what they have to end by.
            if of != task && kin.has_run() || kin.tries > 1 {
                self.add_ended_with(at, &mut past)?;
            }
            earlier.insert(of, past);
        }
        Some(earlier.remove(&task).unwrap_or_default())
    }

    /// Which of its upstream a task's end says had ended.
    fn ended_before(
        &mut self,
        at: Instance,
        of: TaskIndex,
        kin: Kin,
        earlier: &BTreeMap<TaskIndex, Earlier>,
    ) -> Option<Vec<TaskIndex>> {
        let graph = self.graph;
        let parents = graph.upstream(of).iter().copied().filter(|&parent| !self.is_vague(at, of, parent)).collect();
        let rule = graph.rule(of);
        let is_done = match rule.patience() {
            _ if kin.ended.all() == 0 => return Some(Vec::new()),
            Patience::Full | Patience::ToRun if kin.has_run() => true,
            Patience::One if kin.has_run() => self.is_by_last(at, of, earlier)?,
            _ if kin.ended.success + kin.ended.failed > 0 || !self.is_by_rule(at, of)? => false,
            Patience::Full => true,
            Patience::One if graph.mapping(of).is_none() => true,
            Patience::ToRun if rule == TriggerRule::AllSuccess && kin.bad() == 0 => true,
            Patience::One | Patience::ToRun => self.is_by_last(at, of, earlier)?,
            Patience::None => false,
        };
        if is_done { Some(parents) } else { self.gates_before(at, of, kin, earlier) }
    }

    /// Those who may decide and were waited for before a task ended without running.
    fn gates_before(
        &mut self,
        at: Instance,
        of: TaskIndex,
        kin: Kin,
        earlier: &BTreeMap<TaskIndex, Earlier>,
    ) -> Option<Vec<TaskIndex>> {
        let graph = self.graph;
        let has_run = kin.has_run() || kin.ended.success + kin.ended.failed > 0;
        // Who is skipped since there is nothing to map over did not wait for those who decide.
        let heeds_gates =
            graph.mapping(of).is_none() || matches!(graph.rule(of).patience(), Patience::Full | Patience::ToRun);
        let mut gates = Vec::new();
        if has_run || !heeds_gates {
            return Some(gates);
        }
        for &gate in graph.upstream(of).iter().filter(|&&parent| graph.is_gate(parent)) {
            let is_open = match earlier.get(&gate) {
                Some(past) => self.ruling_on(at, of, past)? == Ruling::Wait,
                None => true,
            };
            if is_open && !self.is_vague(at, of, gate) {
                gates.push(gate);
            }
        }
        Some(gates)
    }

    /// Whether a task that ended without running can only have done so by its rule.
    fn is_by_rule(&mut self, at: Instance, of: TaskIndex) -> Option<bool> {
        let may_be_decided = self.graph.upstream(of).iter().any(|&parent| self.graph.is_gate(parent));
        let is_decided = may_be_decided && self.kin(at, of)?.ended.skipped > 0;
        if is_decided || !self.graph.setups_before(of).is_empty() || !self.sees_alike(at, of) {
            return Some(false);
        }
        let sources = self.graph.mapping(of).map_or(&[][..], |mapping| mapping.sources());
        for &source in sources {
            let is_whole = !matches!(self.rows.head(self.graph, source)?, Head::Expanded(_));
            let ended = self.kin(at, source)?.ended;
            if is_whole && ended.success == 0 && ended.all() > 0 {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Whether one of its upstream certainly ended last, and nothing was decided before.
    fn is_by_last(&mut self, at: Instance, of: TaskIndex, earlier: &BTreeMap<TaskIndex, Earlier>) -> Option<bool> {
        let parents = self.graph.upstream(of);
        if !self.sees_alike(at, of) || parents.iter().any(|&parent| self.is_vague(at, of, parent)) {
            return Some(false);
        }
        for &last in parents {
            let others: Earlier = parents.iter().copied().filter(|&other| other != last).collect();
            let is_last = self.is_one(at, last) && earlier.get(&last).is_some_and(|past| others.is_subset(past));
            if is_last && self.ruling_on(at, of, &others)? == Ruling::Wait {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Whether a task waits index by index for another, while `at` has none of these indices itself.
    fn is_vague(&self, at: Instance, of: TaskIndex, parent: TaskIndex) -> bool {
        let in_place = at.map_index.is_some() && self.graph.is_aligned(of, at.task);
        !in_place && self.graph.is_aligned(parent, of)
    }

    /// Whether `at` sees the same upstream of a task as that does. Of its own group it sees what has its index.
    fn sees_alike(&self, at: Instance, of: TaskIndex) -> bool {
        let graph = self.graph;
        let mut upstream = graph.upstream(of).iter();
        at.map_index.is_none() || graph.is_aligned(at.task, of) || !upstream.any(|&it| graph.is_aligned(at.task, it))
    }

    /// Whether `at` sees only one instance of the task.
    fn is_one(&self, at: Instance, task: TaskIndex) -> bool {
        let graph = self.graph;
        graph.mapping(task).is_none() || at.map_index.is_some() && graph.is_aligned(at.task, task)
    }

    /// Adds those directly upstream that ended without running at once when these had ended.
    fn add_ended_with(&mut self, at: Instance, past: &mut Earlier) -> Option<()> {
        let graph = self.graph;
        let few = |task: TaskIndex| graph.upstream(task).len() <= REACH;
        for &task in graph.upstream(at.task).iter().take(REACH).filter(|&&task| few(task)) {
            let kin = self.kin(at, task)?;
            let is_gated = graph.upstream(task).iter().any(|&parent| graph.is_gate(parent));
            if kin.has_run() || kin.ended.all() == 0 || is_gated || !self.is_by_rule(at, task)? {
                continue;
            }
            let sources = graph.mapping(task).map_or(&[][..], |mapping| mapping.sources());
            let awaited = if graph.rule(task) == TriggerRule::AllSuccess { graph.upstream(task) } else { sources };
            let is_due = awaited.iter().all(|awaited| past.contains(awaited));
            if self.ends_at_begin(task) || is_due && matches!(self.ruling_on(at, task, past)?, Ruling::End(_)) {
                past.insert(task);
            }
        }
        Some(())
    }

    /// Whether a task ends as the run begins, if it ends without running: it waits for nothing, and is mapped over nothing or
    /// over what cannot be there yet.
    pub(super) fn ends_at_begin(&self, task: TaskIndex) -> bool {
        let graph = self.graph;
        let is_free = graph.upstream(task).is_empty() || graph.rule(task) == TriggerRule::Always;
        let is_held = self.run.has_past && graph.waits_for_past(task);
        is_free && !is_held && graph.mapping(task).is_some_and(|mapping| mapping.literal().unwrap_or(0) == 0)
    }

    /// What the rule of a task says, if of its upstream just these had ended.
    fn ruling_on(&mut self, at: Instance, task: TaskIndex, past: &Earlier) -> Option<Ruling> {
        let mut seen = UpstreamCounts::default();
        let mut expected = Expected::default();
        for &parent in self.graph.upstream(task) {
            let Kin { ended, is_pending, .. } = self.kin(at, parent)?;
            expected.instances += ended.all() + u32::from(is_pending);
            if !past.contains(&parent) {
                continue;
            }
            seen.success += ended.success;
            seen.failed += ended.failed;
            seen.skipped += ended.skipped;
            seen.upstream_failed += ended.upstream_failed;
            seen.removed += ended.removed;
        }
        if seen.done() == 0 {
            return Some(Ruling::Wait);
        }
        let from = Viewpoint { map_index: at.map_index, stands_for_many: false, is_final: true };
        Some(self.graph.rule(task).judge(expected, &seen, from))
    }
}
