//! Where a task's time goes: samples of a busy host by `perf`, attributed to the rooms of the house.

mod flame;
mod rooms;
mod stacks;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flow_tests::{Client, Host};
use futures::future::join_all;

use crate::figures::float;
use crate::form::Form;
use crate::place::Place;
use crate::plot::short;
use crate::process::cpu_seconds;
use crate::report::replace_block;
use crate::workloads::{prepare, throughput_once};
use stacks::Stack;

/// Under which heading the findings go into the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// Before something was made faster.
    Before,
    /// After that.
    After,
}

/// Tasks of one round of the workload.
const TASKS: usize = 1_000;
/// Samples a second: no divisor of what else happens regularly.
const FREQUENCY: &str = "499";
/// How much of a stack is looked at, in bytes: the most that `perf` allows.
const STACK: &str = "--call-graph=dwarf,65528";
const TOP: usize = 10;

/// Samples a host on SQLite while it does nothing but run tasks; draws a flame graph and says what a task spends where.
pub(crate) async fn measure(when: When, form: Form) {
    let folder = PathBuf::from("target/profile");
    std::fs::create_dir_all(&folder).expect("a folder for the profile");
    let place = Place::new(None);
    let host = place.host(&[]);
    let tenant = prepare(&host).await;
    throughput_once(&tenant).await;
    let span = Duration::from_secs(form.pick(1, 4, 15));
    let mut perf = record(&host, &folder, span);
    let before = cpu_seconds(host.id());
    let tasks = run_for(&tenant, span).await;
    let micros = (cpu_seconds(host.id()) - before) * 1e6 / float(tasks);
    assert!(perf.wait().expect("perf can be waited for").success(), "perf could not sample the host");
    let stacks = stacks::read(&folder);
    assert!(!stacks.is_empty(), "perf saw nothing");
    std::fs::write(folder.join("flame.svg"), flame::graph(&stacks)).expect("the graph can be written");
    let findings = findings(&stacks, micros);
    println!("{findings}\nThe flame graph is in target/profile/flame.svg.");
    if form == Form::Long {
        let name = match when {
            When::Before => "profile before",
            When::After => "profile after",
        };
        replace_block(name, &findings);
    }
}

/// Starts `perf` on the host.
fn record(host: &Host, folder: &Path, span: Duration) -> Child {
    let mut perf = Command::new("perf");
    perf.args(["record", "-q", "-e", "cpu-clock", "-F", FREQUENCY, STACK, "-o"]).arg(folder.join("perf.data"));
    perf.args(["-p", &host.id().to_string(), "--", "sleep", &span.as_secs().to_string()]);
    perf.stderr(Stdio::null()).spawn().expect("`perf` is installed (package linux-perf)")
}

/// Runs the workload again and again, and answers how many tasks that were.
async fn run_for(tenant: &Client, span: Duration) -> usize {
    let begun = Instant::now();
    let mut tasks = 0;
    while begun.elapsed() < span {
        join_all([throughput_once(tenant), throughput_once(tenant)]).await;
        tasks += 2 * TASKS;
    }
    tasks
}

/// What a task spends in each room, and the functions that most of it is spent in.
fn findings(stacks: &[Stack], micros: f64) -> String {
    let all: usize = stacks.iter().map(|stack| stack.samples).sum();
    let mut text = format!(
        "{} µs of CPU time per task, of the host alone.\n\n| where | µs per task | share |\n|---|---|---|\n",
        short(micros)
    );
    let share = |samples: usize| float(samples) / float(all);
    for (room, samples) in rooms::by_room(stacks) {
        let share = share(samples);
        let _ = writeln!(text, "| {room} | {} | {:.0} % |", short(micros * share), share * 100.0);
    }
    text.push_str("\n| top ten functions, by themselves | where | share |\n|---|---|---|\n");
    for (function, room, samples) in rooms::top(stacks, TOP) {
        let _ = writeln!(text, "| `{function}` | {room} | {:.1} % |", share(samples) * 100.0);
    }
    text
}
