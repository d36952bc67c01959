//! What the operating system says of processes: time to start, memory, CPU.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flow_tests::{Host, Options, binary};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::figures::float;
use crate::form::Times;

/// How long a process may go on with what it has just done.
const SETTLED: Duration = Duration::from_millis(500);

/// From starting `flow-host --help` to its end, in milliseconds.
pub(crate) fn help(times: Times) -> Vec<f64> {
    lives(times, Command::new(binary()).arg("--help"))
}

/// From starting a program that does nothing to its end, in milliseconds: nothing ends sooner.
pub(crate) fn shortest(times: Times) -> Vec<f64> {
    lives(times, &mut Command::new("/bin/true"))
}

/// How long processes live that end by themselves, in milliseconds.
fn lives(times: Times, command: &mut Command) -> Vec<f64> {
    let mut once = || {
        let begun = Instant::now();
        let status = command.stdout(Stdio::null()).status().expect("the program starts");
        assert!(status.success(), "it ends with {status}");
        millis(begun.elapsed())
    };
    once();
    times.into_iter().map(|_| once()).collect()
}

/// From starting `flow-host serve` on a folder that it knows to "listening on", in milliseconds.
pub(crate) fn ready(options: &Options, times: Times) -> Vec<f64> {
    drop(Host::start(options.clone()));
    let once = || {
        let begun = Instant::now();
        let host = Host::start(options.clone());
        let ready = millis(begun.elapsed());
        drop(host);
        ready
    };
    times.into_iter().map(|_| once()).collect()
}

/// Resident memory of a process in MiB.
pub(crate) fn resident_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory is known");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib / 1024.0
}

/// How much of one core a process uses while nobody asks anything of it, in percent.
pub(crate) async fn idle_cpu_percent(process: u32, watched: Duration) -> f64 {
    tokio::time::sleep(SETTLED).await;
    let before = cpu_seconds(process);
    tokio::time::sleep(watched).await;
    (cpu_seconds(process) - before) / watched.as_secs_f64() * 100.0
}

/// The CPU time of a process's present threads, in seconds. Unlike the sum in `stat` it is exact to the nanosecond.
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let nanoseconds = threads.map(|thread| {
        let file = thread.expect("a thread").path().join("schedstat");
        // A thread that has ended in the meantime is of no concern.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.split_whitespace().next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0)
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// Raises the number of files that this process and those it starts may have open as far as is allowed. Answers how many.
pub(crate) fn allow_many_files() -> usize {
    let Rlimit { maximum, current } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    let allowed = if setrlimit(Resource::Nofile, raised).is_ok() { maximum } else { current };
    allowed.and_then(|allowed| usize::try_from(allowed).ok()).unwrap_or(usize::MAX)
}

/// A span in milliseconds.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// How often something happened in a second.
pub(crate) fn per_second(count: usize, span: Duration) -> f64 {
    float(count) / span.as_secs_f64()
}
