//! What the operating system says of the process: time to start, memory, CPU.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flow_tests::{Host, Options, binary};

use crate::Repeat;

/// From starting `flow-host --help` to its end, in milliseconds.
pub(crate) fn help(repeat: Repeat) -> Vec<f64> {
    let once = || {
        let begun = Instant::now();
        let status = Command::new(binary()).arg("--help").stdout(Stdio::null()).status().expect("flow-host starts");
        assert!(status.success(), "--help ends with {status}");
        millis(begun.elapsed())
    };
    once();
    (0..repeat.few * 3).map(|_| once()).collect()
}

/// From starting `flow-host serve` on a folder it knows to "listening on", in milliseconds.
pub(crate) fn ready(options: &Options, repeat: Repeat) -> Vec<f64> {
    drop(Host::start(options.clone()));
    let once = || {
        let begun = Instant::now();
        let host = Host::start(options.clone());
        let ready = millis(begun.elapsed());
        drop(host);
        ready
    };
    (0..repeat.few).map(|_| once()).collect()
}

/// Resident memory of a process in MiB.
pub(crate) fn resident_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory is known");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib / 1024.0
}

/// How much of one core a process uses while nobody asks anything of it.
pub(crate) async fn idle_cpu_percent(process: u32) -> f64 {
    const WATCHED: Duration = Duration::from_secs(10);
    let before = cpu_ticks(process);
    tokio::time::sleep(WATCHED).await;
    // Linux counts 100 ticks a second on every architecture.
    (cpu_ticks(process) - before) / (100.0 * WATCHED.as_secs_f64()) * 100.0
}

fn cpu_ticks(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    let fields = stat.rsplit(')').next().expect("fields follow the name").split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number of ticks")).sum()
}

/// A span in milliseconds.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
