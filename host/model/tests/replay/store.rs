//! The rows of a run, kept as a database would keep them and handed out one by one.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::advance::{Changes, Expansion, Host, Instance, Node, Past, Progress, RunFacts, Settled, Wanted};
use flow_model::graph::{Graph, TaskIndex};
use flow_model::ids::AttemptId;
use flow_model::state::Terminal;
use flow_model::time::Millis;

/// One run's rows.
pub(crate) struct Run {
    pub(crate) facts: RunFacts,
    pub(crate) nodes: BTreeMap<Instance, Node>,
    pub(crate) expansions: BTreeMap<TaskIndex, Expansion>,
}

/// A host without a clock or limits.
#[derive(Default)]
pub(crate) struct Minting(u16);

impl Host for Minting {
    fn now(&self) -> Millis {
        Millis(0)
    }

    fn mint(&mut self) -> AttemptId {
        self.0 += 1;
        let [high, low] = self.0.to_be_bytes();
        AttemptId::mint(Millis(0), [high, low, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    fn admits(&mut self, _task: TaskIndex) -> bool {
        true
    }
}

/// All runs of a vector.
pub(crate) struct Store<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) runs: Vec<Run>,
    pub(crate) host: Minting,
    /// How many rows have been handed out, and how many came back.
    pub(crate) traffic: (usize, usize),
}

impl<'g> Store<'g> {
    pub(crate) fn new(graph: &'g Graph, runs: usize) -> Result<Self, String> {
        Self::of_runs(graph, (0..runs).map(|at| RunFacts { has_past: at > 0, ..RunFacts::default() }).collect())
    }

    pub(crate) fn of_runs(graph: &'g Graph, runs: Vec<RunFacts>) -> Result<Self, String> {
        let empty = |facts| Run { facts, nodes: BTreeMap::new(), expansions: BTreeMap::new() };
        let runs: Vec<Run> = runs.into_iter().map(empty).collect();
        let mut store = Self { graph, runs, host: Minting::default(), traffic: (0, 0) };
        for at in 0..store.runs.len() {
            let progress = Progress::create(graph, store.runs[at].facts.clone());
            store.settle(at, progress)?;
        }
        Ok(store)
    }

    /// A run of which everything is in memory.
    pub(crate) fn everything(&self, run: usize) -> Progress<'g> {
        let Run { facts, nodes, expansions } = &self.runs[run];
        let nodes = nodes.iter().map(|(at, node)| (*at, node.clone()));
        Progress::of_everything(self.graph, facts.clone(), nodes, expansions.iter().map(|(task, it)| (*task, *it)))
    }

