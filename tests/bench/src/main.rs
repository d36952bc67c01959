//! Measures a running flow-host from outside, on SQLite and on PostgreSQL, beside the floors of the same machine.
//!
//! A result is checked before it counts: a fast wrong answer fails. Figures are medians with the least and the most
//! beside them; on a shared machine only ratios measured in one run say anything.

mod check;
mod course;
mod curve;
mod figures;
mod floors;
mod form;
mod growth;
mod part;
mod place;
mod plot;
mod process;
mod profile;
mod report;
mod waiting;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::course::Plan;
use crate::form::Form;
use crate::part::Part;
use crate::place::Database;

/// Measure flow-host.
#[derive(Debug, Parser)]
#[command(group = clap::ArgGroup::new("form"))]
struct Args {
    /// Small sizes and few repetitions, under two minutes in all; docs/PERFORMANCE.md is left alone
    #[arg(long, group = "form")]
    short: bool,
    /// Just enough to see that everything works
    #[arg(long, group = "form")]
    tiny: bool,
    /// Only the parts whose names begin like this; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only on this database
    #[arg(long)]
    database: Option<Database>,
    /// When to begin no further part, 12 in the long form; more leaves out less
    #[arg(long, value_name = "N")]
    minutes: Option<f64>,
    /// Where to write the figures as JSON
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
    /// Write docs/PERFORMANCE.md whatever was measured; the long form does when it is whole
    #[arg(long)]
    page: bool,
    /// Instead of measuring, say where a task's time goes, and note it in docs/PERFORMANCE.md as `before` or `after`
    #[arg(long, value_name = "WHEN")]
    profile: Option<profile::When>,
}

impl Args {
    fn form(&self) -> Form {
        match (self.tiny, self.short) {
            (true, _) => Form::Tiny,
            (false, true) => Form::Short,
            (false, false) => Form::Long,
        }
    }

    fn plan(&self) -> Plan {
        let parts = Part::ALL.iter().copied();
        let is_wanted = |part: &Part| self.only.iter().any(|name| part.name().starts_with(name));
        let parts: Vec<Part> = parts.filter(|part| self.only.is_empty() || is_wanted(part)).collect();
        let databases = self.database.map_or(vec![Database::Sqlite, Database::Postgres], |only| vec![only]);
        let form = self.form();
        let usual = form.pick(5.0, 2.0, 12.0);
        let minutes = self.minutes.unwrap_or(usual);
        let time = Duration::from_secs_f64(60.0 * minutes.max(0.0));
        Plan { form, parts, databases, time, patience: minutes.max(0.0) / usual }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    process::allow_many_files();
    // Where it went wrong is enough: the sentence says what.
    std::panic::set_hook(Box::new(|panic| eprintln!("  {panic}")));
    if let Some(when) = args.profile {
        profile::measure(when, args.form()).await;
        return ExitCode::SUCCESS;
    }
    let plan = args.plan();
    if plan.parts.is_empty() {
        let names: Vec<&str> = Part::ALL.iter().map(|part| part.name()).collect();
        eprintln!("no part begins with {:?}; there are {}", args.only, names.join(", "));
        return ExitCode::from(2);
    }
    let results = course::run(&plan).await;
    println!("{}", report::tables(plan.form, &results));
    report::write_json(&args.json, plan.form, &results);
    if args.page || (plan.form == Form::Long && plan.is_whole()) {
        report::write_page(plan.form, &results);
    }
    if results.iter().any(|results| !results.failed.is_empty()) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
