//! What becomes of a task instance that waits.
//!
//! In this order: a decision upstream that it is not followed; what it is mapped over; the setups before it; its trigger
//! rule; what a teardown waits for; the run before. Source: Airflow 3.3, `ti_deps/deps`. Airflow lets whatever it evaluates
//! last decide; here whatever comes first in this order does, and what could still come first is waited for.

use super::kin::Sources;
use super::rows::Past;
use super::sweep::Reach;
use super::{Instance, Progress};
use crate::graph::TaskIndex;
use crate::state::Terminal;
use crate::trigger_rule::{Expected, Patience, Ruling, TriggerRule, UpstreamCounts, Viewpoint};

/// What becomes of a task instance that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet.
    Wait,
    /// Nothing before the run before has gone on.
    Hold,
    /// It runs.
    Release,
    /// The instances of its task are made, or made anew.
    Expand,
    /// It ends without running.
    End(Terminal),
}

/// One task instance about which is judged.
struct Case {
    at: Instance,
    rule: TriggerRule,
    awaited: Expected,
    seen: UpstreamCounts,
    reach: Reach,
    stands_for_many: bool,
    is_final: bool,
}

impl Case {
    /// It ends like this, as soon as nothing can decide otherwise.
    fn end(&self, how: Terminal) -> Verdict {
        if self.seen.gates < self.awaited.gates && !self.is_final {
            return Verdict::Wait;
        }
        Verdict::End(if self.reach == Reach::Not { how } else { Terminal::Skipped })
    }
}

