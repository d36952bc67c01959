//! Every bad DAG, with the exact answer. Nothing of such an upload takes effect.

use flow_model::rest::import_errors::ImportErrorFilter;
use flow_test_support::on_both;
use serde_json::{Value, json};

use crate::house::{House, page};

const ACCEPTED: &str = "is not valid: use 1 to 250 of the characters A-Z a-z 0-9 _ . -, and not only dots";

const FIELDS: &str = "a cron expression has five fields (minute hour day-of-month month day-of-week) or is a preset \
    such as @daily";

fn task(id: &str, upstream: &[&str]) -> Value {
    json!({"task_id": id, "function": "f", "depends_on": upstream})
}

fn dag(id: &str, tasks: &[Value]) -> Value {
    json!([{"dag_id": id, "tasks": tasks}])
}

fn waits_for(until: &Value) -> Value {
    json!({"task_id": "a", "native": {"wait": {"until": until}}})
}

fn scheduled(expression: &str, timezone: &str) -> Value {
    let mut dags = dag("d", &[task("t", &[])]);
    dags[0]["schedule"] = json!({"cron": {"expression": expression, "timezone": timezone}});
    dags
}

fn mistakes() -> Vec<(Value, String)> {
    let many: Vec<Value> = (0..100_001).map(|n| json!({"task_id": format!("t{n}"), "function": "f"})).collect();
    let long = "x".repeat(300);
    let of_dags = vec![
        (json!([]), "the module describes no DAGs; give it at least one".to_owned()),
        (dag("d", &[]), r#"DAG "d": it has no tasks; give it at least one"#.to_owned()),
        (
            dag("d", &[task("a", &["c"]), task("b", &["a"]), task("c", &["b"])]),
            r#"DAG "d": its tasks form a cycle: a -> b -> c -> a"#.to_owned(),
        ),
        (dag("d", &[task("a", &["a"])]), r#"DAG "d": task "a" depends on itself"#.to_owned()),
        (
            dag("d", &[task("a", &[]), task("a", &[])]),
            r#"DAG "d": task id "a" is used twice; task ids are unique within a DAG"#.to_owned(),
        ),
        (
            json!([dag("d", &[task("a", &[])])[0], dag("d", &[task("b", &[])])[0]]),
            r#"DAG "d" is described twice; DAG ids are unique"#.to_owned(),
        ),
        (dag("d", &[task("a", &["x"])]), r#"DAG "d": task "a" depends on "x", which is not in the DAG"#.to_owned()),
        (dag("d", &many), r#"DAG "d": it has 100001 tasks; at most 100000 are allowed"#.to_owned()),
        (dag("../d", &[task("a", &[])]), format!(r#"DAG "../d": DAG id "../d" {ACCEPTED}"#)),
        (dag("d\u{0}", &[task("a", &[])]), format!(r#"DAG "d\0": DAG id "d\0" {ACCEPTED}"#)),
        (dag("🚀", &[task("a", &[])]), format!(r#"DAG "🚀": DAG id "🚀" {ACCEPTED}"#)),
        (dag(&long, &[task("a", &[])]), format!("DAG number 1: DAG id {:?} {ACCEPTED}", "x".repeat(40))),
        (dag("d", &[task("../a", &[])]), format!(r#"DAG "d", task "../a": task id "../a" {ACCEPTED}"#)),
        (
            scheduled("@daily", "Mars/Olympus"),
            r#"DAG "d": unknown time zone "Mars/Olympus"; use an IANA name such as Europe/Amsterdam or UTC"#.to_owned(),
        ),
        cron("0 0 30 2 *", "it never fires: no month has such a day"),
        cron("61 * * * *", r#""61" is not valid for minute: use numbers from 0 to 59"#),
        cron("* * *", &format!("{FIELDS}, not 3 fields")),
        cron("tomorrow", &format!("{FIELDS}, not 1 fields")),
    ];
    [of_dags, unserved()].concat()
}

/// DAGs that ask for what their module does not export, or does not declare.
fn unserved() -> Vec<(Value, String)> {
    vec![
        (
            json!([{"dag_id": "d", "schedule": {"custom": {"timetable": "tides"}}, "tasks": [task("a", &[])]}]),
            "DAG \"d\": its schedule is timetable \"tides\", but the module does not export `timetables`: export it, or \
             leave that out"
                .to_owned(),
        ),
        (
            json!([{"dag_id": "d", "tasks": [waits_for(&json!({"trigger": {"name": "landed"}}))]}]),
            "DAG \"d\": task \"a\" waits for a trigger, but the module does not export `triggers`: export it, or leave that \
             out"
                .to_owned(),
        ),
        (
            json!([{"dag_id": "d", "tasks": [{"task_id": "a", "function": "f", "retry_policy": "patient"}]}]),
            "DAG \"d\": task \"a\" has a retry policy, but the module does not export `retry-policies`: export it, or leave \
             that out"
                .to_owned(),
        ),
        (
            json!([{"dag_id": "d", "callbacks": [{"on": "on_success", "function": "tell"}], "tasks": [task("a", &[])]}]),
            "DAG \"d\": it has a callback, but the module does not export `callbacks`: export it, or leave that out".to_owned(),
        ),
        (
            json!([{"dag_id": "d", "tasks": [waits_for(&json!({"http": {"url": "https://api.example/ready"}}))]}]),
            "DAG \"d\": task \"a\": it waits for origin \"https://api.example\" and does not declare that it uses it: add it \
             to `uses.origins`"
                .to_owned(),
        ),
        (
            json!([{"dag_id": "d", "tasks": [{"task_id": "a", "native": {"wait": {"until": {"run": {"dag_id": "x"}}}}}]}]),
            "DAG \"d\": task \"a\": it waits for DAG \"x\" and does not declare that it uses it: add it to `uses.dags`"
                .to_owned(),
        ),
        (
            json!([{"dag_id": "d", "tasks": [
                {"task_id": "a", "native": {"human_input": {"subject": "Well?", "options": []}}},
            ]}]),
            "DAG \"d\": task \"a\": it has no options; give at least one".to_owned(),
        ),
    ]
}

/// A cron expression that is refused, and why.
fn cron(expression: &str, reason: &str) -> (Value, String) {
    (scheduled(expression, "UTC"), format!(r#"DAG "d": cron expression "{expression}": {reason}"#))
}

on_both! {
    async fn every_bad_dag_is_named_and_nothing_is_half_written(db: TestStore) {
        let house = House::open(db).await;
        for (dags, expected) in mistakes() {
            assert_eq!(house.refusal(&house.ada, "m", &dags).await, expected);
        }
        let usage = house.broker.tenant_usage(&house.ada.tenant).await.expect("its usage");
        assert_eq!((usage.modules, usage.dags), (1, 0), "the module is there for its import error, without a DAG");
        let errors = house.broker.import_errors(&house.ada.tenant, &ImportErrorFilter::default(), &page(50, 0, &[])).await.expect("a list");
        assert_eq!(errors.total, 1, "a module has one import error, that of its newest version");
    }

    async fn a_policy_can_forbid_wildcards(db: TestStore) {
        let house = House::open(db).await;
        let policy = json!({"forbid_wildcards": true}).as_object().expect("an object").clone();
        house.broker.patch_policy(&house.platform, &house.ada.tenant, policy).await.expect("a policy");
        let mut dags = dag("d", &[task("t", &[])]);
        dags[0]["tasks"][0]["uses"] = json!({"connections": ["*"]});
        assert_eq!(
            house.refusal(&house.ada, "m", &dags).await,
            r#"DAG "d": task "t": uses.connections holds "*", and this tenant's policy forbids wildcards; name each one"#
        );
        house.accept(&house.eve, "m", &dags).await;
    }
}
