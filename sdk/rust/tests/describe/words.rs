//! What a DAG as a whole can say.

use flow_sdk::prelude::*;

use crate::snapshot;

#[callback]
fn tell(channel: String) -> Result<(), String> {
    Err(channel)
}

#[task]
fn load(rows: Option<u32>, region: Option<String>) -> bool {
    rows.is_some() && region.is_some()
}

/// Loads what is there.
///
/// - each day
///   - and once more
#[dag(
    display_name = "Everything",
    owner = "ada",
    params(
        rows = param(10).title("Rows").description("How many").section("Size").minimum(1).maximum(100),
        region = param("eu").one_of(["eu", "us"]),
        name = "Ada",
        ratio = 0.5,
        quiet = false,
        since = flow_sdk::Param::required("string").schema("format", "date"),
        r#type = param(vec!["a", "b"])
    ),
    max_active_runs = 1,
    max_active_tasks = 4,
    max_consecutive_failed_dag_runs = 3,
    dagrun_timeout = "2h",
    fail_fast,
    is_paused_upon_creation,
    rerun_with_latest_version = true,
    allowed_run_types("manual", "backfill"),
    on_success = tell("team"),
    on_failure = tell("ops").retries(1),
    deadline = Deadline::after_start(Duration::from_hours(1)).name("late").on_miss(tell("ops")),
    deadline = Deadline::at(Timestamp::from_millis(1_798_761_600_000)),
    uses(variables("a"), connections("b"), dags("c"), assets("d"), origins("https://example.org"))
)]
fn words() {
    load(conf("rows"), conf("region"));
}

#[dag(doc_md = "Nothing to see.")]
/// This is not shown.
fn quiet() {
    load(1, None);
}

#[test]
fn a_dag_says_what_it_is() {
    snapshot("words", [words(), quiet()]);
}
