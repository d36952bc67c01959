//! What DAGs become: every kind of option, argument and edge, against the JSON that the host's model reads.

use std::time::Duration;

use flow_sdk::prelude::*;
use flow_sdk::{Dag, TriggerRule};
use serde_json::Value;

#[task]
fn extract(source: String) -> Result<Vec<f64>> {
    Ok(vec![source.parse()?])
}

#[task(retries = 3, retry_delay = "5s", timeout = "1m", uses(variables("unit", "rate_*"), connections("warehouse")))]
fn convert(value: Vec<f64>, factor: f64) -> Vec<f64> {
    value.into_iter().map(|v| v * factor).collect()
}

#[task]
fn join(parts: Vec<Vec<f64>>, title: Option<String>) -> usize {
    parts.len() + title.map_or(0, |title| title.len())
}

#[task(trigger_rule = "all_done", uses(dags("cleanup")))]
fn tidy_up(_total: Option<usize>) {}

#[dag(
    id = "shop.daily",
    description = "Sums up the day",
    tags("sales", "eu"),
    schedule = "0 6 * * *",
    timezone = "Europe/Amsterdam",
    start_date = "2026-01-31T00:00:00+01:00",
    end_date = "2026-12-31T00:00:00+01:00",
    catchup = true,
    uses(variables("currency"))
)]
fn shop() {
    let rows = extract("shop.csv");
    let parts: Vec<_> = (1..=2).map(|n| convert(rows, f64::from(n)).id(format!("convert_{n}"))).collect();
    let total = join(&parts, conf("title"));
    tidy_up(total).depends_on(rows).depends_on(parts);
}

#[dag(every = "1h30m", start_date = "2026-01-31")]
fn sensor() {
    let first = convert(vec![1.5], 2.0).retries(0).retry_delay(Duration::from_millis(250));
    convert(first, 3.0).timeout(Duration::from_secs(90)).trigger_rule(TriggerRule::AllDone);
    convert(first, 4.0).uses_variables(["extra"]);
}

#[dag]
fn by_hand() -> Result {
    for total in 0.."2".parse()? {
        tidy_up(Some(total));
    }
    Ok(())
}

#[test]
fn the_module_describes_itself_as_the_snapshot_says() {
    let described: Value =
        serde_json::from_str(&flow_sdk::describe().expect("every DAG can be drawn")).expect("the description is JSON");
    let snapshot: Value = serde_json::from_str(include_str!("snapshots/dags.json")).expect("the snapshot is JSON");
    assert_eq!(described, snapshot, "now: {described:#}");
}

/// The value at `pointer` of a drawn DAG.
fn at(dag: Result<Dag>, pointer: &str) -> Value {
    let json = serde_json::to_value(dag.expect("the DAG can be drawn")).expect("a DAG serialises");
    json.pointer(pointer).cloned().unwrap_or_default()
}

#[test]
fn repeated_calls_are_numbered_as_airflow_does() {
    for (index, id) in ["convert", "convert__1", "convert__2"].into_iter().enumerate() {
        assert_eq!(at(sensor(), &format!("/tasks/{index}/task_id")), id);
    }
}

#[test]
fn the_handles_of_a_task_draw_its_edges_even_if_it_is_named_later() {
    assert_eq!(at(shop(), "/tasks/3/arguments/0/outputs"), serde_json::json!(["convert_1", "convert_2"]));
    assert_eq!(at(shop(), "/tasks/4/depends_on"), serde_json::json!(["extract", "convert_1", "convert_2"]));
}

#[test]
fn a_task_s_body_is_an_ordinary_function() {
    assert_eq!(convert::body(vec![1.0, 2.0], 3.0), [3.0, 6.0]);
    assert!(extract::body("many".to_owned()).is_err());
}

#[test]
#[should_panic(expected = "outside of a #[dag] function")]
fn a_task_cannot_be_drawn_into_nothing() {
    tidy_up(None);
}
