//! Whole runs: which task instances end how, and the runs with them, in whatever order attempts end.
//!
//! Each vector is played in several orders, a fresh [`flow_model::advance::Progress`] for every event, which is handed only
//! the rows that it asks for. The result has to be what Airflow came to, the same in every order.

use std::collections::BTreeSet;

use flow_model::trigger_rule::TriggerRule;
use serde_json::Value;

use super::member;
use super::replay::{ORDERS, Order, Outcome, Vector, difference, play};

/// A vector whose result does not depend on the order.
pub(super) fn check(vector: &Value) -> Result<(), String> {
    let expected = outcome(&vector["expect"])?;
    let vector = Vector::read(vector)?;
    for order in ORDERS {
        let came = play(&vector, *order)?;
        if came != expected {
            return Err(format!("{order:?}: {}", difference(&came, &expected)));
        }
    }
    Ok(())
}

/// A vector whose result in Airflow depends on the order: ours is one of those, and always the same.
pub(super) fn check_order_dependent(value: &Value) -> Result<(), String> {
    let vector = Vector::read(value)?;
    let results: Vec<Value> = member(value, "results")?;
    let listed = results.iter().map(|result| outcome(&result["result"])).collect::<Result<Vec<_>, _>>()?;
    if value["dag"]["fail_fast"] == true {
        return check_named_orders(&vector, &results);
    }
    let ours = play(&vector, Order::Fifo)?;
    for order in ORDERS {
        let other = play(&vector, *order)?;
        if other != ours {
            return Err(format!("{order:?} differs from fifo: {}", difference(&other, &ours)));
        }
    }
    if listed.contains(&ours) || listed.iter().any(|listed| differs_as_said(&vector, &ours, listed)) {
        return Ok(());
    }
    // Decisions inside mapped groups have no effect in Airflow (67265); without them ours has to be one of its results.
    let undecided = Vector::read(&without_decisions_in_mapped_groups(value, &vector))?;
    let without = play(&undecided, Order::Fifo)?;
    if listed.iter().any(|listed| without == *listed || differs_as_said(&undecided, &without, listed)) {
        return Ok(());
    }
    let differences: Vec<_> = listed.iter().map(|listed| difference(&ours, listed)).collect();
    Err(format!("not one of the results of Airflow: {}", differences.join("\n  or ")))
}

fn without_decisions_in_mapped_groups(value: &Value, vector: &Vector) -> Value {
    let mut value = value.clone();
    let graph = &vector.graph;
    for task in graph.tasks().filter(|&task| graph.mapped_group(task).is_some() && graph.decides(task).is_some()) {
        let own = format!("{}:", graph.task(task).task_id);
        let Some(outcomes) = value["outcomes"].as_object_mut() else { continue };
        for (_, tries) in outcomes.iter_mut().filter(|(key, _)| format!("{key}:").starts_with(&own)) {
            let decisions = tries.as_array_mut().into_iter().flatten().filter(|outcome| outcome.is_object());
            decisions.for_each(|outcome| *outcome = "success".into());
        }
    }
    value
}

/// Which tasks have ended when the first fails is a race by its nature. In each order of which Airflow's result is known, ours
/// has to be the same.
fn check_named_orders(vector: &Vector, results: &[Value]) -> Result<(), String> {
    for (name, order) in [("fifo", Order::Fifo), ("lifo", Order::Lifo)] {
        let is_of = |result: &&Value| result["orders"].as_array().is_some_and(|orders| orders.contains(&name.into()));
        let Some(result) = results.iter().find(is_of) else { continue };
        let (came, expected) = (play(vector, order)?, outcome(&result["result"])?);
        if came != expected {
            return Err(format!("{name}: {}", difference(&came, &expected)));
        }
    }
    Ok(())
}

/// Whether ours differs only in that `all_success` with both a failed and a skipped upstream is `upstream_failed`, and in what
/// is behind such a task. Airflow's results are a sample of its orders and need not contain that one.
fn differs_as_said(vector: &Vector, ours: &Outcome, theirs: &Outcome) -> bool {
    let graph = &vector.graph;
    let ended = |run: usize, task: &str, states: &[&str]| {
        ours.instances
            .iter()
            .any(|(r, t, _, state, _)| *r == run && t == task && states.contains(&state.as_deref().unwrap_or_default()))
    };
    let mut excused = BTreeSet::new();
    for (run, id, _, state, _) in &ours.instances {
        let Some(task) = id.parse().ok().and_then(|id| graph.find(&id)) else { continue };
        let upstream: Vec<&str> = graph.upstream(task).iter().map(|&it| graph.task(it).task_id.as_str()).collect();
        let has = |states: &[&str]| upstream.iter().any(|upstream| ended(*run, upstream, states));
        let is_case = graph.rule(task) == TriggerRule::AllSuccess
            && state.as_deref() == Some("upstream_failed")
            && has(&["skipped"])
            && has(&["failed", "upstream_failed"]);
        if is_case {
            let behind = graph.downstream_closure(&[task]);
            excused.extend(behind.into_iter().map(|task| (*run, graph.task(task).task_id.to_string())));
        }
    }
    let differing = ours.instances.symmetric_difference(&theirs.instances);
    !excused.is_empty() && differing.into_iter().all(|(run, id, ..)| excused.contains(&(*run, id.clone())))
}

fn outcome(value: &Value) -> Result<Outcome, String> {
    let instances: Vec<Value> = member(value, "ti")?;
    let instances = instances.iter().map(|row| {
        let run = usize::try_from(member::<u64>(row, "run")?).map_err(|error| error.to_string())?;
        Ok((run, member(row, "task_id")?, member(row, "map_index")?, member(row, "state")?, member(row, "try_number")?))
    });
    Ok(Outcome { runs: member(value, "run_states")?, instances: instances.collect::<Result<_, String>>()? })
}
