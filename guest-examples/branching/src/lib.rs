//! Ways to leave tasks out, by the run's conf, such as `{"rows": 5, "publish": false}`.
//!
//! ```text
//! choose ─┬─ load_all ──┐
//!         ├─ load_some ─┼─ join ── worth_it ── report ── archive
//!         └─ complain ──┘
//! latest_only ── announce
//! ```

use flow_sdk::prelude::*;

/// Names what goes on; what else follows it directly is skipped.
#[task]
fn choose(rows: Option<u32>) -> Branch {
    match rows.unwrap_or(5) {
        0 => Branch::to(complain::ID),
        1..=100 => Branch::to_all([load_all::ID, load_some::ID]),
        _ => Branch::to(load_some::ID),
    }
}

#[task]
fn load_all(rows: Option<u32>) -> u32 {
    rows.unwrap_or(5)
}

#[task]
fn load_some(rows: Option<u32>) -> u32 {
    rows.map_or(5, |rows| rows.min(100))
}

#[task]
fn complain() -> Result<u32> {
    Err(skip("there is nothing to complain to"))
}

/// Runs whichever way was taken, unless none was: what a way that was left out would have returned is `None`.
#[task(trigger_rule = "none_failed_min_one_success")]
fn join(loaded: Vec<Option<u32>>) -> u32 {
    loaded.into_iter().flatten().sum()
}

/// `false` skips everything downstream, even what runs at any event.
#[task(short_circuit)]
fn worth_it(loaded: u32, publish: Option<bool>) -> bool {
    loaded > 0 && publish.unwrap_or(true)
}

#[task]
fn report(loaded: u32) -> String {
    format!("loaded {loaded} rows")
}

#[dag(description = "Leaves tasks out, by conf", tags("example"))]
fn branching() {
    let chosen = choose(conf("rows"));
    let ways = [load_all(conf("rows")), load_some(conf("rows")), complain()].map(|way| way.depends_on(chosen));
    let loaded = join(ways);
    let reported = report(loaded).depends_on(worth_it(loaded, conf("publish")));
    empty("archive").depends_on(reported).trigger_rule(TriggerRule::AllDone);
    empty("announce").depends_on(latest_only());
}
