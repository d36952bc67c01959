//! The table of workloads, in process and with a worker in a process of its own, each beside its floor.

mod parse;
mod runs;
mod start;

use std::time::{Duration, Instant};

use flow_tests::{Client, Host, RemoteWorker, component};
use serde_json::json;

pub(crate) use runs::{finished, throughput, throughput_once};

use crate::course::Course;
use crate::figures::percentile;
use crate::floors::{self, commits::Ledger, guests::Guests};
use crate::form::Times;
use crate::process::{self, millis};

/// Everything that a host does by itself.
pub(crate) async fn in_process(course: &mut Course<'_>) {
    let form = course.form;
    let figures = &mut course.out.figures;
    figures.add("floor_process_start_ms", process::shortest(form.many()));
    figures.add("help_ms", process::help(form.many()));
    figures.add("ready_ms", process::ready(&course.place.options(&[]), form.few()));
    let host = course.place.host(&[]);
    figures.add("idle_rss_mib", [process::resident_mib(host.id())]);
    let watched = Duration::from_secs(form.pick(1, 3, 10));
    figures.add("idle_cpu_percent", [process::idle_cpu_percent(host.id(), watched).await]);
    let tenant = prepare(&host).await;
    course.out.figures.add("upload_ms", uploads(&tenant, form.few()).await);
    measure(course, &tenant, "").await;
    course.out.figures.add("parse200_ms", parse::whole_modules(&host, form.few()).await);
    measure_floors(course, &tenant).await;
}

/// What changes when the worker is elsewhere.
pub(crate) async fn remote(course: &mut Course<'_>) {
    let host = course.place.host(&["--workers", "0"]);
    let _worker = RemoteWorker::start(&host, "worker", &["--log", "error"]).await;
    let tenant = prepare(&host).await;
    measure(course, &tenant, "remote_").await;
    let trips = floors::round_trips(&tenant, course.form.many()).await;
    course.out.figures.add("floor_round_trip_us", trips.iter().map(|millis| millis * 1000.0));
}

/// The workloads that any worker can run.
async fn measure(course: &mut Course<'_>, tenant: &Client, prefix: &str) {
    let form = course.form;
    let named = |name: &str| format!("{prefix}{name}");
    let figures = &mut course.out.figures;
    figures.add(named("throughput_tasks_per_s"), throughput(tenant, form.few()).await);
    figures.add(named("chain10_ms"), runs::walls(tenant, "chain10", 10, form.many()).await);
    figures.add(named("fanout100_ms"), runs::walls(tenant, "fanout100", 102, form.many()).await);
    let starts = start::latencies(tenant, form.many()).await;
    for (name, percent) in [("start_p50_ms", 50), ("start_p99_ms", 99)] {
        figures.add(named(name), [percentile(&starts, percent)]);
    }
    figures.add(named("variable_get_us"), runs::variable_get(tenant, form.few()).await);
}

/// The least that the same takes without a host, on the same machine in the same minute.
async fn measure_floors(course: &mut Course<'_>, tenant: &Client) {
    let form = course.form;
    course.out.figures.add("floor_fdatasync_us", floors::fdatasync(&course.place, form.many()));
    let guests = Guests::new().await;
    let mut ledger = Ledger::open(&course.place).await;
    let figures = &mut course.out.figures;
    figures.add("floor_commits_per_s", ledger.lone_commits(form.many()).await);
    figures.add("floor_throughput_tasks_per_s", ledger.throughput(form.few()).await);
    figures.add("floor_sandbox_calls_per_s", guests.calls_per_second(form.few(), form.pick(100, 1_000, 5_000)).await);
    figures.add("floor_chain10_ms", floors::chain(&mut ledger, &guests, form.many()).await);
    figures.add("floor_fanout100_ms", floors::fanout(&mut ledger, &guests, form.many()).await);
    figures.add("floor_start_p50_ms", floors::starts(tenant, &mut ledger, form.many()).await);
    figures.add("floor_variable_get_us", guests.variable_gets(form.few()).await);
    figures.add("floor_parse200_ms", guests.parses(form.few()).await);
    ledger.check().await;
}

/// A tenant with the module of the workloads and the variable that one of them reads.
pub(crate) async fn prepare(host: &Host) -> Client {
    let tenant = host.tenant("bench").await;
    tenant.upload("bench", component("bench")).await.expect(201);
    tenant.post("/api/v2/variables", &json!({"key": "bench", "value": "x"})).await.expect(201);
    tenant
}

/// From sending a component that the host has never seen to its DAGs being ready, in milliseconds.
async fn uploads(tenant: &Client, times: Times) -> Vec<f64> {
    let mut measured = Vec::new();
    for round in times {
        let bytes = marked(component("hello"), round);
        let begun = Instant::now();
        tenant.upload("hello", bytes).await.expect(201);
        measured.push(millis(begun.elapsed()));
    }
    measured
}

/// A component that does the same and is another one all the same.
pub(crate) fn marked(mut component: Vec<u8>, mark: usize) -> Vec<u8> {
    // A custom section makes the bytes, and so the digest, new: its id, its size, the length of its name, its name.
    let name = format!("{mark:04}");
    component.extend([0, 5, 4]);
    component.extend(name.as_bytes());
    component
}
