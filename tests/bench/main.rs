//! Measures a running flow-host from outside, on SQLite and on PostgreSQL, and writes what it found.
//!
//! A result is checked before it counts: a fast wrong answer fails. Figures are medians with the least and the most
//! beside them; on a shared machine only ratios measured in one run say anything.

mod figures;
mod machine;
mod report;
mod workloads;

use std::path::PathBuf;

use clap::Parser;
use figures::Figures;
use flow_test_support::Postgres;
use flow_tests::{Host, Options};

/// Measure flow-host.
#[derive(Debug, Parser)]
struct Args {
    /// Fewer repetitions, under a minute in all; figures are rougher and docs/PERFORMANCE.md is left alone
    #[arg(long)]
    short: bool,
    /// Where to write the figures as JSON
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

/// How often each workload is repeated.
#[derive(Debug, Clone, Copy)]
struct Repeat {
    few: usize,
    many: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args = Args::parse();
    let repeat = if args.short { Repeat { few: 2, many: 20 } } else { Repeat { few: 7, many: 300 } };
    let postgres = Postgres::start();
    let sqlite = measure(None, repeat).await;
    let postgres = measure(Some(postgres.create(None)), repeat).await;
    let results = [("sqlite", sqlite), ("postgres", postgres)];
    println!("{}", report::table(&results));
    report::write_json(&args.json, &results);
    if !args.short {
        report::write_page(&results);
    }
}

/// Every workload on one database, each on the same host.
async fn measure(database_url: Option<String>, repeat: Repeat) -> Figures {
    let data = tempfile::tempdir().expect("a folder for the data");
    let options = Options { data: data.path().to_owned(), database_url, ..Options::default() };
    let mut figures = Figures::default();
    figures.add("help_ms", machine::help(repeat));
    figures.add("ready_ms", machine::ready(&options, repeat));
    let host = Host::start(options);
    figures.add("idle_rss_mib", [machine::resident_mib(host.id())]);
    let tenant = host.tenant("bench").await;
    figures.add("upload_ms", workloads::uploads(&tenant, repeat).await);
    workloads::prepare(&tenant).await;
    figures.add("throughput_tasks_per_s", workloads::throughput(&tenant, repeat).await);
    figures.add("chain10_ms", workloads::wall(&tenant, "chain10", repeat).await);
    figures.add("fanout100_ms", workloads::wall(&tenant, "fanout100", repeat).await);
    let starts = workloads::start_latencies(&tenant, repeat).await;
    figures.add("start_p50_ms", [figures::percentile(&starts, 50)]);
    figures.add("start_p99_ms", [figures::percentile(&starts, 99)]);
    figures.add("variable_get_us", workloads::variable_get(&tenant, repeat).await);
    figures.add("idle_cpu_percent", [machine::idle_cpu_percent(host.id()).await]);
    figures
}
