//! The examples of the Rust SDK: what it exports, and how its tasks end, as the host gets to see it.

use std::sync::Arc;

use flow_model::call::Call;
use flow_model::description;
use flow_model::port::Report;
use flow_model::quota::{Policy, Quota};
use flow_model::time::Millis;
use flow_model::timetable::{DataInterval, Restriction};
use flow_model::work::{AttemptEnd, DeferTrigger, ErrorClass, Job, Resume, RetryDecision, TaskContext, TimetableQuery};
use serde_json::{Value, json};

use crate::support::guests::example;
use crate::support::stage::{NOW, Stage, attempt, failure, task};
use crate::support::world::World;

const EXAMPLES: &[&str] =
    &["assets", "branching", "callbacks", "groups", "limits", "mapping", "retries", "timetable", "waiting"];

/// How a job of an example ends, and what it asked for meanwhile.
async fn run(stage: &Stage, name: &str, job: Job) -> (Report, Vec<Call>) {
    let world = Arc::<World>::default();
    let module = stage.module(example(name)).await;
    let report = stage.run(attempt(module, job, &world)).await;
    let calls = std::mem::take(&mut *world.calls.lock().expect("nobody panicked"));
    (report, calls)
}

/// How a task of an example ends, from its begin or from where it resumes.
async fn end_of(stage: &Stage, function: &str, arguments: Value, resume: Option<Resume>) -> AttemptEnd {
    let Job::Task(context) = task(function, &arguments.to_string()) else { panic!("it is a task") };
    let (name, _) = function.split_once("::").expect("it has a path");
    run(stage, name, Job::Task(Box::new(TaskContext { resume, ..*context }))).await.0.end
}

#[tokio::test]
async fn every_example_describes_dags_that_the_model_accepts() {
    let stage = Stage::new();
    for name in EXAMPLES {
        let (report, _) = run(&stage, name, Job::Parse { now: NOW }).await;
        let AttemptEnd::Parsed { dags } = report.end else { panic!("{name}: {report:?}") };
        let graphs = description::read(&dags, &Quota::default(), &Policy::default()).expect(name);
        assert_eq!(graphs[0].spec().dag_id.as_str(), *name);
    }
}

#[tokio::test]
async fn a_task_decides_what_goes_on() {
    let stage = Stage::new();
    let end = end_of(&stage, "branching::choose", json!([5]), None).await;
    let follow = vec!["load_all".to_owned(), "load_some".to_owned()];
    assert_eq!(end, AttemptEnd::Branch { follow, value: Some(r#"["load_all","load_some"]"#.to_owned()) });
    let end = end_of(&stage, "branching::worth_it", json!([0, null]), None).await;
    assert_eq!(end, AttemptEnd::ShortCircuit { value: None });
    let end = end_of(&stage, "branching::complain", json!([]), None).await;
    assert_eq!(end, AttemptEnd::Skipped { reason: "there is nothing to complain to".to_owned() });
}

#[tokio::test]
async fn a_task_waits_and_goes_on() {
    let stage = Stage::new();
    let AttemptEnd::Deferred(deferral) = end_of(&stage, "waiting::run_job", json!([2]), None).await else {
        panic!("it waits")
    };
    let DeferTrigger::Guest { trigger, kwargs } = deferral.trigger else { panic!("for a trigger of its own") };
    assert_eq!((trigger.as_str(), deferral.resume_key.as_str()), ("waiting::job_ended", "ended"));
    assert_eq!((kwargs.as_str(), deferral.timeout_ms), (r#"{"job":"job-1","looks":2}"#, Some(300_000)));
    let (looked, calls) = run(&stage, "waiting", Job::Trigger { trigger, kwargs }).await;
    assert!(failure(&looked).message.contains("quota"), "the stage refuses to remember anything: {looked:?}");
    assert!(matches!(calls[..], [Call::StateGet { .. }]));
    let resume = |event| Some(Resume { key: "ended".into(), event });
    let end = end_of(&stage, "waiting::run_job", json!([2]), resume(Ok("\"job-1 ended\"".into()))).await;
    assert_eq!(end, AttemptEnd::Success { value: Some("\"job-1 ended\"".into()) });
    let end = end_of(&stage, "waiting::run_job", json!([2]), resume(Err("it took too long".into()))).await;
    assert_eq!(end.failure().map(|failure| failure.message.as_str()), Some("it took too long"));
}

#[tokio::test]
async fn a_policy_judges_the_kind_of_a_failure() {
    let stage = Stage::new();
    for (kind, expected) in [
        ("RateLimited", RetryDecision::Retry { delay_ms: Some(100), reason: None }),
        ("InvalidInput", RetryDecision::Fail { reason: Some("bad input stays bad".to_owned()) }),
        ("Odd", RetryDecision::Default),
    ] {
        let Job::Task(context) = task("retries::fetch", &json!([kind, 2]).to_string()) else { panic!("it is a task") };
        let context = TaskContext { retry_policy: Some("retries::by_kind".into()), ..*context };
        let (report, _) = run(&stage, "retries", Job::Task(Box::new(context))).await;
        assert_eq!((failure(&report).class, report.retry), (ErrorClass::Error, Some(expected)));
    }
}

#[tokio::test]
async fn a_timetable_leaves_holidays_out() {
    let instant = |text: &str| text.parse::<Millis>().expect("an instant");
    let query = TimetableQuery {
        timetable: "timetable::workdays".into(),
        params: json!({"holidays": ["2026-01-01"]}).to_string(),
        last: None,
        restriction: Restriction { earliest: Some(instant("2026-01-01T00:00:00Z")), latest: None, catchup: true },
        now: NOW,
    };
    let (report, _) = run(&Stage::new(), "timetable", Job::Timetable(query)).await;
    let AttemptEnd::NextRun(Some(next)) = report.end else { panic!("there is a run: {report:?}") };
    let friday = DataInterval { start: instant("2026-01-02T00:00:00Z"), end: instant("2026-01-03T00:00:00Z") };
    assert_eq!((next.interval, next.run_after), (friday, friday.end));
}

#[tokio::test]
async fn a_callback_hears_what_happened() {
    let event = json!({"on": "on_failure", "dag_id": "callbacks", "run_id": "r", "task_id": "work", "timestamp": NOW});
    let job = Job::Callback {
        function: "callbacks::tell".into(),
        arguments: json!({"channel": "failure"}).to_string(),
        event: event.to_string(),
    };
    let (report, calls) = run(&Stage::new(), "callbacks", job).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
    let [Call::VariableSet { key, value }] = &calls[..] else { panic!("it notes one thing: {calls:?}") };
    assert_eq!((key.as_str(), value.as_str()), ("callbacks_failure", "on_failure of work"));
}

#[tokio::test]
async fn an_update_says_of_which_part_it_is() {
    let arguments = json!([3, "2026-01-31"]).to_string();
    let (report, calls) = run(&Stage::new(), "assets", task("assets::load_orders", &arguments)).await;
    assert_eq!(report.end, AttemptEnd::Success { value: None });
    let [Call::AssetEmit { asset, extra, alias: None, partition_key }] = &calls[..] else {
        panic!("it updates one asset: {calls:?}")
    };
    assert_eq!(serde_json::to_value(asset).expect("a name"), "orders");
    assert_eq!(extra.as_deref(), Some(r#"{"rows":3}"#));
    assert_eq!(serde_json::to_value(partition_key).expect("a key"), "2026-01-31");
}