    /// A run of which so much is in memory as these task instances need.
    pub(crate) fn progress(&mut self, run: usize, instances: &[Instance]) -> Progress<'g> {
        let mut progress = Progress::new(self.graph, self.runs[run].facts.clone());
        let wanted: Vec<Wanted> = instances.iter().map(|&at| Wanted::Instance(at)).collect();
        self.hand_in(run, &wanted, &mut progress);
        progress
    }

    /// Follows what happened and keeps what came of it, in this run and in those after it.
    pub(crate) fn settle(&mut self, run: usize, progress: Progress<'g>) -> Result<(), String> {
        self.settle_and_show(run, progress).map(drop)
    }

    /// As [`Store::settle`], and answers what came of it.
    pub(crate) fn settle_and_show(&mut self, run: usize, mut progress: Progress<'g>) -> Result<Changes, String> {
        let mut rounds = 0;
        while let Settled::Needs(wanted) = progress.settle(&mut self.host) {
            rounds += 1;
            if rounds > 10_000 {
                return Err(format!("{wanted:?} is wanted again and again"));
            }
            self.hand_in(run, &wanted, &mut progress);
        }
        let changes = progress.into_changes();
        let past: BTreeSet<TaskIndex> =
            changes.past.iter().flat_map(|&task| self.graph.awaited_by_next_run(task)).collect();
        self.keep(run, &changes)?;
        if run + 1 < self.runs.len() && !past.is_empty() && !self.runs[run + 1].nodes.is_empty() {
            let mut next = Progress::new(self.graph, self.runs[run + 1].facts.clone());
            next.reconsider(past);
            self.settle(run + 1, next)?;
        }
        Ok(changes)
    }

    fn hand_in(&mut self, at: usize, wanted: &[Wanted], progress: &mut Progress<'g>) {
        let run = &self.runs[at];
        let (mut nodes, mut expansions) = (Vec::new(), Vec::new());
        for one in wanted {
            let task = match *one {
                Wanted::Head(task) => {
                    nodes.extend(run.nodes.get_key_value(&Instance::of(task)));
                    task
                }
                Wanted::Instance(instance) => {
                    nodes.extend(run.nodes.get_key_value(&instance));
                    instance.task
                }
                Wanted::Whole(task) => {
                    nodes.extend(run.nodes.iter().filter(|(instance, _)| instance.task == task));
                    task
                }
                Wanted::Past(task) => {
                    progress.adopt_past(task, self.past(at, task));
                    continue;
                }
                Wanted::Everything => {
                    nodes.extend(&run.nodes);
                    expansions.extend(run.expansions.iter().map(|(task, expansion)| (*task, *expansion)));
                    continue;
                }
            };
            expansions.extend(run.expansions.get(&task).map(|expansion| (task, *expansion)));
        }
        self.traffic.0 += nodes.len() + expansions.len();
        progress.adopt(wanted, nodes.into_iter().map(|(at, node)| (*at, node.clone())), expansions);
    }

    fn past(&self, run: usize, task: TaskIndex) -> Past {
        let awaited = self.graph.awaited_past(task);
        let mut instances = self.runs[run - 1].nodes.iter().filter(|(at, _)| awaited.contains(&at.task));
        let is_well = |node: &Node| matches!(node.status.ended(), Some(Terminal::Success | Terminal::Skipped));
        Past::of(instances.all(|(_, node)| is_well(node)), &self.runs[run - 1].facts)
    }

    fn keep(&mut self, run: usize, changes: &Changes) -> Result<(), String> {
        self.traffic.1 += changes.changed.len() + changes.created.len() + changes.expansions.len();
        let run = &mut self.runs[run];
        run.facts = changes.run.clone();
        for at in &changes.removed {
            run.nodes.remove(at).ok_or_else(|| format!("{at:?} is removed and was not there"))?;
        }
        for (at, node) in &changes.changed {
            let seen = through_json(&node.seen);
            let before = run.nodes.insert(*at, Node { seen, ..node.clone() });
            before.ok_or_else(|| format!("{at:?} has changed and was not there"))?;
        }
        for (at, node) in &changes.created {
            if run.nodes.insert(*at, node.clone()).is_some() {
                return Err(format!("{at:?} is new and was there"));
            }
        }
        let expansions = changes.expansions.iter().map(|(task, expansion)| (*task, through_json(expansion)));
        run.expansions.extend(expansions);
        Ok(())
    }

    /// Whether counting everything anew says what is kept, and nothing follows from it.
    pub(crate) fn check_counts(&mut self) -> Result<(), String> {
        for at in 0..self.runs.len() {
            let mut progress = self.everything(at);
            progress.recount();
            while let Settled::Needs(wanted) = progress.settle(&mut self.host) {
                self.hand_in(at, &wanted, &mut progress);
            }
            let changes = progress.into_changes();
            let run = &self.runs[at];
            let is_same = changes.changed.is_empty()
                && changes.created.is_empty()
                && changes.expansions.is_empty()
                && changes.steps.is_empty()
                && changes.run == run.facts;
            if !is_same {
                let before: Vec<_> = changes.changed.iter().map(|(at, _)| (at, run.nodes.get(at))).collect();
                return Err(format!("counted anew:\n{changes:?}\nbefore:\n{before:?}\n{:?}", run.facts));
            }
        }
        Ok(())
    }
}

/// What comes back of a value that is kept as JSON.
fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("counts can be written");
    serde_json::from_str(&text).expect("and read")
}
