//! What a claim costs beside more queued tasks and more tenants. No guest runs and nothing goes over HTTP here: only the
//! queue is looked at, through the same door that a worker in process has.

use std::time::Instant;

use flow_broker::{Actor, LocalBroker};
use flow_model::dag::DagSpec;
use flow_model::ids::{DagId, TenantId};
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_test_support::{Stage, TestStore, spec};
use futures::{StreamExt as _, stream};
use serde_json::json;

use super::grow;
use crate::course::Course;
use crate::figures::{Series, percentile};
use crate::place::Place;
use crate::process::millis;

/// How many tasks a run has that is queued.
const TASKS: usize = 1_000;
/// How many runs are created at once.
const AT_ONCE: usize = 8;
/// How many pieces of work one claim asks for.
const SLOTS: u32 = 64;
/// How many tasks there are at least, so that every claim is served in full.
const QUEUED: usize = 10_000;

/// One tenant with more and more tasks in the queue.
pub(crate) async fn queued(course: &mut Course<'_>) {
    let title = "queued tasks → a claim of 64, ms";
    let series = Series { name: "queued", title, limit: 0.0, points: Vec::new() };
    let sizes = course.form.pick(&[3_000, 6_000][..], &[5_000, 20_000], &[10_000, 100_000, 1_000_000]);
    let claims = course.form.pick(5, 20, 50);
    let stage = open(&course.place).await;
    let dag = stage.know(wide("wide", TASKS)).await;
    let mut there = 0;
    grow(course, series, sizes, async |size| {
        let runs = (size - there) / TASKS;
        start(&stage, std::iter::repeat_n((stage.tenant.clone(), dag.clone()), runs)).await;
        there = size;
        claim(&stage, claims).await
    })
    .await;
}

/// The same number of tasks, of more and more tenants.
pub(crate) async fn tenants(course: &mut Course<'_>) {
    let title = "tenants with 10,000 tasks in the queue together → a claim of 64, ms";
    let series = Series { name: "tenants", title, limit: 0.0, points: Vec::new() };
    let sizes = course.form.pick(&[10, 100][..], &[10, 100, 500], &[10, 100, 1_000, 10_000]);
    let claims = course.form.pick(5, 20, 50);
    let places: Vec<Place> = sizes.iter().map(|_| course.fresh_place()).collect();
    let mut places = places.iter();
    grow(course, series, sizes, async |size| {
        let stage = open(places.next().expect("a place for each size")).await;
        let mut theirs = Vec::new();
        for at in 0..size {
            let tenant = stage.db.tenant(&format!("tenant{at}"), stage.clock.now()).await;
            let dag = stage.know_for(&tenant, wide("wide", QUEUED / size)).await;
            theirs.push((tenant, dag));
        }
        start(&stage, theirs).await;
        claim(&stage, claims).await
    })
    .await;
}

/// A control plane without workers.
async fn open(place: &Place) -> Stage<LocalBroker> {
    Stage::open(TestStore::at(place.config()).await).await
}

async fn start(stage: &Stage<LocalBroker>, runs: impl IntoIterator<Item = (TenantId, DagId)>) {
    let start = async |(tenant, dag): (TenantId, DagId)| {
        let actor = Actor { tenant, ..stage.admin() };
        stage.local.start_run(&actor, &dag, TriggerDagRun::default()).await.expect("the run can be triggered");
    };
    stream::iter(runs).for_each_concurrent(AT_ONCE, start).await;
}

/// The median of some claims, in milliseconds. Every one of them has to be served in full.
async fn claim(stage: &Stage<LocalBroker>, times: usize) -> f64 {
    let mut measured = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let work = stage.claim(SLOTS).await;
        measured.push(millis(begun.elapsed()));
        assert_eq!(work.len(), SLOTS as usize, "there is enough");
    }
    percentile(&measured, 50)
}

fn wide(id: &str, tasks: usize) -> DagSpec {
    let tasks: Vec<_> = (0..tasks).map(|at| json!({"task_id": format!("t{at}"), "function": "bench::noop"})).collect();
    spec(json!({"dag_id": id, "max_active_runs": 10_000, "tasks": tasks}))
}
