//! Playing a vector: attempts start and end in some order until nothing is left to do.

use std::time::Duration;

use flow_model::advance::{Finish, Host, Instance, Progress, Returned};
use flow_model::state::{Phase, RetryPolicy, TaskEvent};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, ErrorClass, Failure};
use serde_json::Value;

use super::Outcome;
use super::spec::Vector;
use super::store::Store;

/// In which order attempts start and end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// One at a time, the first by run, task id and index.
    Fifo,
    /// One at a time, the last.
    Lifo,
    /// Everything that can run runs at once and ends in random order before anything follows.
    Wave(u64),
    /// Something starts or ends, at random.
    Mixed(u64),
}

/// Orders that between them have found every dependence on the order so far.
pub(crate) const ORDERS: &[Order] = &[
    Order::Fifo,
    Order::Lifo,
    Order::Wave(1),
    Order::Wave(2),
    Order::Mixed(3),
    Order::Mixed(4),
    Order::Mixed(5),
    Order::Mixed(6),
];

/// Pseudo-random numbers (xorshift), the same for the same seed.
struct Dice(u64);

impl Dice {
    fn pick(&mut self, among: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % among as u64).unwrap_or(0)
    }
}

/// A vector that is being played.
pub(crate) struct Play<'v> {
    vector: &'v Vector,
    pub(crate) store: Store<'v>,
    order: Order,
    dice: Dice,
}

/// Plays a vector to its end.
pub(crate) fn play(vector: &Vector, order: Order) -> Result<Outcome, String> {
    let mut play = Play::new(vector, order)?;
    for _ in 0..100_000 {
        if !play.go_on()? {
            play.store.check_counts()?;
            return Ok(play.outcome());
        }
    }
    Err("it does not end".to_owned())
}

impl<'v> Play<'v> {
    /// Begins the runs.
    pub(crate) fn new(vector: &'v Vector, order: Order) -> Result<Self, String> {
        let seed = match order {
            Order::Fifo | Order::Lifo => 1,
            Order::Wave(seed) | Order::Mixed(seed) => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        };
        let store = Store::new(&vector.graph, vector.runs)?;
        Ok(Self { vector, store, order, dice: Dice(seed) })
    }

    /// Lets attempts start or end; `false` if there are none.
    pub(crate) fn go_on(&mut self) -> Result<bool, String> {
        let active = self.active();
        let (Some(&first), Some(&last)) = (active.first(), active.last()) else { return Ok(false) };
        match self.order {
            Order::Fifo => self.run_one(first)?,
            Order::Lifo => self.run_one(last)?,
            Order::Wave(_) => self.run_all(active)?,
            Order::Mixed(_) => {
                let picked = self.dice.pick(active.len());
                self.step(active[picked])?;
            }
        }
        Ok(true)
    }

    /// What waits for a worker or is with one, by run, task id and index.
    fn active(&self) -> Vec<(usize, Instance)> {
        let mut active = Vec::new();
        for (at, run) in self.store.runs.iter().enumerate() {
            let nodes = run.nodes.iter().filter(|(_, node)| node.status.is_active());
            active.extend(nodes.map(|(instance, _)| (at, *instance)));
        }
        active.sort_by_key(|(run, at)| (*run, self.vector.graph.task(at.task).task_id.as_str(), at.map_index));
        active
    }

    fn run_one(&mut self, which: (usize, Instance)) -> Result<(), String> {
        self.step(which)?;
        self.step(which)
    }

    /// Starts what has not started, else ends it.
    fn step(&mut self, (run, at): (usize, Instance)) -> Result<(), String> {
        let mut progress = self.store.progress(run, &[at]);
        if !start(&mut progress, at)? {
            self.finish(run, &mut progress, at)?;
        }
        self.store.settle(run, progress)
    }

    fn run_all(&mut self, mut active: Vec<(usize, Instance)>) -> Result<(), String> {
        for run in 0..self.store.runs.len() {
            let all = of_run(&active, run);
            let mut progress = self.store.progress(run, &all);
            for at in all {
                start(&mut progress, at)?;
            }
            self.store.settle(run, progress)?;
        }
        for last in (1..active.len()).rev() {
            active.swap(last, self.dice.pick(last + 1));
        }
        for run in 0..self.store.runs.len() {
            let all = of_run(&active, run);
            let mut progress = self.store.progress(run, &all);
            for at in all {
                self.finish(run, &mut progress, at)?;
            }
            self.store.settle(run, progress)?;
        }
        Ok(())
    }

