//! One run, told step by step.

use std::time::Duration;

use flow_model::advance::{Changes, Finish, Host, Instance, Progress, Refusal, Returned, RunFacts};
use flow_model::graph::{Graph, TaskIndex};
use flow_model::state::{Phase, RetryPolicy, RunState, TaskEvent};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, ErrorClass, Failure};
use serde_json::{Value, json};

use crate::replay::store::Store;

pub(crate) const NOW: Millis = Millis(0);

/// A graph of these tasks and groups. Whatever a task leaves out that it cannot do without is made up.
pub(crate) fn graph(tasks: &[Value], groups: Value) -> Graph {
    dag(json!({}), tasks, groups)
}

/// As [`graph`], of a DAG with further members.
pub(crate) fn dag(mut dag: Value, tasks: &[Value], groups: Value) -> Graph {
    let mut tasks = tasks.to_vec();
    for task in &mut tasks {
        if task["native"].is_null() {
            task["function"] = "f".into();
        }
    }
    dag["dag_id"] = "d".into();
    dag["tasks"] = tasks.into();
    dag["groups"] = groups;
    Graph::build(serde_json::from_value(dag).expect("a well-formed spec")).expect("a DAG that can run")
}

/// A run of such a graph.
pub(crate) struct Story<'g> {
    pub(crate) store: Store<'g>,
}

impl<'g> Story<'g> {
    pub(crate) fn begin(graph: &'g Graph) -> Self {
        Self::of(graph, RunFacts::default())
    }

    pub(crate) fn of(graph: &'g Graph, facts: RunFacts) -> Self {
        Self { store: Store::of_runs(graph, vec![facts]).expect("it begins") }
    }

    /// The instance of a task by its id, as in `t` or `t:2`.
    pub(crate) fn at(&self, name: &str) -> Instance {
        let (task, index) = name.split_once(':').map_or((name, None), |(task, index)| (task, Some(index)));
        let task = self.store.graph.find(&task.parse().expect("a task id")).expect("a task of the DAG");
        Instance { task, map_index: index.map(|index| index.parse().expect("an index")) }
    }

    pub(crate) fn state(&self, name: &str) -> String {
        self.state_in(0, name)
    }

    pub(crate) fn state_in(&self, run: usize, name: &str) -> String {
        let node = self.store.runs[run].nodes.get(&self.at(name));
        node.map_or_else(|| "absent".to_owned(), |node| node.status.state().to_string())
    }

    pub(crate) fn run(&self) -> RunState {
        self.store.runs[0].facts.state
    }

    /// `name=state` of every task instance, in order.
    pub(crate) fn all(&self) -> String {
        let name = |at: &Instance| {
            let index = at.map_index.map_or_else(String::new, |index| format!(":{index}"));
            format!("{}{index}", self.store.graph.task(at.task).task_id)
        };
        let known = self.store.graph.tasks().count();
        let nodes = self.store.runs[0].nodes.iter().filter(|(at, _)| (at.task.0 as usize) < known);
        nodes.map(|(at, node)| format!("{}={}", name(at), node.status.state())).collect::<Vec<_>>().join(" ")
    }

    /// Whether all of these are so, each as in `t=success`.
    pub(crate) fn expect(&self, states: &str) {
        for one in states.split_whitespace() {
            let (name, state) = one.split_once('=').expect("a name and a state");
            assert_eq!(self.state(name), state, "{name} among {}", self.all());
        }
    }

    pub(crate) fn start(&mut self, name: &str) {
        let at = self.at(name);
        let mut progress = self.store.progress(0, &[at]);
        let attempt = progress.attempt(at).unwrap_or_else(|| panic!("{name} has no attempt: {}", self.all()));
        progress.happen(at, &TaskEvent::Started(attempt), NOW).expect("it can start");
        self.store.settle(0, progress).expect("it goes on");
    }

    /// Ends the attempt that counts; answers what the rules make of it.
    pub(crate) fn end(&mut self, name: &str, end: &AttemptEnd, returned: Returned) -> (Option<Failure>, Changes) {
        self.end_in(0, name, end, returned)
    }

    fn end_in(&mut self, run: usize, name: &str, end: &AttemptEnd, returned: Returned) -> (Option<Failure>, Changes) {
        let at = self.at(name);
        let mut progress = self.store.progress(run, &[at]);
        let node = progress.node(at).unwrap_or_else(|| panic!("{name} is not there: {}", self.all()));
        let max_tries = node.max_tries + 1;
        let attempt = node.status.attempt().unwrap_or_else(|| panic!("{name} has no attempt: {}", self.all()));
        let retry = RetryPolicy { max_tries, delay: Duration::ZERO, again: true };
        let finish = Finish { attempt, end, returned, retry, next: self.store.host.mint() };
        let failure = progress.finish(at, &finish, NOW).expect("it can end");
        (failure, self.store.settle_and_show(run, progress).expect("it goes on"))
    }

    pub(crate) fn skip(&mut self, run: usize, name: &str) {
        self.end_in(run, name, &AttemptEnd::Skipped { reason: String::new() }, Returned::Nothing);
    }

    pub(crate) fn succeed(&mut self, names: &str) {
        for name in names.split_whitespace() {
            self.end(name, &AttemptEnd::Success { value: None }, Returned::Value);
        }
    }

    pub(crate) fn list(&mut self, name: &str, length: usize) {
        self.end(name, &AttemptEnd::Success { value: None }, Returned::Elements(length));
    }

    pub(crate) fn fail(&mut self, name: &str) -> Changes {
        let failure = Failure { class: ErrorClass::Error, message: String::new(), location: None };
        self.end(name, &AttemptEnd::Failed(failure), Returned::Nothing).1
    }

    /// Changes the run as a whole.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Progress<'g>) -> Result<(), Refusal>) -> Changes {
        let mut progress = self.store.everything(0);
        change(&mut progress).expect("it can be changed");
        self.store.settle_and_show(0, progress).expect("it goes on")
    }

    pub(crate) fn clear(&mut self, names: &str) {
        let instances: Vec<Instance> = names.split_whitespace().map(|name| self.at(name)).collect();
        self.change(|progress| progress.clear(&instances, NOW));
    }

    /// All tasks of these names.
    pub(crate) fn tasks(&self, names: &str) -> Vec<TaskIndex> {
        names.split_whitespace().map(|name| self.at(name).task).collect()
    }

    pub(crate) fn phase(&self, name: &str) -> Phase {
        self.store.runs[0].nodes[&self.at(name)].status.phase
    }
}
