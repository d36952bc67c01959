//! A run of the parts: each on a place of its own, within its time, and so that one that fails leaves the others be.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use flow_test_support::Postgres;
use flow_tests::{binary, component};
use futures::FutureExt as _;

use crate::figures::{Figures, Load, Series};
use crate::form::Form;
use crate::part::Part;
use crate::place::{Database, Place};

/// What is to be measured.
pub(crate) struct Plan {
    /// How much of it.
    pub(crate) form: Form,
    /// Which parts.
    pub(crate) parts: Vec<Part>,
    /// On which databases.
    pub(crate) databases: Vec<Database>,
    /// After how long no further part begins.
    pub(crate) time: Duration,
    /// How much longer than usual each part may take.
    pub(crate) patience: f64,
}

impl Plan {
    /// Whether nothing is left out on purpose.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.len() == Part::ALL.len() && self.databases.len() == 2
    }
}

/// What was measured on one database.
pub(crate) struct Results {
    /// Which.
    pub(crate) database: Database,
    /// One figure for each name.
    pub(crate) figures: Figures,
    /// What was measured at growing sizes.
    pub(crate) growth: Vec<Series>,
    /// What was measured under growing load.
    pub(crate) curve: Vec<Load>,
    /// What there was no time for.
    pub(crate) left_out: Vec<String>,
    /// Parts that failed: their last figures are missing.
    pub(crate) failed: Vec<String>,
}

/// A part while it is measured.
pub(crate) struct Course<'a> {
    /// Where.
    pub(crate) place: Place,
    /// How much.
    pub(crate) form: Form,
    /// What was measured so far.
    pub(crate) out: &'a mut Results,
    server: Option<&'a Postgres>,
    until: Instant,
}

impl Course<'_> {
    /// Another place of the same kind.
    pub(crate) fn fresh_place(&self) -> Place {
        Place::new(self.server)
    }

    /// Whether something that takes this long fits; otherwise it is noted as left out.
    pub(crate) fn has_time(&mut self, takes: Duration, what: impl FnOnce() -> String) -> bool {
        let fits = Instant::now() + takes <= self.until;
        if !fits {
            let what = what();
            eprintln!("  left out for lack of time: {what}");
            self.out.left_out.push(what);
        }
        fits
    }
}

/// Measures every part of the plan, as far as there is time.
pub(crate) async fn run(plan: &Plan) -> Vec<Results> {
    // The components and the program are built, if they are not, before any time is taken.
    drop((component("bench"), binary()));
    let until = Instant::now() + plan.time;
    let server = plan.databases.contains(&Database::Postgres).then(Postgres::durable);
    let mut results: Vec<Results> = plan.databases.iter().map(|&database| Results::new(database)).collect();
    for &part in &plan.parts {
        for results in results.iter_mut().filter(|results| part.is_for(results.database)) {
            if Instant::now() < until {
                let server = server.as_ref().filter(|_| results.database == Database::Postgres);
                measure(part, plan, server, results).await;
            } else {
                results.left_out.push(part.name().to_owned());
            }
        }
    }
    results
}

impl Results {
    fn new(database: Database) -> Self {
        let (figures, growth, curve) = (Figures::default(), Vec::new(), Vec::new());
        Self { database, figures, growth, curve, left_out: Vec::new(), failed: Vec::new() }
    }
}

async fn measure(part: Part, plan: &Plan, server: Option<&Postgres>, results: &mut Results) {
    let begun = Instant::now();
    let name = format!("{} on {}", part.name(), results.database.name());
    eprintln!("{name}");
    let time = part.time(plan.form).mul_f64(plan.patience);
    // What is far beyond its time hangs.
    let longest = time * 2 + Duration::from_secs(30);
    let mut course = Course { place: Place::new(server), form: plan.form, out: results, server, until: begun + time };
    let measured = tokio::time::timeout(longest, AssertUnwindSafe(part.measure(&mut course)).catch_unwind()).await;
    let failure = match measured {
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some("it found something wrong; see above"),
        Err(_) => Some("it did not end"),
    };
    if let Some(why) = failure {
        eprintln!("  {name} failed: {why}");
        results.failed.push(format!("{}: {why}", part.name()));
    }
    eprintln!("  {:.1} s", begun.elapsed().as_secs_f64());
}