    fn finish(&mut self, run: usize, progress: &mut Progress<'_>, at: Instance) -> Result<(), String> {
        let task = self.vector.graph.task(at.task);
        let node = progress.node(at).ok_or("it is in memory")?;
        let Some(attempt) = progress.attempt(at) else { return Ok(()) };
        let outcome = self.vector.outcome(run, task.task_id.as_str(), at.map_index, node.status.try_number);
        let (end, returned) = end(&outcome, at.map_index);
        let retry = RetryPolicy { max_tries: node.max_tries + 1, delay: Duration::ZERO, again: true };
        let finish = Finish { attempt, end: &end, returned, retry, next: self.store.host.mint() };
        match progress.finish(at, &finish, Millis(0)) {
            Ok(None) => {}
            Ok(Some(failure)) => return Err(format!("{}: {}", task.task_id, failure.message)),
            Err(refused) => return Err(refused.to_string()),
        }
        match progress.finish(at, &finish, Millis(0)) {
            Ok(_) => Err(format!("{}: an attempt ended twice", task.task_id)),
            Err(_) => Ok(()),
        }
    }

    /// How everything has ended.
    pub(crate) fn outcome(&self) -> Outcome {
        let runs = self.store.runs.iter().map(|run| run.facts.state.to_string()).collect();
        let rows = self.store.runs.iter().enumerate();
        let rows = rows.flat_map(|(at, run)| run.nodes.iter().map(move |row| (at, row)));
        let instances = rows.map(|(run, (at, node))| {
            let state = (node.status.phase != Phase::None).then(|| node.status.state().to_string());
            let id = self.vector.graph.task(at.task).task_id.to_string();
            (run, id, at.map_index.map_or(-1, i64::from), state, node.status.try_number)
        });
        Outcome { runs, instances: instances.collect() }
    }
}

fn of_run(active: &[(usize, Instance)], run: usize) -> Vec<Instance> {
    active.iter().filter(|(of, _)| *of == run).map(|(_, at)| *at).collect()
}

/// Starts an attempt that has not started.
fn start(progress: &mut Progress<'_>, at: Instance) -> Result<bool, String> {
    let phase = progress.node(at).map(|node| node.status.phase);
    let Some(Phase::Queued(attempt) | Phase::UpForRetry(attempt, _)) = phase else { return Ok(false) };
    progress.happen(at, &TaskEvent::Started(attempt), Millis(0)).map_err(|refused| refused.to_string())?;
    Ok(true)
}

/// What an attempt reports.
fn end(outcome: &Value, map_index: Option<u32>) -> (AttemptEnd, Returned) {
    let failed = |class| AttemptEnd::Failed(Failure { class, message: String::new(), location: None });
    let something = if map_index.is_some() { Returned::Value } else { Returned::Nothing };
    match outcome.as_str() {
        Some("fail") => return (failed(ErrorClass::Error), Returned::Nothing),
        Some("fail_no_retry") => return (failed(ErrorClass::Fatal), Returned::Nothing),
        Some("skip") => return (AttemptEnd::Skipped { reason: String::new() }, Returned::Nothing),
        Some(_) => return (AttemptEnd::Success { value: None }, something),
        None => {}
    }
    if let Some(length) = outcome["return_len"].as_u64() {
        return (AttemptEnd::Success { value: None }, Returned::Elements(usize::try_from(length).unwrap_or(0)));
    }
    match outcome["bool"].as_bool() {
        Some(true) => (AttemptEnd::Success { value: None }, something),
        Some(false) => (AttemptEnd::ShortCircuit { value: None }, something),
        None => {
            let follow = outcome["branch"].as_array().into_iter().flatten();
            let follow = follow.filter_map(Value::as_str).map(str::to_owned).collect();
            (AttemptEnd::Branch { follow, value: None }, something)
        }
    }
}
