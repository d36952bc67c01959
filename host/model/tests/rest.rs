//! The shapes that Airflow's clients read: each is written once as JSON, and read back as the same.

use std::fmt::Debug;
use std::time::Duration;

use flow_model::rest::clearing::{ClearDagRun, ClearTaskInstances, TaskSelection};
use flow_model::rest::dag_runs::{DagRunPatch, TriggerDagRun};
use flow_model::rest::logs::LogMessage;
use flow_model::rest::tasks::TimeDelta;
use flow_model::rest::{Change, dag_runs, dags, task_instances, xcoms};
use flow_model::time::Millis;
use flow_model::work::{LogLevel, LogLine, LogSource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads `json` as a `T` and writes it again.
fn round_trip<T: Serialize + DeserializeOwned + Debug + PartialEq>(json: &Value) -> T {
    let read: T = serde_json::from_str(&json.to_string()).expect("it is well formed");
    assert_eq!(serde_json::to_value(&read).expect("it can be written"), *json);
    read
}

fn version() -> Value {
    json!({
        "id": "0193a5b0-0000-7000-8000-000000000001", "version_number": 2, "dag_id": "etl", "dag_display_name": "etl",
        "bundle_name": "shop", "bundle_version": "3", "bundle_url": null, "created_at": "2026-11-22T10:00:00Z",
    })
}

fn dag() -> Value {
    json!({
        "dag_id": "etl", "dag_display_name": "etl", "is_paused": false, "is_stale": false,
        "last_parsed_time": "2026-11-22T10:00:00Z", "last_parse_duration": null, "last_expired": null,
        "bundle_name": "shop", "bundle_version": "3", "relative_fileloc": "shop", "fileloc": "shop", "file_token": "shop",
        "description": null, "timetable_summary": "@daily", "timetable_description": null,
        "timetable_partitioned": false, "timetable_periodic": true, "is_backfillable": true, "allowed_run_types": ["manual"],
        "tags": [{"name": "sales", "dag_id": "etl", "dag_display_name": "etl"}],
        "max_active_tasks": 100_000, "max_active_runs": null, "max_consecutive_failed_dag_runs": 0,
        "has_task_concurrency_limits": false, "has_import_errors": false,
        "next_dagrun_logical_date": "2026-11-23T00:00:00Z", "next_dagrun_data_interval_start": "2026-11-23T00:00:00Z",
        "next_dagrun_data_interval_end": "2026-11-23T00:00:00Z", "next_dagrun_run_after": "2026-11-23T00:00:00Z",
        "owners": [],
    })
}

#[test]
fn a_dag_and_its_details_are_one_flat_object() {
    round_trip::<dags::Dag>(&dag());
    let mut details = dag();
    let more = json!({
        "catchup": false, "dag_run_timeout": null, "asset_expression": null, "doc_md": null,
        "start_date": "2026-01-01T00:00:00Z", "end_date": null, "is_paused_upon_creation": null, "params": {},
        "fail_fast": false, "active_runs_count": 1, "rerun_with_latest_version": false,
        "render_template_as_native_obj": false, "template_search_path": null, "timezone": "Europe/Amsterdam",
        "last_parsed": "2026-11-22T10:00:00Z", "default_args": null, "owner_links": null, "is_favorite": false,
        "concurrency": 100_000, "latest_dag_version": version(),
    });
    let members = details.as_object_mut().expect("it is an object");
    members.extend(more.as_object().expect("so is this").clone());
    round_trip::<dags::DagDetails>(&details);
}

#[test]
fn a_run_keeps_its_configuration_to_the_letter() {
    let run = r#"{"dag_run_id":"first","dag_id":"etl","dag_display_name":"etl","logical_date":null,
        "queued_at":"2026-11-22T10:00:00Z","start_date":"2026-11-22T10:00:00.500Z","end_date":null,"duration":null,
        "data_interval_start":null,"data_interval_end":null,"run_after":"2026-11-22T10:00:00Z",
        "last_scheduling_decision":null,"run_type":"manual","state":"running","triggered_by":"rest_api",
        "triggering_user_name":"ada","conf":{"b": 1.10, "a": 123456789012345678901234567890},"note":null,
        "dag_versions":[],"bundle_version":"3","partition_key":null}"#;
    let read: dag_runs::DagRun = serde_json::from_str(run).expect("it is well formed");
    let written = serde_json::to_string(&read).expect("it can be written");
    assert!(written.contains(r#""conf":{"b": 1.10, "a": 123456789012345678901234567890}"#), "{written}");
}

#[test]
fn an_xcom_keeps_its_value_to_the_letter() {
    let entry = r#"{"key":"return_value","timestamp":"2026-11-22T10:00:00Z","logical_date":null,"map_index":-1,
        "task_id":"a","task_display_name":"a","dag_id":"etl","dag_display_name":"etl","run_id":"first",
        "run_after":"2026-11-22T10:00:00Z","value":[1.0, 18446744073709551617]}"#;
    let read: xcoms::XcomEntry = serde_json::from_str(entry).expect("it is well formed");
    let written = serde_json::to_string(&read).expect("it can be written");
    assert!(written.ends_with(r#""value":[1.0, 18446744073709551617]}"#), "{written}");
}

#[test]
fn a_task_instance_that_waits_has_no_state() {
    let task = round_trip::<task_instances::TaskInstance>(&json!({
        "id": "0193a5b0-0000-7000-8000-000000000001/0", "task_id": "a", "dag_id": "etl", "dag_run_id": "first",
        "map_index": -1, "logical_date": null, "run_after": "2026-11-22T10:00:00Z", "start_date": null,
        "end_date": null, "duration": null, "state": null, "try_number": 0, "max_tries": 2, "task_display_name": "a",
        "dag_display_name": "etl", "hostname": null, "unixname": null, "pool": "default_pool", "pool_slots": 1,
        "queue": "default", "priority_weight": 1, "operator": null, "operator_name": null, "queued_when": null,
        "scheduled_when": null, "pid": null, "executor": null, "executor_config": "{}", "dag_version": version(),
        "error_class": "guest-bug", "error_message": "it trapped",
        "usage": {"cpu_us": 1, "wall_us": 2, "peak_memory_bytes": 3}, "note": null, "rendered_map_index": null,
        "rendered_fields": {}, "trigger": null, "triggerer_job": null, "progress": 0.5,
    }));
    assert_eq!(task.last_try.state, None);
}

#[test]
fn bodies_have_airflows_defaults() {
    let clear: ClearTaskInstances = serde_json::from_value(json!({"task_ids": ["a", ["b", 2]]})).expect("it is enough");
    assert!(clear.dry_run && clear.only_failed() && clear.reset_dag_runs && !clear.include_downstream);
    let b = "b".parse().expect("a task id");
    assert_eq!(clear.task_ids.expect("two")[1], TaskSelection::Instance(b, 2));
    let clear: ClearDagRun = serde_json::from_value(json!({})).expect("it is enough");
    assert!(clear.dry_run && !clear.only_failed);
    let trigger: TriggerDagRun = serde_json::from_value(json!({})).expect("even the logical date may be left out");
    assert_eq!(trigger, TriggerDagRun::default());
    let patch: DagRunPatch = serde_json::from_value(json!({"note": null})).expect("it is well formed");
    assert_eq!((patch.state, patch.note), (None, Change::To(None)));
    serde_json::from_value::<DagRunPatch>(json!({"state": "running"})).expect_err("nobody can make a run run");
    serde_json::from_value::<TriggerDagRun>(json!({"confg": {}})).expect_err("a slip of the pen is refused");
}

#[test]
fn spans_are_written_as_airflow_writes_them() {
    let span = TimeDelta::from(Duration::from_millis(86_400_000 * 2 + 3_661_005));
    let written = serde_json::to_value(span).expect("it can be written");
    assert_eq!(written, json!({"__type": "TimeDelta", "days": 2, "seconds": 3_661, "microseconds": 5_000}));
}

#[test]
fn fields_of_a_log_line_stand_beside_its_text_and_replace_nothing() {
    let line = LogLine {
        timestamp: Millis(0),
        level: LogLevel::Info,
        source: LogSource::Log,
        event: "read".to_owned(),
        fields: Some(json!({"rows": 3, "event": "forged"})),
    };
    let message = round_trip::<LogMessage>(&json!({
        "timestamp": "1970-01-01T00:00:00Z", "event": "read", "level": "info", "logger": "log", "rows": 3,
        "field.event": "forged",
    }));
    assert_eq!(LogMessage::from(line), message);
}
