//! News of a task instance reaches those behind it, where it is counted.

use super::rows::Head;
use super::settle::Doubt;
use super::sweep::Sweep;
use super::{Instance, Progress};
use crate::graph::TaskIndex;
use crate::state::Terminal;
use crate::trigger_rule::{Expected, Growth, UpstreamCounts};

/// News of one task instance for one task behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) from: Instance,
    pub(super) to: TaskIndex,
    pub(super) news: News,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It ended, perhaps with the decision not to be followed here, and perhaps came to rest with that.
    Ended { how: Terminal, cuts: bool, sweep: Sweep, rests: bool },
    /// It had ended, and nothing upstream of it can decide any more.
    Rests(Sweep),
    /// It ended, and a teardown waits for that.
    Done,
    /// It ended, and somebody may be interested.
    Look,
    /// It was expanded to so many.
    Grown(u32),
}

/// Where news are counted.
enum Place {
    /// With one task instance.
    Own(Instance),
    /// With what all instances of a task share.
    Shared(TaskIndex),
    /// With each instance of a task.
    Each(TaskIndex),
    /// They do not matter here.
    Nowhere,
}

impl Progress<'_> {
    /// Tells everybody behind a task instance that it has ended.
    pub(super) fn announce_end(&mut self, at: Instance, how: Terminal) {
        for &to in self.graph.downstream(at.task) {
            let news = self.ended(at, how, to);
            self.arrivals.push_back(Arrival { from: at, to, news });
        }
        for &to in self.graph.torn_down_by(at.task) {
            self.arrivals.push_back(Arrival { from: at, to, news: News::Done });
        }
        for to in self.graph.onlookers(at.task) {
            self.arrivals.push_back(Arrival { from: at, to, news: News::Look });
        }
    }

    /// The news of an end for one task behind it.
    pub(super) fn ended(&self, at: Instance, how: Terminal, to: TaskIndex) -> News {
        let (sweep, rests) = (self.passed_on(at, to), self.is_at_rest(at));
        News::Ended { how, cuts: self.cuts(at, to), sweep: if rests { sweep } else { sweep.at_end() }, rests }
    }

    /// Tells everybody behind a task instance that had ended that it has come to rest. While all is counted anew, it is about
    /// to say so with its end.
    pub(super) fn announce_rest(&mut self, at: Instance) {
        if self.rows.is_quiet() {
            return;
        }
        for &to in self.graph.downstream(at.task) {
            let news = News::Rests(self.passed_on(at, to).at_rest());
            self.arrivals.push_back(Arrival { from: at, to, news });
        }
    }

    /// Tells everybody behind a task that it has so many instances now.
    pub(super) fn announce_growth(&mut self, task: TaskIndex, length: u32) {
        let behind = self.graph.downstream(task).iter().chain(self.graph.torn_down_by(task));
        for &to in behind {
            let news = News::Grown(length);
            self.arrivals.push_back(Arrival { from: Instance::of(task), to, news });
        }
    }

    /// Counts news where they arrive; `false` if that is not in memory yet.
    pub(super) fn arrive(&mut self, arrival: &Arrival) -> bool {
        let Some(place) = self.place(arrival) else { return false };
        match place {
            Place::Nowhere => {}
            Place::Own(at) if arrival.news == News::Look => {
                self.doubts.insert(Doubt::Instance(at));
            }
            Place::Shared(task) | Place::Each(task) if arrival.news == News::Look => {
                self.doubts.insert(Doubt::Task(task));
            }
            Place::Own(at) => self.count_own(at, arrival),
            Place::Shared(task) => return self.count_shared(task, arrival),
            Place::Each(task) => {
                let all: Vec<Instance> = self.rows.of_task(task).map(|(at, _)| at).collect();
                for at in all {
                    self.count_own(at, arrival);
                }
            }
        }
        true
    }

    fn place(&mut self, arrival: &Arrival) -> Option<Place> {
        let to = arrival.to;
        let is_aligned = self.graph.is_aligned(arrival.from.task, to);
        match self.rows.head(self.graph, to)? {
            Head::Plain => Some(Place::Own(Instance::of(to))),
            Head::Unexpanded | Head::Expanded(_) if !is_aligned => Some(Place::Shared(to)),
            Head::Unexpanded => {
                // Instances before it in its group are each index's own matter, unless the rule waits for any one of them.
                let matters = arrival.from.map_index.is_none() || self.waits_for_any(to);
                Some(if matters { Place::Own(Instance::of(to)) } else { Place::Nowhere })
            }
            Head::Expanded(_) => match (arrival.news, arrival.from.map_index) {
                (News::Grown(_), _) => Some(Place::Nowhere),
                (_, Some(index)) => {
                    let at = Instance::at(to, index);
                    Some(if self.rows.has(at)? { Place::Own(at) } else { Place::Nowhere })
                }
                (_, None) => self.rows.has_whole(to).then_some(Place::Each(to)),
            },
        }
    }

    fn count_own(&mut self, at: Instance, arrival: &Arrival) {
        let was_at_rest = self.is_at_rest(at);
        let change = self.weigh(arrival, at.map_index.is_none());
        let Some(node) = self.rows.node_mut(at) else { return };
        change.apply_to(&mut node.seen);
        if node.status.ended().is_none() {
            self.doubts.insert(Doubt::Instance(at));
        } else if !was_at_rest && self.is_at_rest(at) {
            self.announce_rest(at);
        }
    }

    fn count_shared(&mut self, task: TaskIndex, arrival: &Arrival) -> bool {
        let change = self.weigh(arrival, true);
        let Some(expansion) = self.rows.expansion(task).copied() else { return false };
        let mut seen = expansion.seen;
        change.apply_to(&mut seen);
        let awaited = |seen: &UpstreamCounts| self.graph.awaited_by_all(task).grown(seen.growth);
        let gates_close = expansion.seen.gates < awaited(&expansion.seen).gates && seen.gates >= awaited(&seen).gates;
        let restless: Vec<Instance> = if gates_close && (expansion.length.is_none() || expansion.ended.all() > 0) {
            if expansion.length.is_some() && !self.rows.has_whole(task) {
                return false;
            }
            let ended = self.rows.of_task(task).filter(|(_, node)| node.status.ended().is_some());
            ended.map(|(at, _)| at).filter(|&at| !self.is_at_rest(at)).collect()
        } else {
            Vec::new()
        };
        if let Some(expansion) = self.rows.expansion_mut(task) {
            expansion.seen = seen;
        }
        for at in restless {
            if self.is_at_rest(at) {
                self.announce_rest(at);
            }
        }
        if expansion.length.is_none() || expansion.waiting > 0 && matters(&expansion.seen, &seen, awaited(&seen)) {
            self.doubts.insert(Doubt::Task(task));
        }
        true
    }

    /// What news change in the counts of those whom they reach. `as_whole` says whether they wait for all instances alike.
    pub(super) fn weigh(&self, arrival: &Arrival, as_whole: bool) -> Change {
        let from = arrival.from.task;
        let is_setup = self.graph.is_setup(from);
        let is_gate = self.graph.is_gate(from);
        match arrival.news {
            News::Ended { how, cuts, sweep, rests } => {
                let cuts = cuts && how == Terminal::Success;
                let how = if cuts || self.is_swept_away(arrival.to, sweep) { Terminal::Skipped } else { how };
                Change::Ended { how, cuts, sweep, is_setup, is_gate: is_gate && rests }
            }
            News::Rests(sweep) => Change::Rests { sweep, is_gate },
            News::Done => Change::Done,
            News::Look => Change::Nothing,
            News::Grown(length) => Change::Grown(self.growth(from, arrival.to, length, as_whole)),
        }
    }

    /// How much more a task waits for because another was expanded.
    fn growth(&self, from: TaskIndex, to: TaskIndex, length: u32, as_whole: bool) -> Growth {
        let signed = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let more = signed(length) - signed(self.graph.literal_instances(from));
        // Before it is expanded itself, a task of the same group has no need of those that are.
        let is_aligned = self.graph.is_aligned(from, to);
        let more = if is_aligned && as_whole && !self.waits_for_any(to) { -1 } else { more };
        let one = self.graph.one_of(from, 1);
        let if_so = |count: u32| if count > 0 { more } else { 0 };
        let is_direct = self.graph.upstream(to).contains(&from);
        if is_direct {
            Growth { instances: more, setups: if_so(one.setups), gates: if_so(one.gates), scope: 0 }
        } else {
            Growth { scope: more, ..Growth::default() }
        }
    }

    /// Whether the task's rule is met by any one upstream, so that before it is expanded it looks at all of them.
    pub(super) fn waits_for_any(&self, task: TaskIndex) -> bool {
        self.graph.rule(task).patience() == crate::trigger_rule::Patience::One
    }
}

