//! Runs that grow: more tasks, more mapped instances, more edges.

use std::time::Instant;

use flow_model::dag::DagSpec;
use flow_test_support::{know, spec};
use flow_tests::Host;
use serde_json::{Value, json};

use super::{digest_of, grow, now, tenant_id};
use crate::check;
use crate::course::Course;
use crate::figures::Series;
use crate::process::millis;
use crate::workloads::{finished, prepare};

/// Independent tasks of one run.
pub(crate) async fn tasks(course: &mut Course<'_>) {
    let series =
        Series { name: "tasks", title: "tasks in a run → time of the run, ms", limit: 1.0, points: Vec::new() };
    let sizes = course.form.pick(&[50, 200][..], &[100, 1_000, 4_000], &[100, 1_000, 10_000, 100_000]);
    drawn(course, series, sizes, |size| {
        let tasks = (0..size).map(|at| json!({"task_id": format!("t{at}"), "function": "bench::noop"}));
        (size, dag(&format!("wide{size}"), &tasks.collect::<Vec<_>>()))
    })
    .await;
}

/// Edges between the two halves of a DAG, each task of the second behind all of the first.
pub(crate) async fn edges(course: &mut Course<'_>) {
    let series =
        Series { name: "edges", title: "edges of a DAG → time of its run, ms", limit: 1.0, points: Vec::new() };
    let sizes = course.form.pick(&[100, 400][..], &[100, 1_600, 10_000], &[100, 2_500, 40_000, 1_000_000]);
    drawn(course, series, sizes, |size| {
        let half = size.isqrt();
        let first: Vec<String> = (0..half).map(|at| format!("a{at}")).collect();
        let second = (0..half)
            .map(|at| json!({"task_id": format!("b{at}"), "function": "bench::noop", "depends_on": first.as_slice()}));
        let tasks = first.iter().map(|id| json!({"task_id": id, "function": "bench::noop"})).chain(second);
        (2 * half, dag(&format!("crossed{size}"), &tasks.collect::<Vec<_>>()))
    })
    .await;
}

/// Instances of a mapped task that one task joins.
pub(crate) async fn mapped(course: &mut Course<'_>) {
    let title = "mapped instances joined → time of the run, ms";
    let series = Series { name: "mapped", title, limit: 1.0, points: Vec::new() };
    let sizes = course.form.pick(&[10, 40][..], &[10, 100, 1_000], &[10, 100, 1_000, 10_000]);
    let host = course.place.host(&[]);
    let tenant = prepare(&host).await;
    finished(&tenant, "mapped", json!({"count": 2})).await;
    grow(course, series, sizes, async |size| {
        let begun = Instant::now();
        let run = finished(&tenant, "mapped", json!({"count": size})).await;
        let took = millis(begun.elapsed());
        check::all_tasks(&tenant, "mapped", &run, size + 2).await;
        assert_eq!(tenant.result("mapped", &run, "sum").await, size * (size + 1) / 2);
        took
    })
    .await;
}

/// Runs DAGs that `draw` makes for each size, with how many tasks each has.
async fn drawn(course: &mut Course<'_>, series: Series, sizes: &[usize], draw: fn(usize) -> (usize, DagSpec)) {
    let host: Host = course.place.host(&[]);
    let tenant = prepare(&host).await;
    let digest = digest_of(&tenant, "bench").await;
    let store = course.place.store().await;
    finished(&tenant, "single", json!({})).await;
    grow(course, series, sizes, async |size| {
        let (tasks, spec) = draw(size);
        let dag = know(&store, &tenant_id(), spec, (digest, now())).await;
        let begun = Instant::now();
        let run = finished(&tenant, dag.as_str(), json!({})).await;
        let took = millis(begun.elapsed());
        check::all_tasks(&tenant, dag.as_str(), &run, tasks).await;
        took
    })
    .await;
    store.close().await;
}

fn dag(id: &str, tasks: &[Value]) -> DagSpec {
    spec(json!({"dag_id": id, "tasks": tasks}))
}
