//! Latency against load: what is offered grows from a tenth of the measured maximum to more than can be done.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flow_tests::Client;
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval_at, sleep_until};

use crate::course::Course;
use crate::figures::{Load, float, percentile};
use crate::process::per_second;
use crate::workloads::prepare;

/// Of how many tasks each run consists: ten pairs, and one that gathers what they measured.
const TASKS: usize = 21;
const PAIRS: usize = 10;
/// Runs that are under way at once while the maximum is looked for.
const AT_ONCE: usize = 32;
/// What is offered, in percent of the maximum.
const LOADS: &[u32] = &[10, 25, 50, 75, 90, 100, 110, 120];
/// The same where there is little time.
const FEW_LOADS: &[u32] = &[10, 50, 90, 120];

/// What one run measured: for each pair when its first task ran, in milliseconds since 1970, and how much later its
/// second one did.
type Lags = Vec<(f64, f64)>;

/// Finds the maximum, then offers shares of it.
pub(crate) async fn saturation(course: &mut Course<'_>) {
    let host = course.place.host(&[]);
    let tenant = prepare(&host).await;
    let span = Duration::from_secs(course.form.pick(1, 1, 2));
    most(&tenant, span / 2).await;
    let most = most(&tenant, span).await;
    course.out.figures.add("saturation_tasks_per_s", [most]);
    for &percent in course.form.pick(FEW_LOADS, FEW_LOADS, LOADS) {
        if !course.has_time(span, || format!("a load of {percent} %")) {
            break;
        }
        let percent = f64::from(percent);
        let load = Load { percent, ..offer(&tenant, most * percent / 100.0, span).await };
        let Load { offered, done, started, followed, .. } = &load;
        eprintln!("  {percent} %: {offered:.0}/s, done {done:.0}/s, started {started:?}, followed {followed:?}");
        course.out.curve.push(load);
    }
}

/// How many tasks a second the host does when there is always something to do.
async fn most(tenant: &Client, span: Duration) -> f64 {
    let begun = Instant::now();
    let runs = stream::repeat(()).take_while(|()| std::future::ready(begun.elapsed() < span));
    let done = runs.map(|()| measured(tenant)).buffer_unordered(AT_ONCE).count().await;
    per_second(done * TASKS, begun.elapsed())
}

/// Starts runs at a steady pace, whether or not earlier ones have ended, and waits for all of them.
async fn offer(tenant: &Client, offered: f64, span: Duration) -> Load {
    let pace = Duration::from_secs_f64(float(TASKS) / offered);
    let begun = Instant::now();
    let mut ticks = interval_at((begun + pace).into(), pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = FuturesUnordered::new();
    let mut lags = Vec::new();
    let end = sleep_until((begun + span).into());
    tokio::pin!(end);
    loop {
        tokio::select! {
            due = ticks.tick() => under_way.push(late(tenant, due.into_std())),
            Some(run) = under_way.next() => lags.push(run),
            () = &mut end => break,
        }
    }
    lags.extend(under_way.collect::<Vec<_>>().await);
    let done = per_second(lags.len() * TASKS, begun.elapsed());
    let of = |which: fn(&(f64, f64)) -> f64| {
        let all: Vec<f64> = lags.iter().flatten().map(which).collect();
        (percentile(&all, 50), percentile(&all, 99))
    };
    Load { percent: 0.0, offered, done, started: of(|lag| lag.0), followed: of(|lag| lag.1) }
}

/// How much later than due the first tasks of a run started, and how much later than those the second ones did.
async fn late(tenant: &Client, due: Instant) -> Lags {
    let due = since_1970() - due.elapsed().as_secs_f64() * 1000.0;
    measured(tenant).await.into_iter().map(|(stamp, lag)| ((stamp - due).max(0.0), lag)).collect()
}

/// A run from its trigger to what it measured. Its last task has gathered that of all others, so they all succeeded.
async fn measured(tenant: &Client) -> Lags {
    let run = tenant.trigger("pairs", json!({})).await;
    let path = format!("/api/v2/dags/pairs/dagRuns/{run}/wait?interval=60&result=gather");
    let answer = tenant.get(&path).await.expect(200);
    // One JSON object a line; of a run that had ended already there is one line.
    let last: Value = match answer.as_str() {
        Some(lines) => serde_json::from_str(lines.lines().last().expect("a line")).expect("a line is JSON"),
        None => answer,
    };
    assert_eq!(last["state"], "success", "{run}");
    let lags: Lags = serde_json::from_value(last["results"]["gather"].clone()).expect("what each pair measured");
    assert_eq!(lags.len(), PAIRS, "{run}");
    lags
}

#[expect(clippy::disallowed_methods, reason = "what the guests read is compared with the clock of this machine")]
fn since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64() * 1000.0
}
