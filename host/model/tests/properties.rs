//! What must hold for every DAG, every outcome and every order of events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flow_model::advance::{self, Tally, Wave};
use flow_model::graph::{Graph, TaskIndex};
use flow_model::ids::AttemptId;
use flow_model::state::{MAX_LOSSES, Phase, RetryPolicy, RunState, TaskEvent, TaskStatus, Terminal, decide};
use flow_model::time::Millis;
use flow_model::trigger_rule::{Ruling, UpstreamCounts};
use flow_model::work::{AttemptEnd, ErrorClass, Failure};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

/// A run played without a database: counts grow by increments alone, as they do in the broker.
struct Play<'g> {
    graph: &'g Graph,
    ended: Wave,
    counts: BTreeMap<TaskIndex, UpstreamCounts>,
    tally: Tally,
    runnable: BTreeSet<TaskIndex>,
}

impl<'g> Play<'g> {
    fn new(graph: &'g Graph) -> Self {
        let runnable = graph.tasks().filter(|&task| graph.upstream(task).is_empty()).collect();
        Self { graph, ended: Wave::new(), counts: BTreeMap::new(), tally: Tally::new(graph), runnable }
    }

    fn end(&mut self, task: TaskIndex, how: Terminal) {
        let mut wave = Wave::from([(task, how)]);
        while !wave.is_empty() {
            self.ended.extend(&wave);
            self.tally = self.tally.after(self.graph, &wave);
            let mut next = Wave::new();
            for (child, growth) in advance::touched(self.graph, &wave) {
                let counts = self.counts.entry(child).or_default();
                counts.add(growth);
                if self.ended.contains_key(&child) || self.runnable.contains(&child) {
                    continue;
                }
                match advance::judge(self.graph, child, *counts) {
                    Ruling::Wait => {}
                    Ruling::Run => {
                        self.runnable.insert(child);
                    }
                    Ruling::End(how) => {
                        next.insert(child, how);
                    }
                }
            }
            wave = next;
        }
    }

    /// Ends runnable tasks until none is left, picking them by `order`.
    fn finish(mut self, outcomes: &[Terminal], order: &[usize]) -> (Wave, RunState) {
        for pick in order.iter().cycle() {
            let Some(&task) = self.runnable.iter().nth(pick % self.runnable.len().max(1)) else { break };
            self.runnable.remove(&task);
            self.end(task, outcomes[task.0 as usize]);
            self.assert_counts_add_up();
        }
        (self.ended, self.tally.verdict())
    }

    fn assert_counts_add_up(&self) {
        let (counts, tally) = advance::recount(self.graph, &self.ended);
        assert_eq!(self.counts, counts);
        assert_eq!(self.tally, tally);
    }
}

const TASKS: usize = 12;

fn dags() -> impl Strategy<Value = Graph> {
    let edges = vec(vec(any::<prop::sample::Index>(), 0..4), TASKS);
    (edges, vec(any::<bool>(), TASKS)).prop_map(|(edges, all_done)| {
        let tasks = edges.iter().zip(all_done).enumerate().map(|(at, (upstream, all_done))| {
            let upstream: BTreeSet<_> =
                upstream.iter().filter(|_| at > 0).map(|index| format!("t{}", index.index(at.max(1)))).collect();
            let rule = if all_done { "all_done" } else { "all_success" };
            json!({"task_id": format!("t{at}"), "function": "f", "depends_on": upstream, "trigger_rule": rule})
        });
        let spec = json!({"dag_id": "d", "tasks": tasks.collect::<Vec<_>>()});
        Graph::build(serde_json::from_value(spec).expect("a well-formed spec")).expect("edges lead back: no cycle")
    })
}

fn outcomes() -> impl Strategy<Value = Vec<Terminal>> {
    vec(prop_oneof![Just(Terminal::Success), Just(Terminal::Failed), Just(Terminal::Skipped)], TASKS)
}

proptest! {
    #[test]
    fn the_order_in_which_tasks_finish_changes_nothing(
        graph in dags(), outcomes in outcomes(), one in vec(0..TASKS, 1..9), other in vec(0..TASKS, 1..9),
    ) {
        let first = Play::new(&graph).finish(&outcomes, &one);
        let second = Play::new(&graph).finish(&outcomes, &other);
        prop_assert_eq!(first.0.len(), TASKS, "every task ends");
        prop_assert!(first.1.is_terminal(), "and so does the run");
        prop_assert_eq!(first, second);
    }

    #[test]
    fn tries_and_losses_stay_within_the_policy(retries in 0u32..4, ends in vec(any_end(), 1..60)) {
        let policy = RetryPolicy { max_tries: retries + 1, delay: Duration::from_secs(1) };
        let mut status = status_after(TaskStatus::NEW, &TaskEvent::Released(attempt(0)));
        for (at, end) in (1u8..).zip(&ends) {
            let Some(current) = status.attempt() else { break };
            status = status_after(status, &TaskEvent::Started(current));
            status = status_after(status, &TaskEvent::Finished { attempt: current, end, next: attempt(at), retry: policy });
            prop_assert!(status.try_number <= policy.max_tries, "{:?}", status);
            prop_assert!(status.losses <= MAX_LOSSES, "{:?}", status);
            prop_assert_ne!(status.attempt(), Some(current), "an attempt that ended never counts again");
        }
    }

    #[test]
    fn what_has_ended_stays_as_it_is(how in any_terminal(), end in any_end(), tries in 0u32..9) {
        let status = TaskStatus { phase: Phase::Ended(how), try_number: tries, losses: 0 };
        let retry = RetryPolicy { max_tries: 99, delay: Duration::ZERO };
        for event in [
            TaskEvent::Released(attempt(1)),
            TaskEvent::Ruled(Terminal::Skipped),
            TaskEvent::Started(attempt(1)),
            TaskEvent::Finished { attempt: attempt(1), end: &end, next: attempt(2), retry },
        ] {
            prop_assert!(decide(status, &event, Millis(0)).is_err(), "{:?}", event);
        }
        prop_assert_eq!(decide(status, &TaskEvent::Stopped, Millis(0)).map(|it| it.next), Ok(status));
    }
}

fn status_after(status: TaskStatus, event: &TaskEvent<'_>) -> TaskStatus {
    decide(status, event, Millis(0)).expect("the event fits the state").next
}

fn attempt(random: u8) -> AttemptId {
    AttemptId::mint(Millis(0), [random; 10])
}

fn any_terminal() -> impl Strategy<Value = Terminal> {
    prop_oneof![
        Just(Terminal::Success),
        Just(Terminal::Failed),
        Just(Terminal::Skipped),
        Just(Terminal::UpstreamFailed)
    ]
}

/// Mostly failures, so that runs of them are long enough to reach every limit.
fn any_end() -> impl Strategy<Value = AttemptEnd> {
    let failed = prop::sample::select(ErrorClass::ALL.to_vec())
        .prop_map(|class| AttemptEnd::Failed(Failure { class, message: String::new(), location: None }));
    prop_oneof![20 => failed, 1 => Just(AttemptEnd::Success { value: None })]
}
