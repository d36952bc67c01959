//! The broker's contract: what a worker may rely on, whichever door it came through.
//!
//! Each of these is one test. The room that has a door runs them all over it.

use std::time::Duration;

use flow_broker::GRANT_LIFE;
use flow_model::call::{Call, CallError, Reply};
use flow_model::ids::{AttemptId, JobId};
use flow_model::port::{Broker, BrokerError, ClaimRequest, Renewal, Report, TenantScope};
use flow_model::rest::PageRequest;
use flow_model::rest::jobs::JobFilter;
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::{AttemptEnd, ErrorClass, Job, LogLevel, LogLine, LogSource, TaskContext, Usage, Work};
use serde_json::json;

use crate::stage::{LEASE, Stage, fails, returns, spec};

fn context(work: &Work) -> &TaskContext {
    match &work.job {
        Job::Task(context) => context,
        Job::Parse { .. } | Job::Trigger { .. } | Job::Http { .. } | Job::Timetable(_) | Job::Callback { .. } => {
            panic!("it is a task")
        }
    }
}

fn fenced<T: std::fmt::Debug>(answer: Result<T, BrokerError>, attempt: AttemptId) {
    assert_eq!(answer.expect_err("it is fenced"), BrokerError::Fenced(attempt));
}

/// A task gets its arguments with the results of upstream tasks in place, and its own result is handed on.
pub async fn results_become_arguments<B: Broker>(stage: Stage<B>) {
    let dag = stage
        .know(spec(json!({"dag_id": "sum", "tasks": [
            {"task_id": "one", "function": "one"},
            {"task_id": "two", "function": "two", "arguments": [{"literal": {"b": [1]}}, {"conf": "day"}]},
            {"task_id": "sum", "function": "sum", "arguments": [
                {"output": "one"}, {"outputs": ["two", "one"]}, {"conf": "none"}
            ]},
        ]})))
        .await;
    let body = serde_json::from_value(json!({"conf": {"day": "monday"}})).expect("a body");
    let run = stage.trigger_with(&dag, body).await;
    let first = stage.claim(16).await;
    assert_eq!(context(&first[0]).arguments, "[]");
    assert_eq!(context(&first[1]).arguments, r#"[{"b":[1]},"monday"]"#);
    assert_eq!(context(&first[1]).conf, r#"{"day":"monday"}"#);
    stage.play(&first[0], returns("1")).await;
    stage.play(&first[1], AttemptEnd::Success { value: None }).await;
    let last = stage.claim_one().await;
    assert_eq!(context(&last).arguments, "[1,[null,1],null]");
    stage.play(&last, returns("3")).await;
    assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
}

/// What is finished is finished: a second report, and every other verb, is refused.
pub async fn a_finished_attempt_is_fenced<B: Broker>(stage: Stage<B>) {
    let dag = stage.know(spec(json!({"dag_id": "one", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
    let run = stage.trigger(&dag).await;
    let work = stage.claim_one().await;
    stage.play(&work, returns("1")).await;
    let attempt = work.grant.claims.attempt;
    let report = Report { end: fails(ErrorClass::Error), usage: Usage::default(), retry: None, map_label: None };
    fenced(stage.port.finish(&work.grant, report).await, attempt);
    fenced(stage.port.start(&work.grant).await, attempt);
    fenced(stage.port.log(&work.grant, vec![line("late")]).await, attempt);
    let push = Call::XcomPush { key: "k".parse().expect("a key"), value: "1".to_owned() };
    assert_eq!(stage.port.call(&work.grant, push).await, Err(CallError::Denied));
    let renewed = stage.port.renew(&[work.grant]).await.expect("an answer");
    assert_eq!(renewed, [Renewal::Fenced]);
    assert_eq!(stage.task_states(&dag, &run).await, [TaskInstanceState::Success]);
}

fn line(event: &str) -> LogLine {
    LogLine {
        timestamp: flow_model::time::Millis(0),
        level: LogLevel::Info,
        source: LogSource::Stdout,
        event: event.to_owned(),
        fields: None,
    }
}

/// A renewed lease outlives the time at which it would have expired, and one that is not renewed does not.
pub async fn a_lease_lives_as_long_as_it_is_renewed<B: Broker>(stage: Stage<B>) {
    let dag = stage.know(spec(json!({"dag_id": "one", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
    let run = stage.trigger(&dag).await;
    let work = stage.claim_one().await;
    stage.port.start(&work.grant).await.expect("it counts");
    let mut grant = work.grant.clone();
    for _ in 0..3 {
        stage.pass(LEASE / 2).await;
        let renewed = stage.port.renew(std::slice::from_ref(&grant)).await.expect("an answer").remove(0);
        let Renewal::Renewed(next) = renewed else { panic!("the attempt counts") };
        assert!(next.claims.expires > grant.claims.expires, "the grant got longer");
        grant = *next;
    }
    stage.pass(LEASE + Duration::from_millis(1)).await;
    let report = Report { end: returns("1"), usage: Usage::default(), retry: None, map_label: None };
    fenced(stage.port.finish(&grant, report).await, grant.claims.attempt);
    assert_eq!(stage.task_states(&dag, &run).await, [TaskInstanceState::Queued]);
    let again = stage.claim_one().await;
    assert_eq!(context(&again).try_number, 1, "a loss consumes no try");
    stage.play(&again, returns("2")).await;
    assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
}

/// A grant is good for minutes, so that a worker outlasts a control plane that is away for a while.
pub async fn a_grant_outlives_its_lease<B: Broker>(stage: Stage<B>) {
    let dag = stage.know(spec(json!({"dag_id": "one", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
    stage.trigger(&dag).await;
    let first = stage.claim_one().await.grant;
    stage.port.start(&first).await.expect("it counts");
    let answer = Ok(Reply::Instant(None));
    let mut latest = first.clone();
    // A little longer, as clocks of other machines may differ by a little.
    let end = stage.clock.now().after(GRANT_LIFE + Duration::from_secs(10));
    while stage.clock.now() < end {
        assert_eq!(stage.port.call(&latest, Call::PreviousSuccess).await, answer);
        if stage.clock.now().after(LEASE) < end {
            assert_eq!(stage.port.call(&first, Call::PreviousSuccess).await, answer, "it was not renewed");
        }
        stage.pass(LEASE / 2).await;
        let renewed = stage.port.renew(std::slice::from_ref(&latest)).await.expect("an answer").remove(0);
        let Renewal::Renewed(next) = renewed else { panic!("the attempt counts") };
        latest = *next;
    }
    assert_eq!(stage.port.call(&latest, Call::PreviousSuccess).await, answer);
    assert_eq!(stage.port.call(&first, Call::PreviousSuccess).await, Err(CallError::Denied));
}

/// A worker is on record as soon as it claims, for as long as it claims or renews.
pub async fn a_worker_is_on_record<B: Broker>(stage: Stage<B>) {
    let state = async || {
        let filter = JobFilter { hostname: Some("far.example".to_owned()), ..JobFilter::default() };
        let page = PageRequest::default();
        let jobs = stage.local.jobs(&filter, &page).await.expect("a page").entries;
        jobs.into_iter().map(|job| (job.job_type, job.state, job.end_date)).collect::<Vec<_>>()
    };
    let record = |state: &str, end| [(Some("WorkerJob".to_owned()), Some(state.to_owned()), end)];
    let claim = || {
        let (worker, hostname) = (JobId(uuid::Uuid::from_u128(7)), "far.example".to_owned());
        stage.port.claim(ClaimRequest {
            worker,
            hostname,
            tenants: TenantScope::All,
            slots: 1,
            wait_ms: 0,
            begins: false,
        })
    };
    assert_eq!(state().await, []);
    assert_eq!(claim().await, Ok(Vec::new()));
    assert_eq!(state().await, record("running", None));
    let last = stage.clock.now();
    stage.pass(Duration::from_mins(2)).await;
    assert_eq!(state().await, record("failed", Some(last)), "it is silent");

    let dag = stage.know(spec(json!({"dag_id": "one", "tasks": [{"task_id": "a", "function": "f"}]}))).await;
    stage.trigger(&dag).await;
    let work = claim().await.expect("work can be claimed").remove(0);
    assert_eq!(state().await, record("running", None), "it was not gone after all");
    for _ in 0..8 {
        stage.pass(LEASE / 2).await;
        stage.port.renew(std::slice::from_ref(&work.grant)).await.expect("an answer");
    }
    assert_eq!(state().await, record("running", None));
}

/// Values pass between the tasks of a run through `xcom`, and what was never stored is not found.
pub async fn xcoms_pass_between_tasks<B: Broker>(stage: Stage<B>) {
    let dag = stage
        .know(spec(json!({"dag_id": "x", "tasks": [
            {"task_id": "a", "function": "f"}, {"task_id": "b", "function": "f", "depends_on": ["a"]},
        ]})))
        .await;
    stage.trigger(&dag).await;
    let a = stage.claim_one().await;
    stage.port.start(&a.grant).await.expect("it counts");
    let key = || "k".parse().expect("a key");
    let push = |value: &str| Call::XcomPush { key: key(), value: value.to_owned() };
    assert_eq!(stage.port.call(&a.grant, push("1")).await, Ok(Reply::Done));
    assert_eq!(stage.port.call(&a.grant, push("[2]")).await, Ok(Reply::Done));
    assert!(matches!(stage.port.call(&a.grant, push("not json")).await, Err(CallError::Invalid(_))));
    stage.finish(&a, returns("3")).await;
    let b = stage.claim_one().await;
    stage.port.start(&b.grant).await.expect("it counts");
    let pull = |task: &str| Call::XcomPull { task: task.parse().expect("a task"), key: key(), map_index: None };
    assert_eq!(stage.port.call(&b.grant, pull("a")).await, Ok(Reply::Text("[2]".to_owned())));
    assert_eq!(stage.port.call(&b.grant, pull("b")).await, Err(CallError::NotFound));
    let all = Call::XcomPullAll { task: "a".parse().expect("a task"), key: "return_value".parse().expect("a key") };
    assert_eq!(stage.port.call(&b.grant, all).await, Ok(Reply::Text("[3]".to_owned())));
    assert_eq!(stage.port.call(&b.grant, Call::Progress { fraction: 0.5 }).await, Ok(Reply::Done));
    assert!(matches!(stage.port.call(&b.grant, Call::Progress { fraction: 1.5 }).await, Err(CallError::Invalid(_))));
}

/// A task reaches other DAGs only if it declares them, and its own always.
pub async fn runs_are_reached_as_declared<B: Broker>(stage: Stage<B>) {
    let other = stage.know(spec(json!({"dag_id": "other", "tasks": [{"task_id": "o", "function": "f"}]}))).await;
    let dag = stage
        .know(spec(
            json!({"dag_id": "caller", "uses": {"dags": ["oth*"]}, "tasks": [{"task_id": "a", "function": "f"}]}),
        ))
        .await;
    let run = stage.trigger(&dag).await;
    let work = stage.claim_one().await;
    stage.port.start(&work.grant).await.expect("it counts");
    let trigger = |dag: &str| Call::RunTrigger {
        dag: dag.parse().expect("a DAG"),
        conf: Some("{\"n\":1}".to_owned()),
        logical_date: None,
        run_id: Some("mine".parse().expect("a run id")),
    };
    assert_eq!(stage.port.call(&work.grant, trigger("other")).await, Ok(Reply::Text("mine".to_owned())));
    assert_eq!(stage.port.call(&work.grant, trigger("other")).await, Err(CallError::Conflict));
    assert_eq!(stage.port.call(&work.grant, trigger("others")).await, Err(CallError::NotFound));
    assert_eq!(stage.port.call(&work.grant, trigger("caller")).await, Err(CallError::Denied));
    let foreign = Call::RunState { dag: other.clone(), run_id: "mine".parse().expect("a run id") };
    assert_eq!(stage.port.call(&work.grant, foreign).await, Ok(Reply::RunState(RunState::Running)));
    let own = Call::RunState { dag: dag.clone(), run_id: run };
    assert_eq!(stage.port.call(&work.grant, own).await, Ok(Reply::RunState(RunState::Running)));
    let count = Call::RunCounts { dag: other, states: vec![RunState::Running] };
    assert_eq!(stage.port.call(&work.grant, count).await, Ok(Reply::Count(1)));
    assert_eq!(stage.port.call(&work.grant, Call::PreviousSuccess).await, Ok(Reply::Instant(None)));
}

/// Runs every test of the contract over one kind of door: `contract!(open)`, where `open` makes a stage of a store.
#[macro_export]
macro_rules! contract {
    ($open:path) => {
        $crate::contract!($open;
            results_become_arguments,
            a_finished_attempt_is_fenced,
            a_lease_lives_as_long_as_it_is_renewed,
            a_grant_outlives_its_lease,
            a_worker_is_on_record,
            xcoms_pass_between_tasks,
            runs_are_reached_as_declared,
        );
    };
    ($open:path; $($name:ident),+ $(,)?) => {
        $crate::on_both! {
            $(async fn $name(db: TestStore) {
                $crate::contract::$name($open(db).await).await;
            })+
        }
    };
}
