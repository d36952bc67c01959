//! How much may happen at once, and in which order. The pool `crm` has to exist; `{"hold_ms": 200}` makes each task take
//! a while.
//!
//! | task | at once |
//! |---|---|
//! | `call` | as many as the pool `crm` has slots |
//! | `export` | one in a run, and two slots of the pool |
//! | `index` | one in all runs together, and only after its own success in the run before |
//! | all of them | four in a run, two runs |
//!
//! In `limits_order` three tasks wait for slots of `crm` at once; their weights say who goes first.

use flow_sdk::prelude::*;

fn hold(hold_ms: Option<u64>) {
    std::thread::sleep(Duration::from_millis(hold_ms.unwrap_or(0)));
}

/// Calls a customer: those with a greater weight first, where slots are scarce.
#[task(pool = "crm", weight_rule = "absolute")]
fn call(customer: i32, hold_ms: Option<u64>) -> i32 {
    hold(hold_ms);
    customer
}

#[task(pool = "crm", pool_slots = 2, max_active_tis_per_dagrun = 1)]
fn export(part: u32, hold_ms: Option<u64>) -> u32 {
    hold(hold_ms);
    part
}

#[task(max_active_tis_per_dag = 1, depends_on_past)]
fn index(parts: Vec<u32>, hold_ms: Option<u64>) -> usize {
    hold(hold_ms);
    parts.len()
}

#[dag(description = "Limits of many kinds", tags("example"), max_active_runs = 2, max_active_tasks = 4)]
fn limits() {
    for customer in 1..=4 {
        call(customer, conf("hold_ms")).id(format!("call_{customer}")).priority_weight(10 * customer);
    }
    index(export(each(1..=3), conf("hold_ms")), conf("hold_ms"));
}

/// Each of them weighs 1 by itself. What is added is up to its rule.
#[dag(description = "Weights that add up in three ways", tags("example"))]
fn limits_order() {
    let start = (empty("start"), empty("beside"));
    call(1, None).id("alone").weight_rule(WeightRule::Absolute).depends_on(start);
    call(2, None).id("after_two").weight_rule(WeightRule::Upstream).depends_on(start);
    let first = call(3, None).id("before_three").weight_rule(WeightRule::Downstream).depends_on(start);
    for n in 1..=3 {
        empty(format!("last_{n}")).depends_on(first);
    }
}