/// What news change in somebody's counts.
pub(super) enum Change {
    Ended { how: Terminal, cuts: bool, sweep: Sweep, is_setup: bool, is_gate: bool },
    Rests { sweep: Sweep, is_gate: bool },
    Done,
    Nothing,
    Grown(Growth),
}

impl Change {
    pub(super) fn apply_to(&self, seen: &mut UpstreamCounts) {
        match *self {
            Self::Ended { how, cuts, sweep, is_setup, is_gate } => {
                seen.count(how);
                seen.cut += u32::from(cuts);
                seen.setup_success += u32::from(is_setup && how == Terminal::Success);
                seen.setup_skipped += u32::from(is_setup && how == Terminal::Skipped);
                Self::Rests { sweep, is_gate }.apply_to(seen);
            }
            Self::Rests { sweep, is_gate } => {
                seen.gates += u32::from(is_gate);
                sweep.count_into(seen);
            }
            Self::Done => seen.scope += 1,
            Self::Nothing => {}
            Self::Grown(growth) => seen.growth = seen.growth + growth,
        }
    }
}

/// Whether the instances of a task, which have seen this alike, may have to be told something else than before.
fn matters(before: &UpstreamCounts, after: &UpstreamCounts, awaited: Expected) -> bool {
    before.kinds() != after.kinds()
        || before.growth != after.growth
        || after.done() >= awaited.instances
        || after.gates != before.gates && after.gates >= awaited.gates
        || after.scope != before.scope && after.scope >= awaited.scope
}
