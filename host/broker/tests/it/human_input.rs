//! Questions to people: asked, read, answered once, or answered by their defaults.

use std::time::Duration;

use flow_broker::{Actor, ServiceError};
use flow_model::human_input::Answer;
use flow_model::ids::{DagId, RunId, TaskId};
use flow_model::rest::clearing::ClearTaskInstances;
use flow_model::rest::dag_runs::{DagRunPatch, RunTarget};
use flow_model::rest::human_input::{HitlDetail, HitlFilter, HitlResponse};
use flow_model::rest::{PageRequest, Scope};
use flow_model::state::{RunState, TaskInstanceState};
use flow_model::work::{AttemptEnd, Job, Work};
use flow_test_support::{Stage, on_both, returns, spec};
use serde_json::{Value, json};

use TaskInstanceState::{AwaitingInput, Failed, None as NotYet, Queued, Skipped, Success, UpForRetry};

type LocalStage = Stage<flow_broker::LocalBroker>;

const MINUTE: Duration = Duration::from_mins(1);

/// A DAG of the question `ask`, with what `more` says, and the tasks `yes` and `no` behind it.
async fn asks(stage: &LocalStage, more: &Value) -> (DagId, RunId) {
    let mut form = json!({"subject": "Well?", "options": ["yes", "no"]});
    for (key, value) in more.as_object().expect("an object") {
        form[key] = value.clone();
    }
    let behind = |id: &str| json!({"task_id": id, "function": "f", "arguments": [{"output": "ask"}]});
    let ask = json!({"task_id": "ask", "native": {"human_input": form}});
    let dag = stage.know(spec(json!({"dag_id": "asks", "tasks": [ask, behind("yes"), behind("no")]}))).await;
    let run = stage.trigger(&dag).await;
    (dag, run)
}

fn task(id: &str) -> TaskId {
    id.parse().expect("a task")
}

fn somebody(stage: &LocalStage, name: &str) -> Actor {
    Actor { name: name.to_owned(), ..stage.admin() }
}

async fn answer(
    stage: &LocalStage,
    who: &str,
    (dag, run): (&DagId, &RunId),
    body: Value,
) -> Result<HitlResponse, ServiceError> {
    let body: Answer = serde_json::from_value(body).expect("a body");
    stage.local.answer(&somebody(stage, who), (dag, run), (&task("ask"), None), body).await
}

async fn seen(stage: &LocalStage, filter: HitlFilter) -> Vec<HitlDetail> {
    let page = PageRequest::default();
    let found = stage.local.questions(&stage.tenant, &Scope::default(), &filter, &page).await.expect("a page");
    assert_eq!(found.total, found.entries.len() as u64);
    found.entries
}

fn argument(work: &Work) -> Value {
    let Job::Task(context) = &work.job else { panic!("a task, not {:?}", work.job) };
    let arguments: Value = serde_json::from_str(&context.arguments).expect("JSON");
    arguments[0].clone()
}

