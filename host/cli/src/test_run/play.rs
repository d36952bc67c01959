//! Plays one run from its trigger to its end.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Result;
use flow_model::ids::DagId;
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_worker::Worker;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::given::Given;
use super::hurry::{Course, Ending, Hurried};
use super::outcome::{self, Outcome};
use super::span::Span;
use super::stage::{Stage, explain};
use crate::errors::Failure;

/// How long a run may take.
pub(super) struct Bounds {
    /// By the clock of the run.
    pub(super) own: Span,
    /// By everybody else's.
    pub(super) real: Span,
}

/// Triggers a run, brings it to its end, and reads what came of it.
pub(super) async fn play(stage: &Stage, dag: &DagId, given: &Given, bounds: &Bounds) -> Result<Outcome> {
    let body = TriggerDagRun { logical_date: given.logical_date, conf: given.conf.clone(), ..TriggerDagRun::default() };
    let triggered = stage.broker.start_run(&stage.actor, dag, body).await;
    let run = triggered.map_err(|error| explain(&format!("DAG `{dag}` cannot be run"), &error))?;
    let (began, own_began) = (Instant::now(), stage.clock.now());
    let course = Course {
        actor: stage.actor.clone(),
        dag: dag.clone(),
        run: run.clone(),
        answers: given.answers.clone(),
        until: own_began.after(bounds.own.0),
    };
    let (hurried, told) = Hurried::new(stage.broker.clone(), stage.clock.clone(), course);
    let worker = Worker::new(hurried, stage.sandbox.clone(), stage.worker().await?);
    let stop = CancellationToken::new();
    let mut work = pin!(worker.run(stop.clone()));
    let ending = tokio::select! {
        worked = &mut work => {
            worked?;
            return Err(Failure::failed("the worker ended before the run").into());
        }
        ending = ending(told, bounds.real.0) => ending,
    };
    let (real_time, own_time) = (began.elapsed(), stage.clock.now().since(own_began));
    // Read before what still runs is stopped, so that it is seen to run.
    let (run, tasks) = outcome::read(stage, dag, &run).await?;
    stop.cancel();
    work.await?;
    Ok(Outcome { run, ending, own_time, real_time, tasks })
}

/// Waits until the run goes on no longer.
async fn ending(mut told: watch::Receiver<Option<Ending>>, at_most: Duration) -> Ending {
    match tokio::time::timeout(at_most, told.wait_for(Option::is_some)).await {
        Ok(told) => told.ok().and_then(|ending| ending.clone()).unwrap_or(Ending::Stuck),
        Err(_) => Ending::TooSlow,
    }
}