impl Progress<'_> {
    /// What becomes of a task instance in memory that waits; `None` if rows are missing.
    pub(super) fn judge(&mut self, at: Instance) -> Option<Verdict> {
        let Some(node) = self.rows.node(at) else { return Some(Verdict::Wait) };
        let (awaited, seen) = self.view(at, node);
        let is_ahead = at.map_index.is_none() && node.seen.growth.instances < 0;
        let case = Case {
            at,
            rule: self.graph.rule(at.task),
            awaited,
            seen,
            reach: self.reached(at, awaited, &seen),
            stands_for_many: is_ahead && !self.waits_for_any(at.task),
            is_final: self.is_final,
        };
        let verdict = self.decide(&case)?;
        // What would begin now would have begun before.
        let is_end = matches!(verdict, Verdict::End(_));
        Some(if self.is_final && !is_end { Verdict::Wait } else { verdict })
    }

    /// Whether everybody who waits among the instances of an expanded task goes on waiting, as far as what they share says.
    /// Only those of a task that is mapped by itself see nothing but that.
    pub(super) fn all_wait_on(&mut self, task: TaskIndex) -> Option<bool> {
        let is_alone = self.graph.mapped_group(task).is_none();
        let Some(expansion) = self.rows.expansion(task).copied() else { return Some(true) };
        if expansion.waiting == 0 {
            return Some(true);
        }
        if !is_alone || expansion.seen.removed > 0 {
            return Some(false);
        }
        let at = Instance::at(task, 0);
        let (awaited, seen) = (self.graph.awaited_by_all(task).grown(expansion.seen.growth), expansion.seen);
        let reach = self.reached(at, awaited, &seen);
        let case =
            Case { at, rule: self.graph.rule(task), awaited, seen, reach, stands_for_many: false, is_final: false };
        Some(self.decide(&case)? == Verdict::Wait)
    }

    fn decide(&mut self, case: &Case) -> Option<Verdict> {
        if case.reach == Reach::Surely {
            return Some(case.end(Terminal::Skipped));
        }
        let sources = self.sources(case.at)?;
        if self.is_early(case)? && !self.is_held(case.at.task)? {
            return Some(case.end(Terminal::UpstreamFailed));
        }
        if let Sources::Ended(how) = sources {
            return Some(case.end(how));
        }
        if case.rule != TriggerRule::Always && !self.graph.upstream(case.at.task).is_empty() {
            match self.by_upstream(case, sources)? {
                Ruling::Run => {}
                Ruling::Wait => return Some(Verdict::Wait),
                Ruling::End(how) => return Some(case.end(how)),
            }
        }
        if sources == Sources::Pending && case.is_final && !self.is_held(case.at.task)? {
            return Some(case.end(Terminal::UpstreamFailed));
        }
        if sources == Sources::Pending || case.seen.scope < case.awaited.scope {
            return Some(Verdict::Wait);
        }
        self.go(case)
    }

    /// What the setups before it and its direct upstream make of it.
    fn by_upstream(&mut self, case: &Case, sources: Sources) -> Option<Ruling> {
        let setups = self.setups(case.at)?;
        let rule = self.by_rule(case)?;
        // Nothing ends what could still end otherwise by what comes first: sources, setups, the rule.
        Some(match (sources, setups, rule) {
            (Sources::There, Ruling::End(how), _) | (Sources::There, Ruling::Run, Ruling::End(how)) => Ruling::End(how),
            (_, _, Ruling::End(how)) if case.is_final => Ruling::End(how),
            (_, Ruling::Run, Ruling::Run) => Ruling::Run,
            (_, _, _) => Ruling::Wait,
        })
    }

    /// What the setups before a task instance make of it, besides those directly upstream: all of them have to succeed.
    fn setups(&mut self, at: Instance) -> Option<Ruling> {
        let (mut is_pending, mut bad, mut skipped) = (false, 0, 0);
        for &setup in self.graph.setups_before(at.task) {
            let kin = self.kin(at, setup)?;
            is_pending |= kin.is_pending;
            if kin.ended.all() > kin.ended.success && self.came_too_late(at, setup)? {
                continue;
            }
            bad += kin.bad();
            skipped += kin.ended.skipped;
        }
        Some(match (bad, is_pending, skipped) {
            (1.., _, _) => Ruling::End(Terminal::UpstreamFailed),
            (0, true, 1..) if self.is_final => Ruling::End(Terminal::Skipped),
            (0, true, _) => Ruling::Wait,
            (0, false, 1..) => Ruling::End(Terminal::Skipped),
            (0, false, 0) => Ruling::Run,
        })
    }

    fn by_rule(&mut self, case: &Case) -> Option<Ruling> {
        let Case { at, stands_for_many, is_final, .. } = *case;
        let from = Viewpoint { map_index: at.map_index, stands_for_many, is_final };
        let mut seen = case.seen;
        let is_torn = seen.skipped > 0 && seen.failed + seen.upstream_failed > 0;
        if is_torn && case.rule == TriggerRule::AllSuccess {
            self.discount_late(at, &mut seen)?;
        }
        Some(case.rule.judge(case.awaited, &seen, from))
    }

    /// Takes failures that came too late for skips, as a skip had decided before.
    fn discount_late(&mut self, at: Instance, seen: &mut UpstreamCounts) -> Option<()> {
        for &late in self.graph.upstream(at.task) {
            let ended = self.kin(at, late)?.ended;
            let bad = ended.failed + ended.upstream_failed;
            if bad > 0 && self.came_too_late(at, late)? {
                seen.failed = seen.failed.saturating_sub(ended.failed);
                seen.upstream_failed = seen.upstream_failed.saturating_sub(ended.upstream_failed);
                seen.skipped += bad;
            }
        }
        Some(())
    }

    /// How it goes on when nothing in its run is in the way.
    fn go(&mut self, case: &Case) -> Option<Verdict> {
        let task = case.at.task;
        if self.is_held(task)? {
            return Some(Verdict::Hold);
        }
        let is_mapped = self.graph.mapping(task).is_some();
        let is_outdated = self.rows.expansion(task).is_some_and(|expansion| expansion.is_outdated);
        Some(if is_mapped && (case.at.map_index.is_none() || is_outdated) { Verdict::Expand } else { Verdict::Release })
    }

    /// Whether the task has to wait for the run before.
    fn is_held(&mut self, task: TaskIndex) -> Option<bool> {
        if !self.run.has_past || !self.graph.waits_for_past(task) {
            return Some(false);
        }
        let past = self.rows.past(task)?;
        self.run.tally.is_stuck |= past == Past::Never;
        Some(past != Past::Met)
    }

    /// Whether it is to be expanded before it can be known over what, as its rule does not wait for that. Airflow makes it
    /// `upstream_failed`, and so do we: whoever maps over results has to wait for them. Where it is a race whether they are
    /// there by then, they are, and so they are for what was cleared.
    fn is_early(&mut self, case: &Case) -> Option<bool> {
        let Case { at, rule, .. } = *case;
        let graph = self.graph;
        let is_first = !self.rows.expansion(at.task).is_some_and(|expansion| expansion.is_outdated);
        let mapping = graph.mapping(at.task).filter(|_| at.map_index.is_none() && is_first);
        let Some(mapping) = mapping else { return Some(false) };
        for &source in mapping.sources() {
            let is_early = match rule.patience() {
                Patience::Full | Patience::ToRun => false,
                Patience::One => self.is_met_by_some_of(case, source)? || self.is_met_before(at, source)?,
                Patience::None => {
                    let is_empty = graph.mapping(source).is_some_and(|mapping| mapping.literal() == Some(0));
                    !is_empty || !self.ends_at_begin(source)
                }
            };
            if is_early {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Whether the rule is met by one of several instances that it is mapped over, and these do not end at once.
    fn is_met_by_some_of(&mut self, case: &Case, source: TaskIndex) -> Option<bool> {
        let ended = self.kin(case.at, source)?.ended;
        let many = self.rows.expansion(source).is_some_and(|expansion| expansion.length >= Some(2));
        let is_met = |how| case.rule.is_met_by_one(how) && ended.of(how) > 0;
        let is_direct = self.graph.upstream(case.at.task).contains(&source);
        Some(many && is_direct && (is_met(Terminal::Success) || is_met(Terminal::Failed)))
    }

    /// Whether the rule was met before what it is mapped over ran.
    fn is_met_before(&mut self, at: Instance, source: TaskIndex) -> Option<bool> {
        Some(self.kin(at, source)?.has_run() && self.ruling_before(at, source)? == Ruling::Run)
    }
}
