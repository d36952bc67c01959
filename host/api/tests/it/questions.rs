//! Questions to people over HTTP: who may answer, what fits, and what counts if nobody answers.

use std::time::Duration;

use flow_model::roles::Role;
use serde_json::{Value, json};

use crate::host::{Answer, Host, ask};
use crate::worker::with_tasks;

const QUESTION: &str = "/api/v2/dags/d/dagRuns/r/taskInstances/ask/-1/hitlDetails";

/// A host where a run asks a question of two options, with what `more` says, and the administrator's token.
async fn asks(more: &Value) -> (Host, String) {
    let mut form = json!({ "subject": "Well?", "options": ["yes", "no"] });
    form.as_object_mut().expect("a form").extend(more.as_object().expect("members").clone());
    let (host, admin) = with_tasks(&json!([{ "task_id": "ask", "native": { "human_input": form } }])).await;
    let body = json!({ "dag_run_id": "r", "logical_date": null });
    host.ask(ask("POST", "/api/v2/dags/d/dagRuns").token(&admin).json(&body)).await.expect(200);
    (host, admin)
}

async fn answer(host: &Host, token: &str, body: &Value) -> Answer {
    host.ask(ask("PATCH", QUESTION).token(token).json(body)).await
}

#[tokio::test]
async fn only_who_is_asked_may_answer() {
    let (host, admin) = asks(&json!({ "assigned_users": ["user"] })).await;
    let yes = json!({ "chosen_options": ["yes"] });
    let refused = answer(&host, &admin, &yes).await.expect(403).json();
    assert_eq!(refused["detail"], "not allowed: user \"user\" is asked, and nobody else may answer");
    answer(&host, &host.token("acme", Role::Viewer).await, &yes).await.expect(403);
    host.tenant("other").await;
    answer(&host, &host.token("other", Role::Admin).await, &yes).await.expect(404);
    let taken = answer(&host, &host.token("acme", Role::User).await, &yes).await.expect(200).json();
    assert_eq!((&taken["responded_by"]["id"], &taken["chosen_options"]), (&json!("user"), &json!(["yes"])));
    answer(&host, &host.token("acme", Role::User).await, &yes).await.expect(409);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_the_reason() {
    let copies = json!({ "value": 1, "schema": { "type": "integer", "minimum": 1 } });
    let (host, admin) = asks(&json!({ "params": { "copies": copies } })).await;
    for (body, reason) in [
        (json!({ "chosen_options": ["maybe"] }), "\"maybe\", which is no option; choose one of \"yes\", \"no\""),
        (json!({ "chosen_options": [] }), "chosen_options is empty"),
        (json!({ "chosen_options": ["yes", "no"] }), "chosen_options has several options"),
        (json!({ "chosen_options": ["yes"], "params_input": { "copies": 0 } }), "copies"),
        (
            json!({ "chosen_options": ["yes"], "params_input": { "colour": "red" } }),
            "\"colour\", which is not asked for",
        ),
    ] {
        let refused = answer(&host, &admin, &body).await.expect(422).text();
        let reason = reason.replace('"', "\\\"");
        assert!(refused.contains(&reason), "{body}: {refused}");
    }
    let taken = answer(&host, &admin, &json!({ "chosen_options": ["no"] })).await.expect(200).json();
    assert_eq!(taken["params_input"], json!({ "copies": 1 }), "what is left out has its default");
}

#[tokio::test]
async fn the_defaults_count_in_the_end() {
    let (host, admin) = asks(&json!({ "defaults": ["no"], "response_timeout_ms": 60_000 })).await;
    let seen = || async { host.ask(ask("GET", QUESTION).token(&admin)).await.expect(200).json() };
    let open = seen().await;
    assert_eq!(
        (&open["response_received"], &open["task_instance"]["state"]),
        (&json!(false), &json!("awaiting_input"))
    );
    host.pass(Duration::from_mins(1));
    host.broker.tick().await.expect("a round of the timekeeper");
    let over = seen().await;
    assert_eq!((&over["response_received"], &over["chosen_options"]), (&json!(true), &json!(["no"])));
    assert_eq!((&over["responded_by_user"], &over["task_instance"]["state"]), (&Value::Null, &json!("success")));
    answer(&host, &admin, &json!({ "chosen_options": ["yes"] })).await.expect(409);
}
