//! Waiting without a slot: triggers, the host's own waits, sensors, and how long one try may take in all.

use std::time::Duration;

use flow_model::dag::WaitSpec;
use flow_model::ids::{DagId, RunId};
use flow_model::port::{Broker, BrokerError, Report};
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget, TriggerDagRun};
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, DeferTrigger, Deferral, ErrorClass, Job, Resume, TaskContext, Usage, Work};
use flow_test_support::{LEASE, Stage, fails, on_both, returns, spec, task_of};
use serde_json::{Value, json};

use TaskInstanceState::{
    Deferred, Failed, None as NotYet, Queued, Running, Skipped, Success, UpForReschedule, UpForRetry, UpstreamFailed,
};

type LocalStage = Stage<flow_broker::LocalBroker>;

const SECOND: Duration = Duration::from_secs(1);

/// A DAG of the task `a`, as `more` says, and `b` behind it.
async fn pair(stage: &LocalStage, more: &Value) -> DagId {
    let mut a = json!({"task_id": "a"});
    if more["native"].is_null() {
        a["function"] = json!("f");
    }
    for (key, value) in more.as_object().expect("an object") {
        a[key] = value.clone();
    }
    let b = json!({"task_id": "b", "function": "f", "depends_on": ["a"]});
    stage.know(spec(json!({"dag_id": "pair", "tasks": [a, b]}))).await
}

fn wait(json: Value) -> WaitSpec {
    serde_json::from_value(json).expect("a wait")
}

