//! What the demo does: which tenants, which modules, which runs, and how each run is to end.

use flow_model::state::RunState;
use serde_json::{Value, json};

/// Four years of daily weather, as the example's own run conf.
const WEATHER: &str = include_str!("../../../../guest-examples/etl/conf.json");

/// One tenant of the demo.
pub(super) struct Tenant {
    /// Its name.
    pub(super) name: &'static str,
    /// What it uploads, under the same names.
    pub(super) modules: &'static [&'static str],
    /// What it sets.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Where its tasks reach out to.
    pub(super) connections: &'static [(&'static str, &'static str)],
    /// What it runs.
    pub(super) runs: &'static [Run],
}

/// One run of the demo.
pub(super) struct Run {
    /// The DAG.
    pub(super) dag: &'static str,
    /// What it is about, in a few words.
    pub(super) about: &'static str,
    /// The run's conf.
    pub(super) conf: fn() -> Value,
    /// How it is to end.
    pub(super) ends: RunState,
    /// The task whose result is a table worth showing, with its columns.
    pub(super) report: Option<(&'static str, &'static [&'static str])>,
}

/// The columns of the weather report.
const MONTHS: &[&str] = &["month", "days", "mean_max", "mean_min", "rain_mm", "wet_days", "frost_days"];

/// The tenant whose data is real.
pub(super) const ACME: Tenant = Tenant {
    name: "acme",
    modules: &["hello", "etl", "flaky"],
    variables: &[("temperature_unit", "celsius")],
    connections: &[("reports", "reports.example.com")],
    runs: &[
        Run {
            dag: "hello",
            about: "greets Ada",
            conf: || json!({ "name": "Ada" }),
            ends: RunState::Success,
            report: None,
        },
        Run {
            dag: "etl",
            about: "four years of weather, by month; its delivery breaks off once and goes on where it was",
            conf: || serde_json::from_str(WEATHER).unwrap_or_default(),
            ends: RunState::Success,
            report: Some(("report", MONTHS)),
        },
        Run {
            dag: "flaky",
            about: "fails twice, then succeeds",
            conf: || json!({ "mode": "retry", "failures": 2 }),
            ends: RunState::Success,
            report: None,
        },
    ],
};

/// The tenant that must not see the other one's data.
pub(super) const GLOBEX: Tenant = Tenant {
    name: "globex",
    modules: &["hello", "flaky"],
    variables: &[],
    connections: &[],
    runs: &[
        Run {
            dag: "hello",
            about: "greets Grace",
            conf: || json!({ "name": "Grace" }),
            ends: RunState::Success,
            report: None,
        },
        Run {
            dag: "flaky",
            about: "fails for good, as it was told to",
            conf: || json!({ "mode": "fail" }),
            ends: RunState::Failed,
            report: None,
        },
    ],
};
