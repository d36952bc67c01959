//! Every way a task can ask for too much, chosen by the run's conf, such as `{"mode": "memory"}`.
//!
//! The host stops each of them, says why, and nobody else notices.

use std::hint::black_box;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use flow_sdk::prelude::*;

/// Misbehaves as `mode` says; `size` is in MiB where a mode has a size.
#[task]
fn misbehave(mode: String, size: Option<usize>) -> Result<String> {
    match mode.as_str() {
        "loop" => spin(),
        "memory" => return Ok(hoard()),
        "log" => chatter(),
        "recursion" => return Ok(dive(0).to_string()),
        "panic" => panic!("greedy was asked to panic"),
        "exit" => std::process::exit(3),
        "sleep" => thread::sleep(Duration::from_secs(1 << 30)),
        "xcom" => return Ok("x".repeat(size.unwrap_or(2) << 20)),
        other => return Err(Error::fail(format_args!("there is no mode {other:?}"))),
    }
    Ok(mode)
}

/// Uses CPU for ever.
fn spin() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Takes memory and writes to it until there is no more.
fn hoard() -> String {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// Writes about 100 MiB of log: to the log, to standard output, and without any line end to standard error.
fn chatter() {
    let line = "na ".repeat(300);
    for n in 0..35_000 {
        log::info!(n = n, "{line}");
        println!("{n} {line}");
        // The host may have closed the stream, which is no reason to stop.
        let _ = write!(std::io::stderr(), "{line}");
    }
}

/// Calls itself until the stack is full. What follows each call keeps it from being made a loop.
fn dive(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { dive(depth + 1) / 3 + depth }
}

/// Shows that the others go on.
#[task]
fn bystander() -> String {
    "undisturbed".to_owned()
}

#[dag(description = "Loops, hoards, floods, dives, panics or sleeps, by conf", tags("example", "hostile"))]
fn greedy() {
    misbehave(conf("mode"), conf("size"));
    bystander();
}