fn until_trigger(timeout_ms: Option<u64>) -> AttemptEnd {
    let trigger = DeferTrigger::Guest { trigger: "job".to_owned(), kwargs: r#"{"id":7}"#.to_owned() };
    AttemptEnd::Deferred(Deferral { trigger, resume_key: "here".to_owned(), timeout_ms })
}

fn until_host(wait: Value) -> AttemptEnd {
    let trigger = DeferTrigger::Host { wait: Box::new(self::wait(wait)) };
    AttemptEnd::Deferred(Deferral { trigger, resume_key: "here".to_owned(), timeout_ms: None })
}

fn fired(event: &str) -> AttemptEnd {
    AttemptEnd::Fired { event: event.to_owned() }
}

fn context(work: &Work) -> &TaskContext {
    match &work.job {
        Job::Task(context) => context,
        other => panic!("it is a task, not {other:?}"),
    }
}

fn resumed(work: &Work) -> Result<String, String> {
    let Some(Resume { key, event }) = context(work).resume.clone() else { panic!("it goes on after a wait") };
    assert_eq!(key, "here");
    event
}

/// Reports an end after so much time on the worker.
async fn finish_after(stage: &LocalStage, work: &Work, wall: Duration, end: AttemptEnd) {
    let wall_us = u64::try_from(wall.as_micros()).expect("a short time");
    let usage = Usage { wall_us, ..Usage::default() };
    stage.port_start(work).await;
    let report = Report { end, usage, retry: None, map_label: None };
    stage.port.finish(&work.grant, report).await.expect("the attempt counts");
}

async fn dated(stage: &LocalStage, dag: &DagId, date: &str) -> RunId {
    let body: TriggerDagRun = serde_json::from_value(json!({"logical_date": date})).expect("a body");
    stage.trigger_with(dag, body).await
}

on_both! {
    async fn a_deferred_task_goes_on_where_it_said_as_the_same_try(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = pair(&stage, &json!({"retries": 1})).await;
        let run = stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, until_trigger(None)).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Deferred, NotYet]);
        let look = stage.claim_one().await;
        let Job::Trigger { trigger, kwargs } = &look.job else { panic!("a look, not {:?}", look.job) };
        assert_eq!((trigger.as_str(), kwargs.as_str()), ("job", r#"{"id":7}"#));
        let until = stage.clock.now().after(10 * SECOND);
        stage.play(&look, AttemptEnd::Pending { until }).await;
        assert!(stage.claim(16).await.is_empty(), "it holds no slot and nobody looks");
        assert_eq!(stage.pass(SECOND).await, Some(until));
        stage.pass(9 * SECOND).await;
        stage.play(&stage.claim_one().await, fired("[1]")).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Queued, NotYet]);
        let again = stage.claim_one().await;
        assert_eq!(resumed(&again), Ok("[1]".to_owned()));
        assert_eq!(context(&again).try_number, 1);
        stage.play(&again, returns("2")).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["b"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        let a = "a".parse().expect("a task");
        let shown = stage.local.task_instance(&stage.tenant, (&dag, &run), (&a, None)).await.expect("an instance");
        assert_eq!(shown.last_try.duration, Some(10.0), "it began before it waited");
    }

    async fn a_trigger_that_fails_or_takes_too_long_is_told_to_its_task(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = pair(&stage, &json!({})).await;
        stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, until_trigger(Some(5_000))).await;
        stage.play(&stage.claim_one().await, fails(ErrorClass::Error)).await;
        let again = stage.claim_one().await;
        assert_eq!(resumed(&again), Err("it failed with error".to_owned()));
        // It may wait again, and then in vain.
        stage.play(&again, until_trigger(Some(5_000))).await;
        let hour = stage.clock.now().after(Duration::from_hours(1));
        stage.play(&stage.claim_one().await, AttemptEnd::Pending { until: hour }).await;
        stage.pass(5 * SECOND).await;
        let last = stage.claim_one().await;
        assert_eq!(task_of(&last), "look for a", "one last look");
        stage.play(&last, AttemptEnd::Pending { until: hour }).await;
        assert_eq!(resumed(&stage.claim_one().await), Err("what it waited for did not happen in time".to_owned()));
    }

    async fn a_look_that_is_lost_is_made_again(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = pair(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, until_trigger(None)).await;
        for _ in 0..8 {
            let look = stage.claim_one().await;
            assert_eq!(task_of(&look), "look for a");
            stage.port_start(&look).await;
            stage.pass(LEASE).await;
            stage.pass(SECOND).await;
            assert_eq!(stage.task_states(&dag, &run).await, [Deferred, NotYet]);
        }
        stage.play(&stage.claim_one().await, fired("1")).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["a", "b"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_lost_attempt_goes_on_where_it_was(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = pair(&stage, &json!({})).await;
        stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, until_trigger(None)).await;
        stage.play(&stage.claim_one().await, fired("1")).await;
        for _ in 0..2 {
            let again = stage.claim_one().await;
            assert_eq!((resumed(&again), context(&again).try_number), (Ok("1".to_owned()), 1));
            stage.port_start(&again).await;
            stage.pass(LEASE).await;
        }
        let waits_again = stage.claim_one().await;
        stage.play(&waits_again, until_trigger(None)).await;
        stage.play(&stage.claim_one().await, fired("2")).await;
        assert_eq!(resumed(&stage.claim_one().await), Ok("2".to_owned()));
    }

    async fn a_try_has_one_budget_over_all_its_waits(db: TestStore) {
        let stage = Stage::open(db).await;
        let task = json!({"execution_timeout_ms": 10_000, "retries": 1, "retry_delay_ms": 1_000});
        let dag = pair(&stage, &task).await;
        stage.trigger(&dag).await;
        for left in [10_000, 7_000, 4_000] {
            let work = stage.claim_one().await;
            assert_eq!(work.limits.wall_ms, left);
            finish_after(&stage, &work, 3 * SECOND, until_trigger(None)).await;
            stage.pass(Duration::from_hours(1)).await;
            stage.play(&stage.claim_one().await, fired("1")).await;
        }
        let last = stage.claim_one().await;
        assert_eq!(last.limits.wall_ms, 1_000);
        finish_after(&stage, &last, SECOND, fails(ErrorClass::Timeout)).await;
        stage.pass(SECOND).await;
        let again = stage.claim_one().await;
        assert_eq!((again.limits.wall_ms, context(&again).try_number), (10_000, 2), "another try has it all");
        assert_eq!(context(&again).resume, None);
    }

    async fn what_ends_the_task_ends_its_wait(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = pair(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, until_trigger(None)).await;
        let look = stage.claim_one().await;
        let patch = DagRunPatch { state: Some(RunTarget::Failed), ..DagRunPatch::default() };
        stage.local.patch_run(&stage.admin(), &dag, &run, patch).await.expect("it can be stopped");
        assert_eq!(stage.task_states(&dag, &run).await, [Skipped, Skipped]);
        let report = Report { end: fired("1"), usage: Usage::default(), retry: None, map_label: None };
        let attempt = look.grant.claims.attempt;
        assert_eq!(stage.port.finish(&look.grant, report).await, Err(BrokerError::Fenced(attempt)));
        let patch = DagRunPatch { state: Some(RunTarget::Queued), ..DagRunPatch::default() };
        stage.local.patch_run(&stage.admin(), &dag, &run, patch).await.expect("it can be queued again");
        let anew = stage.claim_one().await;
        assert_eq!((context(&anew).resume.clone(), context(&anew).try_number), (None, 2), "a new try begins at the begin");
    }

    async fn the_host_waits_for_time_by_itself(db: TestStore) {
        let stage = Stage::open(db).await;
        let begun = stage.clock.now();
        let native = |until: Value| json!({"native": {"wait": {"until": until}}});
        let dag = pair(&stage, &native(json!({"duration": 60_000}))).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Deferred, NotYet]);
        assert_eq!(stage.pass(SECOND).await, Some(begun.after(60 * SECOND)), "nobody looks before");
        assert!(stage.claim(16).await.is_empty());
        stage.pass(59 * SECOND).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Queued]);
        stage.play_all(|_| returns("1")).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn the_host_waits_for_instants_and_after_intervals(db: TestStore) {
        let stage = Stage::open(db).await;
        let tasks = json!([
            {"task_id": "at", "native": {"wait": {"until": {"instant": "2026-01-01T00:01:00Z"}}}},
            {"task_id": "past", "native": {"wait": {"until": {"instant": "2025-01-01T00:00:00Z"}}}},
            {"task_id": "after", "native": {"wait": {"until": {"after_interval": 120_000}}}},
        ]);
        let dag = stage.know(spec(json!({"dag_id": "times", "tasks": tasks}))).await;
        let run = dated(&stage, &dag, "2026-01-01T00:00:00Z").await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Deferred, Success, Deferred]);
        stage.pass(60 * SECOND).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Success, Deferred]);
        stage.pass(60 * SECOND).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_wait_in_vain_fails_for_good_or_is_skipped(db: TestStore) {
        let stage = Stage::open(db).await;
        for (soft_fail, expected) in [(false, [Failed, UpstreamFailed]), (true, [Skipped, Skipped])] {
            let until = json!({"run": {"dag_id": "pair", "execution_delta_ms": 1}});
            let wait = json!({"until": until, "poke_interval_ms": 4_000, "timeout_ms": 10_000, "soft_fail": soft_fail});
            let native = json!({"wait": wait});
            let id = format!("vain_{soft_fail}");
            let tasks = json!([
                {"task_id": "a", "native": native, "retries": 3},
                {"task_id": "b", "function": "f", "depends_on": ["a"]},
            ]);
            let dag = stage.know(spec(json!({"dag_id": id, "uses": {"dags": ["pair"]}, "tasks": tasks}))).await;
            let run = dated(&stage, &dag, "2026-01-01T00:00:00Z").await;
            for _ in 0..3 {
                stage.pass(3 * SECOND).await;
                assert_eq!(stage.task_states(&dag, &run).await, [Deferred, NotYet]);
            }
            stage.pass(SECOND).await;
            assert_eq!(stage.task_states(&dag, &run).await, expected, "soft: {soft_fail}");
        }
    }

    async fn another_run_is_waited_for_and_wakes_who_waits(db: TestStore) {
        let stage = Stage::open(db).await;
        let other = stage.know(spec(json!({"dag_id": "other", "tasks": [
            {"task_id": "x", "function": "f"}, {"task_id": "y", "function": "f", "depends_on": ["x"]},
        ]}))).await;
        let native = |until: Value| json!({"wait": {"until": {"run": until}, "poke_interval_ms": 3_600_000}});
        let waits = stage.know(spec(json!({"dag_id": "waits", "uses": {"dags": ["other"]}, "tasks": [
            {"task_id": "run", "native": native(json!({"dag_id": "other"}))},
            {"task_id": "task", "native": native(json!({"dag_id": "other", "task_id": "x"}))},
        ]}))).await;
        let run = dated(&stage, &waits, "2026-01-01T00:00:00Z").await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&waits, &run).await, [Deferred, Deferred], "there is no such run yet");
        let theirs = dated(&stage, &other, "2026-01-01T00:00:00Z").await;
        stage.pass(Duration::ZERO).await;
        stage.play(&stage.claim_one().await, returns("1")).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&waits, &run).await, [Deferred, Success], "long before it would look again");
        stage.play(&stage.claim_one().await, returns("1")).await;
        assert_eq!(stage.run_state(&other, &theirs).await, RunState::Success);
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.run_state(&waits, &run).await, RunState::Success);
    }

    async fn a_known_run_is_waited_for_by_its_id(db: TestStore) {
        let stage = Stage::open(db).await;
        let other = stage.know(spec(json!({"dag_id": "other", "tasks": [{"task_id": "x", "function": "f"}]}))).await;
        let theirs = stage.trigger(&other).await;
        let dag = pair(&stage, &json!({"uses": {"dags": ["other"]}})).await;
        let run = stage.trigger(&dag).await;
        let work = stage.claim(16).await;
        let mine = work.iter().find(|work| task_of(work) == "a").expect("a task");
        stage.play(mine, until_host(json!({"until": {"run": {"dag_id": "other", "run_id": theirs}}}))).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Deferred, NotYet]);
        let x = work.iter().find(|work| task_of(work) == "x").expect("a task");
        stage.play(x, returns("1")).await;
        stage.pass(Duration::ZERO).await;
        let again = stage.claim_one().await;
        assert_eq!(resumed(&again), Ok(r#"{"dag_id":"other","state":"success"}"#.to_owned()), "no date is needed");
    }

    async fn a_run_without_a_date_stands_for_when_it_was_due(db: TestStore) {
        let stage = Stage::open(db).await;
        let other = stage.know(spec(json!({"dag_id": "other", "tasks": [{"task_id": "x", "function": "f"}]}))).await;
        let wait = json!({"until": {"run": {"dag_id": "other"}}});
        let tasks = json!([{"task_id": "run", "native": {"wait": wait}}]);
        let waits = stage.know(spec(json!({"dag_id": "waits", "uses": {"dags": ["other"]}, "tasks": tasks}))).await;
        dated(&stage, &other, "2026-01-01T00:00:00Z").await;
        stage.play_all(|_| returns("1")).await;
        let run = stage.trigger(&waits).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&waits, &run).await, [Success]);
    }

    async fn a_task_can_begin_with_its_trigger(db: TestStore) {
        let stage = Stage::open(db).await;
        let trigger = json!({"name": "job", "kwargs": {"id": 7}});
        let tasks = json!([
            {"task_id": "a", "native": {"wait": {"until": {"trigger": trigger}, "timeout_ms": 60_000}}},
            {"task_id": "b", "function": "f", "arguments": [{"output": "a"}]},
        ]);
        let dag = stage.know(spec(json!({"dag_id": "begins", "tasks": tasks}))).await;
        let run = stage.trigger(&dag).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Deferred, NotYet]);
        let look = stage.claim_one().await;
        let Job::Trigger { trigger, kwargs } = &look.job else { panic!("a look, not {:?}", look.job) };
        assert_eq!((trigger.as_str(), kwargs.as_str()), ("job", r#"{"id":7}"#));
        let until = stage.clock.now().after(10 * SECOND);
        stage.play(&look, AttemptEnd::Pending { until }).await;
        stage.pass(10 * SECOND).await;
        stage.play(&stage.claim_one().await, fired("[3]")).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Queued]);
        assert_eq!(context(&stage.claim_one().await).arguments, "[[3]]", "what it has found is its result");
    }

    async fn a_lost_hint_costs_time_and_nothing_more(db: TestStore) {
        let stage = Stage::open(db).await;
        let other = stage.know(spec(json!({"dag_id": "other", "tasks": [{"task_id": "x", "function": "f"}]}))).await;
        let wait = json!({"until": {"run": {"dag_id": "other"}}, "poke_interval_ms": 60_000});
        let tasks = json!([{"task_id": "run", "native": {"wait": wait}}]);
        let waits = stage.know(spec(json!({"dag_id": "waits", "uses": {"dags": ["other"]}, "tasks": tasks}))).await;
        let run = dated(&stage, &waits, "2026-01-01T00:00:00Z").await;
        stage.pass(Duration::ZERO).await;
        let stage = stage.restart().await;
        dated(&stage, &other, "2026-01-01T00:00:00Z").await;
        stage.play_all(|_| returns("1")).await;
        stage.pass(SECOND).await;
        assert_eq!(stage.task_states(&waits, &run).await, [Deferred]);
        stage.pass(60 * SECOND).await;
        assert_eq!(stage.task_states(&waits, &run).await, [Success]);
    }

    async fn what_the_host_waits_for_can_fail_and_be_waited_for_again(db: TestStore) {
        let stage = Stage::open(db).await;
        let other = stage.know(spec(json!({"dag_id": "other", "tasks": [{"task_id": "x", "function": "f"}]}))).await;
        let wait = json!({"until": {"run": {"dag_id": "other", "failed_states": ["failed"]}}});
        let task = json!({"task_id": "a", "native": {"wait": wait}, "retries": 1, "retry_delay_ms": 60_000});
        let waits = stage.know(spec(json!({"dag_id": "waits", "uses": {"dags": ["other"]}, "tasks": [task]}))).await;
        let theirs = dated(&stage, &other, "2026-01-01T00:00:00Z").await;
        stage.play_all(|_| fails(ErrorClass::Fatal)).await;
        let run = dated(&stage, &waits, "2026-01-01T00:00:00Z").await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&waits, &run).await, [UpForRetry]);
        let a = "a".parse().expect("a task");
        let shown = stage.local.task_instance(&stage.tenant, (&waits, &run), (&a, None)).await.expect("an instance");
        assert_eq!(
            shown.last_try.error_message.as_deref(),
            Some("the run of DAG other that was waited for is failed")
        );
        let patch = DagRunPatch { state: Some(RunTarget::Queued), ..DagRunPatch::default() };
        stage.local.patch_run(&stage.admin(), &other, &theirs, patch).await.expect("it can be queued again");
        stage.pass(60 * SECOND).await;
        assert_eq!(stage.task_states(&waits, &run).await, [Deferred], "no worker is asked to wait");
        assert_eq!(stage.play_all(|_| returns("1")).await, ["x"]);
        stage.pass(Duration::ZERO).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.task_states(&waits, &run).await, [Success]);
        let shown = stage.local.task_instance(&stage.tenant, (&waits, &run), (&a, None)).await.expect("an instance");
        assert_eq!((shown.last_try.try_number, shown.last_try.error_message), (2, None));
    }

    async fn http_is_asked_by_a_worker(db: TestStore) {
        let stage = Stage::open(db).await;
        let wait = json!({"until": {"http": {"url": "https://a.example/b"}}, "poke_interval_ms": 5_000});
        let origins = json!({"origins": ["https://a.example"]});
        let dag = pair(&stage, &json!({"native": {"wait": wait}, "uses": origins})).await;
        let run = stage.trigger(&dag).await;
        let look = stage.claim_one().await;
        let Job::Http { check, poke_interval_ms: 5_000 } = &look.job else { panic!("a look, not {:?}", look.job) };
        assert_eq!(check.url, "https://a.example/b");
        assert_eq!(look.grant.claims.uses.origins, ["https://a.example"]);
        let until = stage.clock.now().after(5 * SECOND);
        stage.play(&look, AttemptEnd::Pending { until }).await;
        stage.pass(5 * SECOND).await;
        stage.play(&stage.claim_one().await, fired(r#"{"status":200}"#)).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Queued]);
    }

    async fn a_task_waits_only_for_what_it_declares(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = pair(&stage, &json!({})).await;
        let run = stage.trigger(&dag).await;
        let work = stage.claim_one().await;
        stage.play(&work, until_host(json!({"until": {"run": {"dag_id": "other"}}}))).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Failed, UpstreamFailed]);
        let a = "a".parse().expect("a task");
        let shown = stage.local.task_instance(&stage.tenant, (&dag, &run), (&a, None)).await.expect("an instance");
        let message = shown.last_try.error_message.expect("a message");
        assert_eq!(
            message,
            "it waits for DAG \"other\" and does not declare that it uses it: add it to `uses.dags`"
        );
    }

    async fn a_task_lets_the_host_wait_and_goes_on(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = pair(&stage, &json!({})).await;
        stage.trigger(&dag).await;
        stage.play(&stage.claim_one().await, until_host(json!({"until": {"duration": 60_000}}))).await;
        stage.pass(60 * SECOND).await;
        assert_eq!(resumed(&stage.claim_one().await), Ok(r#"{"at":"2026-01-01T00:01:00Z"}"#.to_owned()));
    }

    async fn a_sensor_looks_again_as_the_same_try(db: TestStore) {
        let stage = Stage::open(db).await;
        let sensor = json!({"sensor": {"timeout_ms": 60_000}, "retries": 1, "execution_timeout_ms": 5_000});
        let dag = pair(&stage, &sensor).await;
        let run = stage.trigger(&dag).await;
        let first = stage.clock.now();
        for look in 0..4 {
            let work = stage.claim_one().await;
            let expected = (look > 0).then_some(first);
            assert_eq!((context(&work).first_poke, context(&work).try_number), (expected, 1), "look {look}");
            assert_eq!(work.limits.wall_ms, 5_000, "each look has all of it");
            let at = stage.clock.now().after(10 * SECOND);
            finish_after(&stage, &work, 4 * SECOND, AttemptEnd::Reschedule { at }).await;
            assert_eq!(stage.task_states(&dag, &run).await, [UpForReschedule, NotYet]);
            assert!(stage.claim(16).await.is_empty());
            stage.pass(10 * SECOND).await;
        }
        let work = stage.claim_one().await;
        stage.port_start(&work).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Running, NotYet]);
        stage.finish(&work, returns("1")).await;
        assert_eq!(stage.play_all(|_| returns("1")).await, ["b"]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_sensor_gives_up_from_its_first_look_on(db: TestStore) {
        let stage = Stage::open(db).await;
        for (soft_fail, expected) in [(false, [Failed, UpstreamFailed]), (true, [Skipped, Skipped])] {
            let sensor = json!({"timeout_ms": 25_000, "soft_fail": soft_fail});
            let tasks = json!([
                {"task_id": "a", "function": "f", "retries": 3, "sensor": sensor},
                {"task_id": "b", "function": "f", "depends_on": ["a"]},
            ]);
            let dag = stage.know(spec(json!({"dag_id": format!("sensor_{soft_fail}"), "tasks": tasks}))).await;
            let run = stage.trigger(&dag).await;
            for expected in [10, 10, 5] {
                let at = stage.clock.now().after(10 * SECOND);
                stage.play(&stage.claim_one().await, AttemptEnd::Reschedule { at }).await;
                let due = stage.pass(Duration::ZERO).await.expect("it looks again");
                assert_eq!(due.since(stage.clock.now()), expected * SECOND);
                stage.pass(expected * SECOND).await;
            }
            let at = Millis(i64::MAX);
            stage.play(&stage.claim_one().await, AttemptEnd::Reschedule { at }).await;
            assert_eq!(stage.task_states(&dag, &run).await, expected, "soft: {soft_fail}");
        }
    }

    async fn a_sensor_that_fails_begins_to_look_anew(db: TestStore) {
        let stage = Stage::open(db).await;
        let task = json!({"sensor": {"timeout_ms": 25_000}, "retries": 1, "retry_delay_ms": 60_000});
        let dag = pair(&stage, &task).await;
        stage.trigger(&dag).await;
        let at = stage.clock.now().after(10 * SECOND);
        stage.play(&stage.claim_one().await, AttemptEnd::Reschedule { at }).await;
        stage.pass(10 * SECOND).await;
        stage.play(&stage.claim_one().await, fails(ErrorClass::Error)).await;
        stage.pass(60 * SECOND).await;
        let again = stage.claim_one().await;
        assert_eq!((context(&again).first_poke, context(&again).try_number), (None, 2));
        let at = stage.clock.now().after(10 * SECOND);
        stage.play(&again, AttemptEnd::Reschedule { at }).await;
        assert!(stage.pass(10 * SECOND).await.is_none(), "it looks again, and has not given up");
    }
}
