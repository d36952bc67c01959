//! What DAGs become, against snapshots of the JSON; a test of the host's model reads the same snapshots.

#![expect(clippy::unnecessary_wraps, reason = "a task may be fallible for the sake of its signature")]

mod assets;
mod branching;
mod groups;
mod limits;
mod mapping;
mod mistakes;
mod schedules;
mod waiting;
mod words;

use std::path::Path;

use flow_sdk::Dag;
use flow_sdk::prelude::*;
use serde_json::Value;

/// Holds what DAGs say of themselves against `snapshots/NAME.json`, which `FLOW_ACCEPT=1` replaces.
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether to accept what has changed")]
fn snapshot(name: &str, dags: impl IntoIterator<Item = Result<Dag>>) {
    let dags: Vec<Dag> = dags.into_iter().map(|dag| dag.expect("the DAG can be drawn")).collect();
    let drawn = serde_json::to_value(dags).expect("DAGs serialise");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name).with_extension("json");
    if std::env::var_os("FLOW_ACCEPT").is_some() {
        std::fs::write(&path, format!("{drawn:#}\n")).expect("the snapshot can be written");
    }
    let text = std::fs::read_to_string(&path).expect("the snapshot can be read");
    let accepted: Value = serde_json::from_str(&text).expect("the snapshot is JSON");
    assert_eq!(accepted, drawn, "{name}.json is not what the DAGs say; accept it with FLOW_ACCEPT=1");
}

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

#[dag(id = "sensor", every = "1h30m", start_date = "2026-01-31")]
fn sensor_like() {
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
fn a_plain_dag_says_what_it_is() {
    snapshot("dags", [shop(), sensor_like(), by_hand()]);
}

#[test]
fn a_module_describes_its_dags_in_the_order_of_its_source() {
    let described: Vec<Value> =
        serde_json::from_str(&flow_sdk::describe().expect("every DAG can be drawn")).expect("it is an array");
    let ids: Vec<&str> = described.iter().filter_map(|dag| dag["dag_id"].as_str()).collect();
    let here: Vec<&str> = ids.into_iter().filter(|id| ["shop.daily", "sensor", "by_hand"].contains(id)).collect();
    assert_eq!(here, ["shop.daily", "sensor", "by_hand"]);
}

/// The value at `pointer` of a drawn DAG.
fn at(dag: Result<Dag>, pointer: &str) -> Value {
    let json = serde_json::to_value(dag.expect("the DAG can be drawn")).expect("a DAG serialises");
    json.pointer(pointer).cloned().unwrap_or_default()
}

#[test]
fn repeated_calls_are_numbered_as_airflow_does() {
    for (index, id) in ["convert", "convert__1", "convert__2"].into_iter().enumerate() {
        assert_eq!(at(sensor_like(), &format!("/tasks/{index}/task_id")), id);
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
