//! What tasks read and update.

use flow_sdk::Outlet;
use flow_sdk::prelude::*;
use serde_json::json;

use crate::snapshot;

fn orders() -> Asset {
    asset("orders").uri("s3://lake/orders").group("sales").extra(json!({"owner": "ada"}))
}

#[task(outlets(orders(), alias("late").group("sales")), inlets("prices"))]
fn load() {}

#[task]
fn report(context: &Context) -> Result<usize> {
    Ok(context.triggering_events()?.len())
}

#[dag]
fn assets_of_tasks() {
    load();
    report().inlet(orders()).outlet("report").outlet(Outlet::from(asset("archive")));
}

#[test]
fn tasks_say_what_they_touch() {
    snapshot("assets", [assets_of_tasks()]);
}

#[test]
fn a_run_knows_the_events_it_was_made_for() {
    let events = json!([
        {"asset": {"name": "orders", "uri": "s3://lake/orders"}, "timestamp": "2026-01-31T08:00:00.5Z",
         "extra": {"rows": 3}, "source_dag_id": "load", "source_map_index": -1},
        {"asset": {"name": "prices", "uri": "prices"}, "timestamp": "2026-01-31T08:00:00Z"},
    ]);
    let context = Context { triggering_events_json: events.to_string(), ..Context::default() };
    let events = context.triggering_events().expect("they are events");
    assert_eq!((events[0].asset.name.as_str(), events[0].asset.uri.as_str()), ("orders", "s3://lake/orders"));
    assert_eq!(events[0].read::<std::collections::BTreeMap<String, u32>>().expect("it has rows")["rows"], 3);
    assert_eq!((events.len(), report::body(&context), report::body(&Context::default())), (2, Ok(2), Ok(0)));
}
