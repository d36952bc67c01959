//! What there is already and must not cost: runs in history, DAGs that wait for their schedules, uploaded components.

use std::time::Duration;

use flow_model::advance::{Node, Tally};
use flow_model::graph::TaskIndex;
use flow_model::ids::{Digest, RunKey};
use flow_model::run::{RunType, TriggeredBy};
use flow_model::state::{Phase, RunState, TaskStatus, Terminal};
use flow_model::time::Millis;
use flow_store::dag::{self, DagRow};
use flow_store::run::{self, RunRow};
use flow_store::task_instance::{self, NewTask, TaskKey};
use flow_test_support::{know, spec};
use flow_tests::component;
use futures::{StreamExt as _, stream};
use serde_json::json;

use super::{grow, now, tenant_id};
use crate::course::Course;
use crate::figures::{Series, percentile};
use crate::place::Place;
use crate::process;
use crate::workloads::{marked, prepare, throughput};

/// How many runs of the history one transaction stores.
const RUNS_AT_ONCE: usize = 1_000;
/// How many components are uploaded at once: as many as the host compiles at once.
const UPLOADS_AT_ONCE: usize = 2;

/// Runs of the same DAG that ended long ago.
pub(crate) async fn history(course: &mut Course<'_>) {
    let title = "runs in history → time per new task, µs";
    let series = Series { name: "history", title, limit: 0.0, points: Vec::new() };
    let sizes = course.form.pick(&[100, 1_000][..], &[1_000, 20_000], &[1_000, 10_000, 100_000, 1_000_000]);
    let times = course.form.few();
    let place = course.fresh_place();
    let host = place.host(&[]);
    let tenant = prepare(&host).await;
    assert!(host.stop().success());
    let mut there = 0;
    grow(course, series, sizes, async |size| {
        remember(&place, there..size).await;
        there = size;
        let host = place.host(&[]);
        let tenant = tenant.at(host.url());
        let measured = throughput(&tenant, times).await;
        let runs = tenant.get("/api/v2/dags/fan100/dagRuns?limit=1&run_id_pattern=past%25").await.expect(200);
        assert_eq!(runs["total_entries"], size, "the history is there");
        assert!(host.stop().success());
        1e6 / percentile(&measured, 50)
    })
    .await;
}

/// Stores ended runs of one task each.
async fn remember(place: &Place, which: std::ops::Range<usize>) {
    let store = place.store().await;
    let mut db = store.read().await.expect("a connection");
    let dag = dag::find(&mut db, &tenant_id(), &"fan100".parse().expect("a DAG id")).await;
    let dag = dag.expect("a look").expect("the DAG is there");
    drop(db);
    let numbers: Vec<usize> = which.collect();
    for part in numbers.chunks(RUNS_AT_ONCE) {
        let (runs, tasks): (Vec<RunRow>, Vec<NewTask>) = part.iter().map(|&number| past_run(&dag, number)).unzip();
        let mut tx = store.begin("history").await.expect("a transaction");
        run::insert(&mut tx, &runs).await.expect("runs can be stored");
        task_instance::insert(&mut tx, &tasks).expect("tasks can be stored");
        tx.commit().await.expect("a commit");
    }
    store.close().await;
}

/// A run of an hour in the past, and its task.
fn past_run(dag: &DagRow, number: usize) -> (RunRow, NewTask) {
    let hour = Millis(i64::try_from(number).expect("a count") * 3_600_000);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let key = RunKey::mint(hour, random);
    let run = RunRow {
        key,
        tenant: dag.tenant.clone(),
        dag_id: dag.dag_id.clone(),
        run_id: format!("past{number}").parse().expect("a run id"),
        version: dag.version,
        state: RunState::Success,
        tally: Tally::default(),
        run_type: RunType::Manual,
        logical_date: Some(hour),
        interval: None,
        run_after: hour,
        queued_at: hour,
        start_date: Some(hour),
        end_date: Some(hour),
        triggered_by: TriggeredBy::RestApi,
        triggering_user: None,
        timeout_at: None,
        held: false,
    };
    let status = TaskStatus { phase: Phase::Ended(Terminal::Success), try_number: 1, losses: 0 };
    let task = NewTask {
        key: TaskKey { run: key, task: TaskIndex(0), map_index: None },
        tenant: dag.tenant.clone(),
        node: Node { status, ..Node::new(0) },
        task_id: "noop".parse().expect("a task id"),
        wait: None,
        item: None,
        queued_at: Some(hour),
        start_date: Some(hour),
        end_date: Some(hour),
        worker: None,
    };
    (run, task)
}

/// DAGs whose schedules are not due for months.
pub(crate) async fn dags(course: &mut Course<'_>) {
    let title = "DAGs that wait for their schedules → CPU time of an idle host, µs per s";
    let series = Series { name: "dags", title, limit: 0.0, points: Vec::new() };
    let sizes = course.form.pick(&[20, 100][..], &[100, 1_000], &[100, 1_000, 10_000]);
    let watched = Duration::from_secs(course.form.pick(1, 5, 5));
    let place = course.fresh_place();
    let host = place.host(&[]);
    prepare(&host).await;
    assert!(host.stop().success());
    let mut there = 0;
    grow(course, series, sizes, async |size| {
        let store = place.store().await;
        for number in there..size {
            let tasks = json!([{"task_id": "noop", "function": "bench::noop"}]);
            let yearly = json!({"dag_id": format!("yearly{number}"), "schedule": {"cron": {"expression": "0 0 1 1 *"}}, "tasks": tasks});
            know(&store, &tenant_id(), spec(yearly), (Digest([9; 32]), now())).await;
        }
        there = size;
        store.close().await;
        let host = place.host(&[]);
        let percent = process::idle_cpu_percent(host.id(), watched).await;
        assert!(host.stop().success());
        // Less than a microsecond is as good as one, and has a logarithm.
        (percent / 100.0 * 1e6).max(1.0)
    })
    .await;
}

/// Components that differ in their bytes, each compiled.
pub(crate) async fn modules(course: &mut Course<'_>) {
    let title = "uploaded components → resident memory of the host, MiB";
    let series = Series { name: "modules", title, limit: 1.0, points: Vec::new() };
    let sizes = course.form.pick(&[1, 3][..], &[4, 16], &[50, 250, 500, 1_000]);
    let host = course.place.host(&[]);
    let tenant = prepare(&host).await;
    let hello = component("hello");
    let mut there = 0;
    grow(course, series, sizes, async |size| {
        let upload = async |mark| drop(tenant.upload("hello", marked(hello.clone(), mark)).await.expect(201));
        stream::iter(there..size).for_each_concurrent(UPLOADS_AT_ONCE, upload).await;
        there = size;
        let hello = tenant.get("/api/v2/modules/hello").await.expect(200);
        assert_eq!(hello["last_version"], size, "each was another one");
        process::resident_mib(host.id())
    })
    .await;
}