on_both! {
    async fn a_question_is_read_and_answered_once(db: TestStore) {
        let stage = Stage::open(db).await;
        let copies = json!({"value": 1, "schema": {"type": "integer", "minimum": 1}});
        let more = json!({"body": "**Really?**", "params": {"copies": copies}, "response_timeout_ms": 600_000});
        let (dag, run) = asks(&stage, &more).await;
        let asked_at = stage.clock.now();
        assert_eq!(stage.task_states(&dag, &run).await, [AwaitingInput, NotYet, NotYet]);
        assert!(stage.claim(16).await.is_empty(), "it costs no slot");
        let open = seen(&stage, HitlFilter { response_received: Some(false), ..HitlFilter::default() }).await;
        assert_eq!(open.len(), 1);
        let question = &open[0].question;
        assert_eq!((question.subject.as_str(), question.body.as_deref()), ("Well?", Some("**Really?**")));
        assert_eq!((question.options.len(), question.params["copies"].value.clone()), (2, json!(1)));
        assert_eq!((question.created_at, question.response_timeout_at), (asked_at, Some(asked_at.after(10 * MINUTE))));
        assert_eq!(open[0].task_instance.last_try.state, Some(AwaitingInput));

        stage.clock.advance(MINUTE);
        let body = json!({"chosen_options": ["yes"], "params_input": {"copies": 3}});
        let taken = answer(&stage, "grace", (&dag, &run), body.clone()).await.expect("it fits");
        assert_eq!((taken.responded_at, taken.params_input["copies"].clone()), (asked_at.after(MINUTE), json!(3)));
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Queued, Queued]);
        let late = answer(&stage, "grace", (&dag, &run), body).await.expect_err("it was answered");
        assert_eq!(late.to_string(), "question of task instance \"ask\": it has its answer already");
        assert!(matches!(late, ServiceError::Conflict { .. }));

        let expected = json!({
            "chosen_options": ["yes"], "params_input": {"copies": 3},
            "responded_at": "2026-01-01T00:01:00Z", "responded_by_user": {"id": "grace", "name": "grace"},
        });
        let work = stage.claim(16).await;
        assert_eq!(argument(&work[0]), expected, "it is the task's result");
        let shown = stage.local.question(&stage.tenant, (&dag, &run), (&task("ask"), None)).await.expect("a question");
        assert!(shown.question.response_received);
        assert_eq!(shown.question.chosen_options, Some(vec!["yes".to_owned()]));
        assert_eq!(shown.question.responded_by_user.expect("somebody").name, "grace");
    }

    async fn only_who_is_asked_and_only_what_fits(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run) = asks(&stage, &json!({"assigned_users": ["grace"]})).await;
        let denied = answer(&stage, "bob", (&dag, &run), json!({"chosen_options": ["yes"]})).await;
        let denied = denied.expect_err("he is not asked");
        assert_eq!(denied.to_string(), "not allowed: user \"grace\" is asked, and nobody else may answer");
        for body in [json!({"chosen_options": ["maybe"]}), json!({"chosen_options": []})] {
            let refused = answer(&stage, "grace", (&dag, &run), body).await.expect_err("it does not fit");
            assert!(matches!(refused, ServiceError::Invalid { .. }), "{refused}");
        }
        assert_eq!(stage.task_states(&dag, &run).await, [AwaitingInput, NotYet, NotYet], "nothing has changed");
        answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["no"]})).await.expect("it fits");
        let yes = Answer { chosen_options: vec!["yes".to_owned()], ..Answer::default() };
        let absent = stage.local.answer(&stage.admin(), (&dag, &run), (&task("yes"), None), yes).await;
        assert!(matches!(absent, Err(ServiceError::NotFound { .. })), "{absent:?}");
    }

    async fn defaults_count_if_nobody_answers_in_time(db: TestStore) {
        let stage = Stage::open(db).await;
        let params = json!({"copies": {"value": 2}});
        let more = json!({"defaults": ["no"], "params": params, "response_timeout_ms": 60_000});
        let (dag, run) = asks(&stage, &more).await;
        let due = stage.pass(Duration::ZERO).await.expect("somebody looks then");
        assert_eq!(due.since(stage.clock.now()), MINUTE);
        stage.pass(MINUTE).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Queued, Queued]);
        let expected = json!({
            "chosen_options": ["no"], "params_input": {"copies": 2},
            "responded_at": "2026-01-01T00:01:00Z", "responded_by_user": null,
        });
        assert_eq!(argument(&stage.claim(16).await[0]), expected);
        let late = answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["yes"]})).await;
        assert!(matches!(late, Err(ServiceError::Conflict { .. })), "{late:?}");
    }

    async fn without_defaults_the_try_has_failed(db: TestStore) {
        let stage = Stage::open(db).await;
        let form = json!({"subject": "Well?", "options": ["yes"], "response_timeout_ms": 60_000});
        let ask = json!({"task_id": "ask", "native": {"human_input": form}, "retries": 1, "retry_delay_ms": 60_000});
        let dag = stage.know(spec(json!({"dag_id": "asks", "tasks": [ask]}))).await;
        let run = stage.trigger(&dag).await;
        stage.pass(MINUTE).await;
        assert_eq!(stage.task_states(&dag, &run).await, [UpForRetry]);
        let late = answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["yes"]})).await;
        let late = late.expect_err("nobody waits for it");
        assert_eq!(late.to_string(), "question of task instance \"ask\": it does not wait for an answer any more");
        stage.pass(MINUTE).await;
        assert_eq!(stage.task_states(&dag, &run).await, [AwaitingInput], "it is asked again");
        let ask = task("ask");
        let tries = (1..=3).map(|number| stage.local.question_of_try(&stage.tenant, (&dag, &run), (&ask, None), number));
        let tries = futures::future::join_all(tries).await;
        let states: Vec<_> = tries.iter().map(|one| one.as_ref().ok().and_then(|one| one.task_instance.state)).collect();
        assert_eq!(states, [Some(Failed), Some(AwaitingInput), None]);
        assert_eq!(seen(&stage, HitlFilter::default()).await.len(), 1, "the list has the present one alone");
        stage.pass(MINUTE).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Failed]);
        let shown = stage.local.task_instance(&stage.tenant, (&dag, &run), (&ask, None)).await.expect("an instance");
        assert_eq!(shown.last_try.error_message.as_deref(), Some("nobody answered in time"));
    }

    async fn a_task_asks_in_the_middle_of_its_work(db: TestStore) {
        let stage = Stage::open(db).await;
        let ask = json!({"task_id": "ask", "function": "f"});
        let dag = stage.know(spec(json!({"dag_id": "asks", "tasks": [ask]}))).await;
        let run = stage.trigger(&dag).await;
        let form = json!({"subject": "Which?", "options": ["a", "b"], "multiple": true});
        let form = Box::new(serde_json::from_value(form).expect("a form"));
        let question = AttemptEnd::AwaitingInput { form, resume_key: Some("here".to_owned()) };
        for round in 0..2 {
            stage.play(&stage.claim_one().await, question.clone()).await;
            assert_eq!(stage.task_states(&dag, &run).await, [AwaitingInput]);
            let body = json!({"chosen_options": ["b", "a"]});
            answer(&stage, "grace", (&dag, &run), body).await.unwrap_or_else(|why| panic!("question {round}: {why}"));
        }
        let again = stage.claim_one().await;
        let Job::Task(context) = &again.job else { panic!("a task, not {:?}", again.job) };
        let resume = context.resume.clone().expect("it goes on");
        let event: Value = serde_json::from_str(&resume.event.expect("an answer")).expect("JSON");
        assert_eq!((resume.key.as_str(), &event["chosen_options"]), ("here", &json!(["b", "a"])));
        assert_eq!(context.try_number, 1);
        stage.play(&again, returns("1")).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn a_question_that_makes_no_sense_fails_its_task(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "asks", "tasks": [{"task_id": "ask", "function": "f"}]}))).await;
        let run = stage.trigger(&dag).await;
        let form = Box::new(serde_json::from_value(json!({"subject": "Well?", "options": []})).expect("a form"));
        stage.play(&stage.claim_one().await, AttemptEnd::AwaitingInput { form, resume_key: None }).await;
        assert_eq!(stage.task_states(&dag, &run).await, [Failed]);
        assert_eq!(seen(&stage, HitlFilter::default()).await, []);
    }

    async fn an_answer_chooses_who_goes_on(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run) = asks(&stage, &json!({"branch": true})).await;
        answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["no"]})).await.expect("it fits");
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Skipped, Queued]);
    }

    async fn a_rejection_ends_what_is_downstream(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run) = asks(&stage, &json!({"approval": true})).await;
        answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["no"]})).await.expect("it fits");
        assert_eq!(stage.task_states(&dag, &run).await, [Success, Skipped, Skipped]);
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
    }

    async fn what_ends_or_clears_the_task_withdraws_its_question(db: TestStore) {
        let stage = Stage::open(db).await;
        let (dag, run) = asks(&stage, &json!({})).await;
        let patch = DagRunPatch { state: Some(RunTarget::Failed), ..DagRunPatch::default() };
        stage.local.patch_run(&stage.admin(), &dag, &run, patch).await.expect("it can be stopped");
        let late = answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["yes"]})).await;
        assert!(matches!(late, Err(ServiceError::Conflict { .. })), "{late:?}");
        let clear = ClearTaskInstances {
            dry_run: false,
            only_failed: Some(false),
            dag_run_id: Some(run.clone()),
            ..ClearTaskInstances::default()
        };
        stage.local.clear_task_instances(&stage.admin(), &dag, clear).await.expect("it can be cleared");
        assert_eq!(stage.task_states(&dag, &run).await, [AwaitingInput, NotYet, NotYet]);
        answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["yes"]})).await.expect("it is asked anew");
        stage.play_all(|_| returns("1")).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Success);
        stage.local.delete_run(&stage.admin(), &dag, &run).await.expect("it can be deleted");
        assert_eq!(seen(&stage, HitlFilter::default()).await, []);
    }

    async fn lists_narrow_down(db: TestStore) {
        let stage = Stage::open(db).await;
        let native = |subject: &str| json!({"human_input": {"subject": subject, "options": ["ok"]}});
        let tasks = json!([
            {"task_id": "ask", "native": native("Delete the drafts?")},
            {"task_id": "other", "native": native("Publish 100% of it?")},
        ]);
        let dag = stage.know(spec(json!({"dag_id": "lists", "tasks": tasks}))).await;
        let run = stage.trigger(&dag).await;
        answer(&stage, "grace", (&dag, &run), json!({"chosen_options": ["ok"]})).await.expect("it fits");
        let none = HitlFilter::default;
        let found = |text: &str| Some(text.to_owned());
        let one = |id: &str| vec![id.to_owned()];
        for (filter, expected) in [
            (none(), vec!["ask", "other"]),
            (HitlFilter { response_received: Some(true), ..none() }, vec!["ask"]),
            (HitlFilter { state: vec![AwaitingInput], ..none() }, vec!["other"]),
            (HitlFilter { responded_by_user_name: one("grace"), ..none() }, vec!["ask"]),
            (HitlFilter { responded_by_user_id: one("ada"), ..none() }, vec![]),
            (HitlFilter { subject_search: found("publish"), ..none() }, vec!["other"]),
            (HitlFilter { task_id_pattern: found("oth"), ..none() }, vec!["other"]),
            (HitlFilter { task_id: found("ask"), ..none() }, vec!["ask"]),
            (HitlFilter { dag_id_pattern: found("nothing"), ..none() }, vec![]),
            (HitlFilter { dag_id_prefix_pattern: found("x|lis"), ..none() }, vec!["ask", "other"]),
            (HitlFilter { dag_id_prefix_pattern: found("ists"), ..none() }, vec![]),
            (HitlFilter { task_id_prefix_pattern: found("ot"), ..none() }, vec!["other"]),
            (HitlFilter { task_id_prefix_pattern: found("OT"), ..none() }, vec![]),
            (HitlFilter { body_search: found("x"), ..none() }, vec![]),
            (HitlFilter { map_index: vec![0], ..none() }, vec![]),
            (HitlFilter { created_at_gt: Some(stage.clock.now()), ..none() }, vec![]),
        ] {
            let shown = seen(&stage, filter.clone()).await;
            let ids: Vec<&str> = shown.iter().map(|detail| detail.task_instance.last_try.task_id.as_str()).collect();
            assert_eq!(ids, expected, "{filter:?}");
        }
    }
}
