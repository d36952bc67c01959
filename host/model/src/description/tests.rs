//! Every mistake that a description can hold, with the exact answer.

use serde_json::{Value, json};

use super::*;

fn refusal(dags: &Value) -> String {
    let policy = Policy { forbid_wildcards: true };
    read(&dags.to_string(), &Quota::default(), &policy).expect_err("a mistake").0
}

fn task(id: &str, more: &Value) -> Value {
    let mut task = json!({"task_id": id, "function": "f"});
    task.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    task
}

/// A DAG `d` of one task `t`, with `more` members of the DAG or of the task.
fn dag(more: &Value) -> Value {
    let mut dag = json!({"dag_id": "d", "tasks": [task("t", &json!({}))]});
    dag.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!([dag])
}

fn with_task(more: &Value) -> Value {
    dag(&json!({"tasks": [task("t", more)]}))
}

#[test]
fn a_good_description_is_read_in_order() {
    let dags = json!([
        {"dag_id": "b", "tasks": [task("t", &json!({"retries": 3}))]},
        {"dag_id": "a", "schedule": {"cron": {"expression": "@daily"}}, "tasks": [task("t", &json!({}))]},
    ]);
    let graphs = read(&dags.to_string(), &Quota::default(), &Policy::default()).expect("no mistake");
    let names: Vec<&str> = graphs.iter().map(|graph| graph.spec().dag_id.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn every_mistake_is_named() {
    let long = "x".repeat(300);
    for (dags, expected) in [
        (json!([]), "the module describes no DAGs; give it at least one"),
        (dag(&json!({"tasks": []})), r#"DAG "d": it has no tasks; give it at least one"#),
        (json!([dag(&json!({}))[0], dag(&json!({}))[0]]), r#"DAG "d" is described twice; DAG ids are unique"#),
        (
            dag(&json!({"dag_id": "../d"})),
            r#"DAG "../d": DAG id "../d" is not valid: use 1 to 250 of the characters A-Z a-z 0-9 _ . -, and not only dots"#,
        ),
        (
            dag(&json!({"dag_id": "d\u{0}"})),
            r#"DAG "d\0": DAG id "d\0" is not valid: use 1 to 250 of the characters A-Z a-z 0-9 _ . -, and not only dots"#,
        ),
        (
            dag(&json!({"dag_id": "🚀"})),
            r#"DAG "🚀": DAG id "🚀" is not valid: use 1 to 250 of the characters A-Z a-z 0-9 _ . -, and not only dots"#,
        ),
        (
            dag(&json!({"dag_id": long})),
            r#"DAG number 1: DAG id "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" is not valid: use 1 to 250 of the characters A-Z a-z 0-9 _ . -, and not only dots"#,
        ),
        (
            dag(&json!({"tasks": [task("a/b", &json!({}))]})),
            r#"DAG "d", task "a/b": task id "a/b" is not valid: use 1 to 250 of the characters A-Z a-z 0-9 _ . -, and not only dots"#,
        ),
        (
            dag(&json!({"tasks": [{"task_id": "t"}]})),
            r#"DAG "d": task "t": its function is not valid: use 1 to 250 bytes without control characters"#,
        ),
        (dag(&json!({"tasks": [{"function": "f"}]})), r#"DAG "d", task number 1: missing field `task_id`"#),
        (json!([{"tasks": []}]), "DAG number 1: missing field `dag_id`"),
        (json!([7]), "DAG number 1: invalid type: integer `7`, expected struct DagSpec"),
        (with_task(&json!({"depends_on": ["t"]})), r#"DAG "d": task "t" depends on itself"#),
        (
            dag(
                &json!({"tasks": [task("a", &json!({"depends_on": ["b"]})), task("b", &json!({"depends_on": ["a"]}))]}),
            ),
            r#"DAG "d": its tasks form a cycle: a -> b -> a"#,
        ),
        (
            dag(&json!({"tasks": [task("t", &json!({})), task("t", &json!({}))]})),
            r#"DAG "d": task id "t" is used twice; task ids are unique within a DAG"#,
        ),
    ] {
        assert_eq!(refusal(&dags), expected);
    }
}

#[test]
fn what_is_out_of_range_is_named() {
    for (dags, expected) in [
        (with_task(&json!({"retries": 10_001})), r#"DAG "d": task "t": retries is 10001; at most 10000 is allowed"#),
        (
            with_task(&json!({"retry_delay_ms": 2_592_000_001_u64})),
            r#"DAG "d": task "t": retry_delay_ms is 2592000001; at most 2592000000 is allowed"#,
        ),
        (
            with_task(&json!({"execution_timeout_ms": 0})),
            r#"DAG "d": task "t": execution_timeout_ms is 0; leave it out for the tenant's limit"#,
        ),
        (
            with_task(&json!({"uses": {"variables": ["a*"]}})),
            r#"DAG "d": task "t": uses.variables holds "a*", and this tenant's policy forbids wildcards; name each one"#,
        ),
        (
            dag(&json!({"schedule": {"cron": {"expression": "@daily", "timezone": "Mars/Olympus"}}})),
            r#"DAG "d": unknown time zone "Mars/Olympus"; use an IANA name such as Europe/Amsterdam or UTC"#,
        ),
        (
            dag(&json!({"start_date": "2026-02-01T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"})),
            r#"DAG "d": its end_date is before its start_date"#,
        ),
        (
            dag(&json!({"tags": ["a\nb"]})),
            r#"DAG "d": tag "a\nb" is not valid: use 1 to 100 bytes without control characters"#,
        ),
    ] {
        assert_eq!(refusal(&dags), expected);
    }
}

#[test]
fn bad_schedules_are_named() {
    for expression in ["61 * * * *", "0 0 30 2 *", "every day"] {
        let refused = refusal(&dag(&json!({"schedule": {"cron": {"expression": expression}}})));
        assert!(refused.starts_with(&format!("DAG \"d\": cron expression {expression:?}: ")), "{refused}");
    }
}

#[test]
fn a_hundred_thousand_and_one_tasks_are_too_many() {
    let tasks: Vec<Value> = (0..100_001).map(|n| task(&format!("t{n}"), &json!({}))).collect();
    assert_eq!(refusal(&dag(&json!({"tasks": tasks}))), r#"DAG "d": it has 100001 tasks; at most 100000 are allowed"#);
}

#[test]
fn what_is_not_json_is_refused() {
    let refused = read("not json", &Quota::default(), &Policy::default()).expect_err("a mistake");
    assert_eq!(
        refused.0,
        "the description of the module's DAGs is not a JSON array: expected ident at line 1 column 2"
    );
}

#[test]
fn what_follows_from_runs_and_tasks_is_checked() {
    for (dags, expected) in [
        (
            dag(&json!({"max_active_runs": 0})),
            r#"DAG "d": its max_active_runs is 0, so that nothing of it would ever run; use at least 1"#,
        ),
        (
            dag(&json!({"groups": [{"group_id": "g", "max_active_tis": 0}]})),
            r#"DAG "d": group "g": its max_active_tis is 0, so that nothing of it would ever run; use at least 1"#,
        ),
        (
            with_task(&json!({"pool_slots": 0})),
            r#"DAG "d": task "t": its pool_slots is 0, so that nothing of it would ever run; use at least 1"#,
        ),
        (dag(&json!({"dagrun_timeout_ms": 0})), r#"DAG "d": its dagrun_timeout_ms is 0; leave it out for none"#),
        (
            dag(&json!({"callbacks": [{"on": "on_retry", "function": "f"}]})),
            r#"DAG "d": it has a callback after on_retry; use one of: on_success, on_failure"#,
        ),
        (
            with_task(&json!({"callbacks": [{"on": "deadline_missed", "function": "f"}]})),
            "DAG \"d\": task \"t\": it has a callback after deadline_missed; use one of: on_execute, on_success, on_failure, \
             on_retry, on_skipped",
        ),
        (
            with_task(&json!({"callbacks": [{"on": "on_failure", "function": ""}]})),
            "DAG \"d\": task \"t\": the function of a callback is not valid: use 1 to 250 bytes without control characters",
        ),
        (
            dag(&json!({"deadlines": [
                {"reference": {"average_runtime": {"max_runs": 2, "min_runs": 3}}, "interval_ms": 1},
            ]})),
            "DAG \"d\": a deadline looks at no runs, or at fewer than it needs; use max_runs of at least 1 and of at least \
             min_runs",
        ),
        (
            dag(&json!({"display_name": "a\nb"})),
            r#"DAG "d": its display_name is not valid: use 1 to 250 bytes without control characters"#,
        ),
        (
            dag(
                &json!({"schedule": {"interval": {"every_ms": 1000}}, "params": {"n": {"schema": {"type": "integer"}}}}),
            ),
            "DAG \"d\": param \"n\": its default does not fit: null is not of type \"integer\"; a DAG with a schedule needs \
             defaults that fit: {\"type\":\"integer\"}",
        ),
    ] {
        assert_eq!(refusal(&dags), expected);
    }
}
