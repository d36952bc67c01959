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
pub(super) enum Order {
    /// One at a time, the first by run, task id and index.
    Fifo,
    /// One at a time, the last.
    Lifo,
    /// Everything that can run runs at once and ends in random order before anything follows.
    Wave(u64),
    /// Something starts or ends, at random.
    Mixed(u64),
}

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

/// Plays a vector to its end.
pub(super) fn play(vector: &Vector, order: Order) -> Result<Outcome, String> {
    let mut store = Store::new(&vector.graph, vector.runs)?;
    let seed = match order {
        Order::Fifo | Order::Lifo => 1,
        Order::Wave(seed) | Order::Mixed(seed) => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
    };
    let mut dice = Dice(seed);
    for _ in 0..100_000 {
        let active = active(vector, &store);
        if active.is_empty() {
            return Ok(outcome(vector, &store));
        }
        match order {
            Order::Fifo => run_one(vector, &mut store, active[0])?,
            Order::Lifo => run_one(vector, &mut store, active[active.len() - 1])?,
            Order::Wave(_) => run_all(vector, &mut store, active, &mut dice)?,
            Order::Mixed(_) => step(vector, &mut store, active[dice.pick(active.len())])?,
        }
    }
    Err("it does not end".to_owned())
}

/// What waits for a worker or is with one, by run, task id and index.
fn active(vector: &Vector, store: &Store<'_>) -> Vec<(usize, Instance)> {
    let mut active = Vec::new();
    for (at, run) in store.runs.iter().enumerate() {
        active.extend(run.nodes.iter().filter(|(_, node)| node.status.is_active()).map(|(instance, _)| (at, *instance)));
    }
    active.sort_by_key(|(run, at)| (*run, vector.graph.task(at.task).task_id.as_str(), at.map_index));
    active
}

fn run_one(vector: &Vector, store: &mut Store<'_>, (run, at): (usize, Instance)) -> Result<(), String> {
    step(vector, store, (run, at))?;
    step(vector, store, (run, at))
}

/// Starts what has not started, else ends it.
fn step(vector: &Vector, store: &mut Store<'_>, (run, at): (usize, Instance)) -> Result<(), String> {
    let mut progress = store.progress(run, &[at]);
    if !start(&mut progress, at)? {
        finish(vector, run, store, &mut progress, at)?;
    }
    store.settle(run, progress)
}

fn run_all(
    vector: &Vector,
    store: &mut Store<'_>,
    mut active: Vec<(usize, Instance)>,
    dice: &mut Dice,
) -> Result<(), String> {
    for run in 0..store.runs.len() {
        let all: Vec<Instance> = active.iter().filter(|(of, _)| *of == run).map(|(_, at)| *at).collect();
        let mut progress = store.progress(run, &all);
        for at in all {
            start(&mut progress, at)?;
        }
        store.settle(run, progress)?;
    }
    for last in (1..active.len()).rev() {
        active.swap(last, dice.pick(last + 1));
    }
    for run in 0..store.runs.len() {
        let all: Vec<Instance> = active.iter().filter(|(of, _)| *of == run).map(|(_, at)| *at).collect();
        let mut progress = store.progress(run, &all);
        for at in all {
            finish(vector, run, store, &mut progress, at)?;
        }
        store.settle(run, progress)?;
    }
    Ok(())
}

/// Starts an attempt that has not started.
fn start(progress: &mut Progress<'_>, at: Instance) -> Result<bool, String> {
    let phase = progress.node(at).map(|node| node.status.phase);
    let Some(Phase::Queued(attempt) | Phase::UpForRetry(attempt, _)) = phase else { return Ok(false) };
    progress.happen(at, &TaskEvent::Started(attempt), Millis(0)).map_err(|refused| refused.to_string())?;
    Ok(true)
}

fn finish(
    vector: &Vector,
    run: usize,
    store: &mut Store<'_>,
    progress: &mut Progress<'_>,
    at: Instance,
) -> Result<(), String> {
    let task = vector.graph.task(at.task);
    let node = progress.node(at).ok_or("it is in memory")?;
    let Some(attempt) = progress.attempt(at) else { return Ok(()) };
    let outcome = vector.outcome(run, task.task_id.as_str(), at.map_index, node.status.try_number);
    let (end, returned) = end(&outcome, at.map_index);
    let retry = RetryPolicy { max_tries: node.max_tries + 1, delay: Duration::ZERO, again: true };
    let finish = Finish { attempt, end: &end, returned, retry, next: store.host.mint() };
    match progress.finish(at, &finish, Millis(0)) {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(format!("{}: {}", task.task_id, failure.message)),
        Err(refused) => Err(refused.to_string()),
    }
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

fn outcome(vector: &Vector, store: &Store<'_>) -> Outcome {
    let runs = store.runs.iter().map(|run| run.facts.state.to_string()).collect();
    let rows = store.runs.iter().enumerate().flat_map(|(at, run)| run.nodes.iter().map(move |row| (at, row)));
    let instances = rows.map(|(run, (at, node))| {
        let state = (node.status.phase != Phase::None).then(|| node.status.state().to_string());
        let id = vector.graph.task(at.task).task_id.to_string();
        (run, id, at.map_index.map_or(-1, i64::from), state, node.status.try_number)
    });
    Outcome { runs, instances: instances.collect() }
}
