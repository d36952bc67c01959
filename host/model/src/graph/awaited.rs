//! How much every task waits for, and which of its upstream may still decide that it is not followed.

use super::{Awaited, Graph, TaskIndex};
use crate::dag::{Decides, HumanInputSpec, Native};
use crate::trigger_rule::Expected;

impl Graph {
    /// How the task decides what is followed, if it does.
    pub fn decides(&self, index: TaskIndex) -> Option<Decides> {
        let task = self.task(index);
        match &task.native {
            None => task.decides,
            Some(Native::LatestOnly) => Some(Decides::Branch),
            Some(Native::HumanInput(form)) => decided_by(form),
            Some(Native::Empty | Native::Wait(_)) => None,
        }
    }

    /// A task is a gate if it decides, or if it stands behind a short circuit that sweeps on through whatever is there.
    pub(super) fn note_gates(&mut self) {
        let mut is_behind = vec![false; self.spec.tasks.len()];
        for at in 0..self.order.len() {
            let task = self.order[at];
            let decides = self.decides(task);
            let sweeps = decides == Some(Decides::ShortCircuit) && self.task(task).ignore_downstream_trigger_rules;
            is_behind[task.usize()] = sweeps || self.upstream(task).iter().any(|parent| is_behind[parent.usize()]);
            self.facts[task.usize()].is_gate = decides.is_some() || is_behind[task.usize()];
        }
    }

    pub(super) fn note_awaited(&mut self) {
        for task in self.tasks() {
            let mut awaited = Awaited::default();
            for &parent in self.upstream(task) {
                let (side, times) = self.side(&mut awaited, parent, task);
                *side = *side + self.one_of(parent, times);
            }
            self.facts[task.usize()].awaited = awaited;
        }
        for task in self.tasks() {
            for teardown in self.torn_down_by(task).to_vec() {
                let mut awaited = self.facts[teardown.usize()].awaited;
                let (side, times) = self.side(&mut awaited, task, teardown);
                side.scope = side.scope.saturating_add(times);
                self.facts[teardown.usize()].awaited = awaited;
            }
        }
    }

    /// Where an upstream counts, and how many times by what the DAG alone says.
    fn side<'a>(&self, awaited: &'a mut Awaited, parent: TaskIndex, task: TaskIndex) -> (&'a mut Expected, u32) {
        if self.is_aligned(parent, task) {
            (&mut awaited.aligned, 1)
        } else {
            (&mut awaited.shared, self.literal_instances(parent))
        }
    }

    /// How many instances a task has from the begin of a run.
    pub(crate) fn literal_instances(&self, task: TaskIndex) -> u32 {
        self.mapping(task).and_then(super::Mapping::literal).map_or(1, |length| length.max(1))
    }

    /// What `times` instances of a task are to those who wait for them.
    pub(crate) fn one_of(&self, task: TaskIndex, times: u32) -> Expected {
        let if_so = |is: bool| if is { times } else { 0 };
        Expected { instances: times, setups: if_so(self.is_setup(task)), gates: if_so(self.is_gate(task)), scope: 0 }
    }
}

fn decided_by(form: &HumanInputSpec) -> Option<Decides> {
    if form.branch { Some(Decides::Branch) } else { form.approval.then_some(Decides::ShortCircuit) }
}
