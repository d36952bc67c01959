//! What the Rust SDK says of DAGs is what the model reads. The SDK's own tests hold it to the same file.

use flow_model::dag::{Argument, DagSpec, ScheduleSpec};

#[test]
fn the_model_reads_what_the_rust_sdk_describes() {
    let dags: Vec<DagSpec> = serde_json::from_str(include_str!("../../../sdk/rust/tests/snapshots/dags.json"))
        .expect("the model knows every key that the SDK writes");
    let ids: Vec<&str> = dags.iter().map(|dag| dag.dag_id.as_str()).collect();
    assert_eq!(ids, ["shop.daily", "sensor", "by_hand"]);
    assert_eq!(dags[1].schedule, Some(ScheduleSpec::Interval { every_ms: 5_400_000 }));
    assert_eq!(dags[0].tasks[3].arguments[1], Argument::Conf("title".to_owned()));
    let upstream: Vec<&str> = dags[0].tasks[3].upstream().into_iter().map(flow_model::ids::TaskId::as_str).collect();
    assert_eq!(upstream, ["convert_1", "convert_2"]);
}
